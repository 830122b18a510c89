"""A simulation behind ROS topics; the bridges of all simulators are this node with another task.

`EpisodeDriver` says when the simulation steps, `CommandIntake` on which command, `BridgeServices` what other nodes may
ask for, and `SceneDisplay` what people see; this file connects them to topics, diagnostics and results.
"""

from __future__ import annotations

import gc
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage
from std_msgs.msg import String

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.command_intake import CommandIntake
from rcd_ros.nodes.bridge.episode_driver import EpisodeDriver
from rcd_ros.nodes.bridge.episodes import EpisodeRecord, Episodes, describe
from rcd_ros.nodes.bridge.goal_relay import GoalRelay
from rcd_ros.nodes.bridge.parameters import BridgeParameters
from rcd_ros.nodes.bridge.planner_peer import PlannerPeer
from rcd_ros.nodes.bridge.realtime_ticker import RealtimeTicker
from rcd_ros.nodes.bridge.recorder import Recorder
from rcd_ros.nodes.bridge.scene_publisher import ScenePublisher
from rcd_ros.nodes.bridge.sensors import ImitatedSensors, SensorSettings
from rcd_ros.nodes.bridge.services import BridgeServices
from rcd_ros.nodes.planner.report import PlannerReport
from rcd_ros.nodes.ros.live_parameters import LiveParameters
from rcd_ros.nodes.ros.messages import Status, diagnostic_array, time_message
from rcd_ros.nodes.ros.parameters import declare
from rcd_ros.outputs import claim, keep_apart, write_json
from rcd_ros.planning.noise import LARGEST_SEED
from rcd_ros.simulation.interface import GoalDirected, MixedCommands, MujocoScene, Simulation
from rcd_ros.tasks.task import Task

if TYPE_CHECKING:
    from rcd_ros.nodes.bridge.scene_display import SceneDisplay

MODES = ("lockstep", "realtime")
QUEUE = 10
BEGUN = "begun"
"""Key of a bridge's diagnostics: wall time (ns), process and host at which it began."""
DISCOVERY_S = 1.0
"""How long to look for another bridge before anything is published."""
REPEAT_S = 0.2
"""An observation whose plan is waited for is published again after this time: the planner may have started later."""


class SimulationBridge(Node):
    """Runs seeded episodes; subclasses say of which task."""

    begin_at = 0
    """Simulated time (ns) of the first observation."""
    any_task = False
    """Whether a planner of a task by another name may drive it."""
    zero_is_now = False
    """Whether a trajectory without a stamp begins when it arrives."""
    mode = "lockstep"
    """How time passes unless the parameter `mode` says otherwise."""
    _started = False

    def make_task(self) -> Task:
        """The task to simulate, from parameters that the subclass declares."""
        raise NotImplementedError

    def __init__(self, node_name: str) -> None:
        """Make the simulation; episodes begin once it is sure that no other bridge is there.

        Raises:
            RcdError: a parameter cannot be used, or an output file exists already.
        """
        super().__init__(node_name)
        self._begun = f"{time.time_ns()} {os.getpid()} {socket.gethostname()}"
        self._live = LiveParameters(self, BridgeParameters, self._on_parameters)
        self._mode = declare(self, "mode", self.mode, "how time passes", MODES.__contains__, " or ".join(MODES))
        self._execute = declare(self, "execute", 1, "periods a plan is followed", lambda k: k >= 1, "at least 1")
        waits = declare(self, "wait_for_planner", True, "realtime: begin with the first plan")
        count = declare(self, "episodes", 2, "episodes to run, 0: without end", lambda n: n >= 0, "0 or more")
        seed = declare(self, "seed", 0, "seed of the first episode", _is_seed, f"0 to {LARGEST_SEED}")
        self._shutdown_when_done = declare(self, "shutdown_when_done", False, "end when all episodes are done")
        planner = declare(self, "planner", "planner", "name of the planner node, told when an episode begins")
        overwrite = declare(self, "overwrite", False, "replace output files that exist")
        self._results = _output_path(declare(self, "results", "", "JSON file for the results"), overwrite)
        video = _output_path(declare(self, "video", "", "MP4 file to record"), overwrite)
        rates = declare(self, "sensor_rates", [], "'topic=Hz' of topics that are not published once a control period")
        delays = declare(self, "sensor_delays", [], "'topic=s' of topics that are published late")
        velocities = declare(self, "sensor_velocities", True, "JointStates have the velocities that are observed")
        keep_apart({"results": self._results, "video": video})
        self._filmed = declare(self, "video_episodes", 1, "how many episodes to film", lambda n: n >= 1, "at least 1")

        task = self.make_task()
        self._spec = task.spec
        sensors = SensorSettings.parse(self._spec, rates, delays, velocities)
        ticks = sensors.ticks(self._spec)
        simulation = task.make_finer_simulation(ticks)
        interfaces = simulation.interfaces if isinstance(simulation, MixedCommands) else None
        self._intake = CommandIntake(self, self._spec, self._execute, interfaces, self.zero_is_now, ticks)
        self._set_up_intake(self._live.current)
        self._episodes = Episodes(simulation, count, seed, self.begin_at)
        self._driver = EpisodeDriver(self._episodes, self._intake, self, waits or self._mode == "lockstep", ticks)
        self._recorder = Recorder(simulation, video, self.get_logger().warning) if video else None
        self._planner: PlannerReport | None = None
        self._peer = PlannerPeer(self, planner, self._spec, self.any_task, self.observed)
        self._refused_before = 0

        self._clock_publisher = self.create_publisher(ClockMessage, "clock", QUEUE)
        self._scene = ScenePublisher(self, self._spec, QUEUE, velocities)
        self._sensors = ImitatedSensors(self._scene, self._spec, sensors)
        self._display = self._make_display(simulation)
        self._goals = self._make_goals(simulation)
        self._completions = self.create_publisher(String, "task_completions", QUEUE)
        self._diagnostics = self.create_publisher(DiagnosticArray, "diagnostics", QUEUE)
        self._wall = Clock(clock_type=ClockType.STEADY_TIME)
        self._starter = self.create_timer(DISCOVERY_S, self._start, clock=self._wall)

    def destroy_node(self) -> None:
        """Keep what was finished, also when interrupted."""
        if self._started:
            self._started = False
            self._write_results()
            if self._recorder is not None:
                self._recorder.close()
            if self._display is not None:
                self._display.close()
        super().destroy_node()

    def begun(self) -> None:
        """An episode begins: tell its goals."""
        self._sensors.begin()
        self._peer.begin_episode()
        for goal in self._goals:
            goal.announce(self._episodes.now, self._episodes.observation)

    def observed(self) -> None:
        """Publish the newest observation; of a new episode, when the planner has been told of it."""
        if self._peer.is_being_told:
            return
        self._clock_publisher.publish(ClockMessage(clock=time_message(self._episodes.now)))
        self._sensors.show(self._episodes.now, self._episodes.observation)
        if self._display is not None:
            self._display.show(self._episodes.now)

    def stepped(self) -> None:
        """Film the step."""
        if self._recorder is not None:
            self._recorder.frame()
            if len(self._episodes.finished) >= self._filmed:
                self._recorder.close()

    def completed(self, goals: tuple[str, ...]) -> None:
        """Publish the goals that a step has completed."""
        for goal in goals:
            self._completions.publish(String(data=goal))

    def ended(self, record: EpisodeRecord) -> None:
        """Tell how an episode went; end when it was the last and nothing else is asked for."""
        self.get_logger().info(describe(record, self._spec))
        if problem := self._pace_problem():
            self.get_logger().warning(problem)
        self._write_results()
        if self._episodes.all_done and self._shutdown_when_done:
            raise SystemExit(0)

    def _make_goals(self, simulation: Simulation) -> list[GoalRelay]:
        if not isinstance(simulation, GoalDirected):
            return []
        return [GoalRelay(self, channel, simulation, QUEUE) for channel in self._spec.goal_channels]

    def _make_display(self, simulation: Simulation) -> SceneDisplay | None:
        if not isinstance(simulation, MujocoScene):
            return None
        # It loads MuJoCo, which the simulation has done by now, the way it draws having been chosen.
        from rcd_ros.nodes.bridge.scene_display import SceneDisplay

        return SceneDisplay(self, simulation, self._spec, self._scene.frames)

    def _start(self) -> None:
        self.destroy_timer(self._starter)
        for topic in map(self.resolve_topic_name, ("clock", *self._scene.topics)):
            if self.count_publishers(topic) > 1:
                raise self._rival(topic)
        self._started = True
        self._intake.listen(self._on_command)
        self.create_subscription(DiagnosticArray, "diagnostics", self._on_diagnostics, QUEUE)
        self._requests = BridgeServices(self, self._driver, lambda: self._live.current)
        self.create_timer(1.0, self._report, clock=self._wall)
        self.create_timer(REPEAT_S, self._ask_again, clock=self._wall)
        if self._mode == "realtime":
            speed = self._live.current.speed
            self._driver.ticker = RealtimeTicker(
                self, self._wall, self._episodes.spec.control_period, speed, self._tick
            )
        gc.collect()
        gc.freeze()  # a collection through all that the simulator has loaded takes longer than a period
        self._report()  # the shortest recording tells how the robot was driven, too
        self._driver.begin()

    def _rival(self, topic: str) -> RcdError:
        return RcdError(
            f"another node publishes '{self.resolve_topic_name(topic)}' already: stop that bridge, or give this one a "
            "namespace (-r __ns:=/second) or a ROS_DOMAIN_ID of its own"
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
        """Real time: a step's middle or its end."""
        self._sensors.deliver(self._driver.time)
        self._driver.tick()

    def _on_command(self, topic: str, message: Any) -> None:
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
        """Keep the planner's newest report for the results; leave to a bridge that began before this one.

        Discovery may take seconds: a bridge that was not yet discovered when this one began is noticed here.
        """
        self._planner = PlannerReport.from_message(message) or self._planner
        if problem := self._peer.hear(message):
            raise RcdError(problem)
        begun = (item.value for status in message.status for item in status.values if item.key == BEGUN)
        if any(other != self._begun and _began_before(other, self._begun) for other in begun):
            raise self._rival("clock")

    def _ask_again(self) -> None:
        """Publish an observation whose plan is waited for again, and say so when nobody answers at all."""
        driver, timeout = self._driver, self._live.current.plan_timeout
        driver.ask_again(REPEAT_S)
        if driver.waited_s < timeout or not driver.waits:
            return
        driver.give_up_waiting()
        refused = sum(self._intake.refused.values())
        text = self._no_plan(timeout, refused - self._refused_before)
        self._refused_before = refused
        if self._shutdown_when_done:
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
        if self._intake.unheard:
            return f"{text}; {'; '.join(self._intake.unheard)}"
        if self._peer.message:
            return f"{text}; the planner says: {self._peer.message}"
        return f"{text}: is a planner running on this ROS_DOMAIN_ID?"

    def _pace_problem(self) -> str:
        return self._driver.ticker.pace.problem if self._driver.ticker is not None else ""

    def _write_results(self) -> None:
        if self._results is None:
            return
        ticker = self._driver.ticker
        how = {
            "mode": self._mode,
            "speed": self._live.current.speed,
            "step_s": self._episodes.spec.control_period,
            "execute": self._execute,
            "planner": self._planner.values() if self._planner else None,
            "plans_refused": dict(self._intake.refused),
            "pace": ticker.pace.values() if ticker is not None else None,
        }
        write_json(self._results, self._episodes.summary() | how)

    def _report(self) -> None:
        self._intake.look_at_publishers()
        name, now = self.get_fully_qualified_name(), self._episodes.now
        statuses = [
            Status.judged("simulation", self._problem(), self._values()),
            Status.judged("commands", self._intake.problem(now), self._intake.values()),
        ]
        self._diagnostics.publish(diagnostic_array(now, name, self._spec.name, statuses))

    def _problem(self) -> str:
        unanswered = self._driver.awaited and self._episodes.running is not None and self._driver.waited_s >= 1.0
        return f"waiting for a plan for {self._driver.waited_s:.0f} s" if unanswered else self._pace_problem()

    def _values(self) -> dict[str, Any]:
        record, ticker = self._episodes.running, self._driver.ticker
        return {
            BEGUN: self._begun,
            "mode": self._mode,
            "execute": self._execute,
            "command_timeout": self._live.current.command_timeout,
            "enforce_command_limits": self._live.current.enforce_command_limits,
            "paused": self._driver.paused,
            "episodes_done": len(self._episodes.finished),
            "step": record.steps if record else 0,
            "held_steps": record.held_steps if record else 0,
            **(ticker.pace.values() if ticker is not None else {}),
        }


def _began_before(one: str, other: str) -> bool:
    """Whether a bridge began before another one; a report that cannot be read is none."""
    return one.partition(" ")[0].isdigit() and (int(one.split()[0]), one) < (int(other.split()[0]), other)


def _is_seed(number: int) -> bool:
    return 0 <= number <= LARGEST_SEED


def _output_path(name: str, overwrite: bool) -> Path | None:
    if not name:
        return None
    path = Path(name)
    claim(path, overwrite, "set overwrite:=true")
    return path
