"""Any MuJoCo world as a robot with ROS topics: a task, a model file, a Gymnasium environment, a suite task.

`EpisodeDriver` decides when the simulation steps, `CommandIntake` on which command, `BridgeServices` offers requests to
other nodes, `SceneDisplay` shows the scene; this file connects them to topics.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage
from std_msgs.msg import String

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.camera import Film
from rcd_ros.nodes.bridge.command_intake import CommandIntake, CommandMessage
from rcd_ros.nodes.bridge.episode_driver import EpisodeDriver
from rcd_ros.nodes.bridge.episodes import GAP, EpisodeRecord, Episodes, describe
from rcd_ros.nodes.bridge.goal_relay import GoalRelay
from rcd_ros.nodes.bridge.pace import RealtimeTicker
from rcd_ros.nodes.bridge.parameters import BridgeParameters, KitchenParameters
from rcd_ros.nodes.bridge.planner_peer import PlannerPeer
from rcd_ros.nodes.bridge.report import BEGUN, BridgeReport
from rcd_ros.nodes.bridge.scene_publisher import ScenePublisher
from rcd_ros.nodes.bridge.sensors import ImitatedSensors, SensorSettings
from rcd_ros.nodes.bridge.services import BridgeServices
from rcd_ros.nodes.planner.report import PlannerReport
from rcd_ros.nodes.recorder import RECORDER
from rcd_ros.nodes.ros.live_parameters import LiveParameters
from rcd_ros.nodes.ros.messages import time_message
from rcd_ros.nodes.ros.run import run_node
from rcd_ros.outputs import claim, keep_apart
from rcd_ros.simulation.interface import GoalDirected, MixedCommands, MujocoScene, Simulation

if TYPE_CHECKING:
    from rcd_ros.nodes.bridge.display import SceneDisplay

QUEUE = 10
BEGIN_AT = GAP
"""Simulated time (ns) of the first observation: no observation has the stamp 0, which a trajectory without one has."""
DISCOVERY_S = 1.0
"""How long to look for another bridge before anything is published."""
REPEAT_S = 0.2
"""An observation whose plan is waited for is published again after this time: the planner may have started later."""


class MujocoBridge(Node):
    """Runs seeded episodes of what the parameters say."""

    def __init__(self, name: str = "mujoco_bridge", model: type[BridgeParameters] = BridgeParameters) -> None:
        """Make the simulation; episodes begin once no other bridge has been found.

        Args:
            name: of the node.
            model: of its parameters.

        Raises:
            RcdError: a parameter cannot be used, or an output file exists already.
        """
        super().__init__(name)
        self._begun = f"{time.time_ns()} {os.getpid()} {socket.gethostname()}"
        self._started = False
        self._live = LiveParameters(self, model, self._on_parameters)
        given = self._live.current
        results, video = (_output_path(path, given.overwrite) for path in (given.results, given.video))
        keep_apart({"results": results, "video": video})

        task = given.make_task()
        self._spec = task.spec
        sensors = SensorSettings.parse(self._spec, given.sensor_rates, given.sensor_delays, given.sensor_velocities)
        ticks = sensors.ticks(self._spec)
        simulation = task.make_finer_simulation(ticks)
        interfaces = simulation.interfaces if isinstance(simulation, MixedCommands) else None
        self._intake = CommandIntake(self, self._spec, given.execute, interfaces, zero_is_now=True, ticks=ticks)
        self._set_up_intake(given)
        self._episodes = Episodes(simulation, given.episodes, given.seed, BEGIN_AT)
        waits = given.wait_for_planner or given.mode == "lockstep"
        self._driver = EpisodeDriver(self._episodes, self._intake, self, waits, ticks)
        self._film = Film(simulation, video, self.get_logger().warning) if video else None
        any_task = not given.names_task
        self._peer = PlannerPeer(self, given.planner, self._spec, any_task, go_on=self.observed)
        self._report = BridgeReport(self, self._begun, self._driver, self._intake, lambda: self._live.current, results)
        self._refused_before = 0

        self._clock_publisher = self.create_publisher(ClockMessage, "clock", QUEUE)
        self._scene = ScenePublisher(self, self._spec, QUEUE, given.sensor_velocities)
        self._sensors = ImitatedSensors(self._scene, self._spec, sensors)
        self._display = self._make_display(simulation)
        self._goals = self._make_goals(simulation)
        self._completions = self.create_publisher(String, "task_completions", QUEUE)
        self._wall = Clock(clock_type=ClockType.STEADY_TIME)
        self._recorder_by = time.monotonic() + given.wait_for_recorder
        self._starter = self.create_timer(DISCOVERY_S, self._start, clock=self._wall)

    def destroy_node(self) -> None:
        """Write what was finished, also when interrupted."""
        if self._started:
            self._started = False
            self._report.write_results()
            if self._film is not None:
                self._film.close()
            if self._display is not None:
                self._display.close()
        super().destroy_node()

    def begun(self) -> None:
        """An episode begins: announce it to the planner, and publish its goals."""
        self._sensors.begin()
        self._peer.begin_episode()
        for goal in self._goals:
            goal.announce(self._episodes.now, self._episodes.observation)

    def observed(self) -> None:
        """Publish the newest observation; the first one of an episode waits until the planner knows of the episode."""
        if self._peer.is_notified:
            return
        self._clock_publisher.publish(ClockMessage(clock=time_message(self._episodes.now)))
        self._sensors.show(self._episodes.now, self._episodes.observation)
        if self._display is not None:
            self._display.show(self._episodes.now)

    def stepped(self) -> None:
        """Film the step."""
        if self._film is not None:
            self._film.add_frame()
            if len(self._episodes.finished) >= self._live.current.video_episodes:
                self._film.close()

    def completed(self, goals: tuple[str, ...]) -> None:
        """Publish the goals that a step has completed."""
        for goal in goals:
            self._completions.publish(String(data=goal))

    def ended(self, record: EpisodeRecord) -> None:
        """Log how an episode went; end the node after the last one if that is asked for."""
        self.get_logger().info(describe(record, self._spec))
        if problem := self._report.pace_problem:
            self.get_logger().warning(problem, once=True)  # diagnostics and results go on saying it
        self._report.write_results()
        if self._episodes.all_done and self._live.current.shutdown_when_done:
            raise SystemExit(0)

    def _make_goals(self, simulation: Simulation) -> list[GoalRelay]:
        if not isinstance(simulation, GoalDirected):
            return []
        return [GoalRelay(self, channel, simulation, QUEUE) for channel in self._spec.goal_channels]

    def _make_display(self, simulation: Simulation) -> SceneDisplay | None:
        if not isinstance(simulation, MujocoScene):
            return None
        # It imports MuJoCo, which chooses how to draw at its import: the simulation has prepared that by now.
        from rcd_ros.nodes.bridge.display import SceneDisplay

        return SceneDisplay(self, simulation, self._spec, self._scene.frames)

    def _start(self) -> None:
        if self._waits_for_recorder():
            return  # the timer asks again
        self.destroy_timer(self._starter)
        for topic in map(self.resolve_topic_name, ("clock", *self._scene.topics)):
            if self.count_publishers(topic) > 1:
                raise self._rival(topic)
        self._started = True
        self._intake.listen(self._on_command)
        self.create_subscription(DiagnosticArray, "diagnostics", self._on_diagnostics, QUEUE)
        self._requests = BridgeServices(self, self._driver, lambda: self._live.current)
        self.create_timer(1.0, self._report.publish, clock=self._wall)
        self.create_timer(REPEAT_S, self._ask_again, clock=self._wall)
        if self._live.current.mode == "realtime":
            speed = self._live.current.speed
            self._driver.ticker = RealtimeTicker(self, self._wall, self._spec.control_period, speed, self._tick)
        gc.collect()
        gc.freeze()  # a collection through all that the simulator has loaded takes longer than a period
        self._report.publish()  # even the shortest recording holds how the robot was driven
        self._driver.begin()

    def _waits_for_recorder(self) -> bool:
        """Whether to wait on for a recorder that does not listen to all sensors yet, for its bag to be whole."""
        patience = self._live.current.wait_for_recorder
        if not patience or not (unheard := self._unrecorded()):
            return False
        topics, log = ", ".join(unheard), self.get_logger()
        if time.monotonic() < self._recorder_by:
            log.info(f"waits up to {patience:g} s for the node '{RECORDER}' to listen to {topics}", once=True)
            return True
        log.warning(
            f"the first episode begins unrecorded: no node '{RECORDER}' listens to {topics} after {patience:g} s; "
            "is it running, in this namespace and on this ROS_DOMAIN_ID?"
        )
        return False

    def _unrecorded(self) -> list[str]:
        """Topics of the clock and of the sensors that no recorder listens to yet."""
        topics = map(self.resolve_topic_name, ("clock", *self._scene.topics))
        return [
            topic
            for topic in topics
            if not any(each.node_name == RECORDER for each in self.get_subscriptions_info_by_topic(topic))
        ]

    def _rival(self, topic: str) -> RcdError:
        return RcdError(
            f"another node publishes '{self.resolve_topic_name(topic)}' already: stop that bridge, or give this one a "
            "namespace (-r __ns:=/second) or its own ROS_DOMAIN_ID"
        )

    def _on_parameters(self, parameters: BridgeParameters) -> None:
        self._set_up_intake(parameters)
        ticker = self._driver.ticker
        if ticker is not None and parameters.speed != ticker.speed:
            ticker.set_speed(parameters.speed)

    def _set_up_intake(self, parameters: BridgeParameters) -> None:
        self._intake.receiver.timeout = parameters.command_timeout
        self._intake.receiver.enforces_limits = parameters.enforce_command_limits

    def _tick(self) -> None:
        """Real time: the middle or the end of a step."""
        self._sensors.deliver(self._driver.time)
        self._driver.tick()

    def _on_command(self, topic: str, message: CommandMessage) -> None:
        if self._episodes.running is None:
            return
        seen = self._episodes.observation[self._spec.observation_columns]
        plan = self._intake.receive(message, self._episodes.now, topic, seen)
        if plan is None:
            return
        if self._display is not None and self._intake.can_be_shown(topic):
            self._display.show_plan(message)
        if self._intake.answers(plan.stamp):
            self._driver.plan_arrived(plan)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        """Keep the planner's newest report; end where another bridge began before this one.

        Discovery may take seconds: a bridge that was not yet discovered when this one began is noticed here.
        """
        self._report.planner = PlannerReport.from_message(message) or self._report.planner
        if problem := self._peer.read_diagnostics(message):
            raise RcdError(problem)
        begun = (item.value for status in message.status for item in status.values if item.key == BEGUN)
        if any(other != self._begun and _began_before(other, self._begun) for other in begun):
            raise self._rival("clock")

    def _ask_again(self) -> None:
        """Publish an observation whose plan is waited for again; end, or log, when no plan comes in time."""
        driver, current = self._driver, self._live.current
        driver.ask_again(REPEAT_S)
        if driver.waited_s < current.plan_timeout or not driver.waits:
            return
        driver.give_up_waiting()
        refused = sum(self._intake.refused.values())
        text = self._no_plan(current.plan_timeout, refused - self._refused_before)
        self._refused_before = refused
        if current.shutdown_when_done:
            raise RcdError(text)
        self.get_logger().error(text)

    def _no_plan(self, timeout: float, refused: int) -> str:
        """Why no plan can be followed: those that came were refused, the planner waits, or there is none."""
        topic = "' and '".join(self._intake.topics)
        if refused:
            reasons = ", ".join(f"{count} x {reason}" for reason, count in sorted(self._intake.refused.items()))
            return (
                f"no trajectory on '{topic}' could be followed within {timeout:g} s, {refused} were refused "
                f"({reasons}): {self._intake.last_refusal}"
            )
        text = f"no plan arrived on '{topic}' within {timeout:g} s"
        if self._intake.unreceived:
            return f"{text}; {'; '.join(self._intake.unreceived)}"
        if self._peer.message:
            return f"{text}; the planner says: {self._peer.message}"
        return f"{text}: is a planner running on this ROS_DOMAIN_ID?"


def _began_before(one: str, other: str) -> bool:
    """Whether a bridge began before another one, by their `BEGUN`; False where that of the first is malformed."""
    return one.partition(" ")[0].isdigit() and (int(one.split()[0]), one) < (int(other.split()[0]), other)


def _output_path(name: str, overwrite: bool) -> Path | None:
    if not name:
        return None
    path = Path(name)
    claim(path, overwrite, "set overwrite:=true")
    return path


def main(args: list[str] | None = None) -> int:
    """Entry point of the `mujoco_bridge_node` executable."""
    return run_node(MujocoBridge, args)


def kitchen(args: list[str] | None = None) -> int:
    """Entry point of the `kitchen_bridge_node` executable: the same node with the kitchen as its task."""
    return run_node(lambda: MujocoBridge("kitchen_bridge", KitchenParameters), args)


if __name__ == "__main__":
    sys.exit(main())
