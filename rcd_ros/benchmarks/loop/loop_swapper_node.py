"""The swapper of `rcd bench loop`: has the planner load its checkpoint again and again while it plans."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from rclpy.client import Client
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger

from rcd_ros.benchmarks.loop.loop_sensor_node import BEGUN
from rcd_ros.benchmarks.loop.results import Swaps
from rcd_ros.nodes.ros.parameters import NodeParameters, parameter, read_parameters
from rcd_ros.nodes.ros.run import run_node
from rcd_ros.outputs import write_json

SWAPS = "swaps.json"
"""File of the folder `output`: `results.Swaps`."""
LOOK_EVERY_S = 0.05


class SwapperParameters(NodeParameters):
    """Which planner swaps its checkpoint, and how often."""

    output: str = parameter("", "folder for the times of the swaps", required="a folder")
    every: float = parameter(1.0, "from one hot swap to the next", unit="s", above=0.0)
    planner: str = parameter("planner", "name of the planner node")


class LoopSwapper(Node):
    """Asks for a hot swap every `every` seconds of the measurement."""

    def __init__(self) -> None:
        """Wait for the measurement to begin.

        Raises:
            RcdError: a parameter cannot be used.
        """
        super().__init__("loop_swapper")
        given = read_parameters(self, SwapperParameters)
        self._output, self._every = Path(given.output), given.every
        service = f"{given.planner}/load_checkpoint"
        self._client: Client[Trigger.Request, Trigger.Response] = self.create_client(Trigger, service)
        self._answer: Future[Trigger.Response] | None = None
        self._due: float | None = None
        self._asked = 0.0
        self._seconds: list[float] = []
        self._refusals: list[str] = []
        self.create_timer(LOOK_EVERY_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def destroy_node(self) -> None:
        """Save the results, also when interrupted."""
        swaps = Swaps(seconds=tuple(self._seconds), refusals=tuple(self._refusals))
        write_json(self._output / SWAPS, swaps.as_json())
        super().destroy_node()

    def _look(self) -> None:
        now = time.monotonic()
        if self._due is None:
            if (self._output / BEGUN).exists():
                self._due = now + 0.5 * self._every
        elif self._answer is not None:
            if self._answer.done():
                self._note(self._answer.result(), now)
        elif now >= self._due and self._client.service_is_ready():
            self._due += self._every
            self._asked, self._answer = now, self._client.call_async(Trigger.Request())

    def _note(self, answer: Trigger.Response, now: float) -> None:
        self._answer = None
        if answer.success:
            self._seconds.append(round(now - self._asked, 3))
        else:
            self._refusals.append(answer.message)


def main(args: list[str] | None = None) -> int:
    """Entry point of the `loop_swapper_node` module."""
    return run_node(LoopSwapper, args)


if __name__ == "__main__":
    sys.exit(main())
