"""What a bridge reports of itself: its diagnostics, and the results of its episodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from rcd_ros.nodes.bridge.command_intake import CommandIntake
from rcd_ros.nodes.bridge.episode_driver import EpisodeDriver
from rcd_ros.nodes.bridge.parameters import BridgeParameters
from rcd_ros.nodes.planner.report import PlannerReport
from rcd_ros.nodes.ros.messages import Status, diagnostic_array
from rcd_ros.outputs import write_json

BEGUN = "begun"
"""Key of the diagnostics: wall time (ns), process and host at which the bridge began."""
QUEUE = 10


class BridgeReport:
    """Publishes `diagnostics` and writes the results file.

    Attributes:
        planner: newest report of the planner, for the results; None before the first one.
    """

    def __init__(
        self,
        node: Node,
        begun: str,
        driver: EpisodeDriver,
        intake: CommandIntake,
        parameters: Callable[[], BridgeParameters],
        results: Path | None,
    ) -> None:
        """Make the publisher.

        Args:
            node: the bridge.
            begun: value of `BEGUN`.
            driver: of the episodes.
            intake: of the commands.
            parameters: returns the present ones.
            results: JSON file; None: no results are written.
        """
        self.planner: PlannerReport | None = None
        self._node, self._begun, self._driver, self._intake = node, begun, driver, intake
        self._parameters, self._results = parameters, results
        self._publisher = node.create_publisher(DiagnosticArray, "diagnostics", QUEUE)

    @property
    def pace_problem(self) -> str:
        """That the simulation is too slow, as a sentence; empty when it is not."""
        ticker = self._driver.ticker
        return ticker.pace.problem if ticker is not None else ""

    def publish(self) -> None:
        """Publish the diagnostics of simulation and commands."""
        self._intake.look_at_publishers()
        episodes = self._driver.episodes
        statuses = [
            Status.judged("simulation", self._problem(), self._values()),
            Status.judged("commands", self._intake.problem(episodes.now), self._intake.values()),
        ]
        name = self._node.get_fully_qualified_name()
        self._publisher.publish(diagnostic_array(episodes.now, name, episodes.spec.name, statuses))

    def write_results(self) -> None:
        """Write the finished episodes, and how they were driven."""
        if self._results is None:
            return
        parameters, episodes, ticker = self._parameters(), self._driver.episodes, self._driver.ticker
        how = {
            "mode": parameters.mode,
            "speed": parameters.speed,
            "step_s": episodes.spec.control_period,
            "execute": parameters.execute,
            "planner": self.planner.values() if self.planner else None,
            "plans_refused": dict(self._intake.refused),
            "pace": ticker.pace.values() if ticker is not None else None,
        }
        write_json(self._results, episodes.summary() | how)

    def _problem(self) -> str:
        driver = self._driver
        if driver.awaited and driver.episodes.running is not None and driver.waited_s >= 1.0:
            return f"waiting for a plan for {driver.waited_s:.0f} s"
        return self.pace_problem

    def _values(self) -> dict[str, object]:
        parameters, episodes, ticker = self._parameters(), self._driver.episodes, self._driver.ticker
        record = episodes.running
        return {
            BEGUN: self._begun,
            "mode": parameters.mode,
            "execute": parameters.execute,
            "command_timeout": parameters.command_timeout,
            "enforce_command_limits": parameters.enforce_command_limits,
            "paused": self._driver.paused,
            "episodes_done": len(episodes.finished),
            "step": record.steps if record else 0,
            "held_steps": record.held_steps if record else 0,
            **(ticker.pace.values() if ticker is not None else {}),
        }
