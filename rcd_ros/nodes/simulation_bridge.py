"""A simulation behind ROS topics; the bridges of all simulators are this node with another task.

`lockstep`: after every observation the clock stands still until the plan made from it is there (the stamps are
equal), whether or not `execute` lets it be followed. That makes a run a function of its seeds alone.

`realtime`: the wall clock, times `speed`, drives the simulation and nothing waits, also not between episodes. It
begins when the first plan has arrived: until then the planner may still be loading. That plan is not followed, the
first episode begins anew, so that no planner is given one for nothing. A plan counts for the control period that began
with its observation when it arrives in the first half of it, else from the next one on: latency is rounded to whole
periods, for every planner alike. The step is computed in the second half and shown at its end: the simulator's own
computing is no part of anybody's latency. `Pace` counts where this machine was too slow for that.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.nodes.episodes import Episodes, describe
from rcd_ros.nodes.messages import diagnostics, joint_command, received_plan, time_message
from rcd_ros.nodes.pace import Pace
from rcd_ros.nodes.parameters import declare
from rcd_ros.nodes.planner_report import PlannerReport
from rcd_ros.nodes.recorder import Recorder
from rcd_ros.nodes.scene_publisher import ScenePublisher
from rcd_ros.outputs import claim, write_json
from rcd_ros.planning.execution import TrajectoryFollower
from rcd_ros.planning.hold import PositionHold
from rcd_ros.ros import Clock, ClockType, Node
from rcd_ros.ros.messages import ClockMessage, DiagnosticArray, JointState, JointTrajectory, SetBool, String, Trigger
from rcd_ros.simulation.tasks import Task

MODES = ("lockstep", "realtime")
QUEUE = 10
DISCOVERY_S = 1.0
"""How long to look for another bridge before anything is published."""
REPEAT_S = 0.2
"""An observation whose plan is waited for is published again after this time: the planner may have started later."""


class SimulationBridge(Node):
    """Runs seeded episodes; subclasses say of which task."""

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
        self._mode = declare(self, "mode", "lockstep", "how time passes", MODES.__contains__, " or ".join(MODES))
        self._speed = declare(self, "speed", 1.0, "realtime: times faster than life", lambda s: s > 0, "above 0")
        self._execute = declare(self, "execute", 1, "periods a plan is followed", lambda k: k >= 1, "at least 1")
        count = declare(self, "episodes", 2, "episodes to run, 0: without end", lambda n: n >= 0, "0 or more")
        seed = declare(self, "seed", 0, "seed of the first episode", lambda n: n >= 0, "0 or more")
        self._plan_timeout = declare(
            self,
            "plan_timeout",
            30.0,
            "s to wait for a plan; realtime: only for the first",
            lambda s: s > 0,
            "above 0 (s)",
        )
        self._shutdown_when_done = declare(self, "shutdown_when_done", False, "end when all episodes are done")
        overwrite = declare(self, "overwrite", False, "replace output files that exist")
        self._results = _output_path(declare(self, "results", "", "JSON file for the results"), overwrite)
        video = _output_path(declare(self, "video", "", "MP4 file to record"), overwrite)
        filmed = declare(self, "video_episodes", 1, "how many episodes to film", lambda n: n >= 1, "at least 1")

        task = self.make_task()
        self._spec = task.spec
        self._follower = TrajectoryFollower(self._spec.command, round(self._spec.control_period * 1e9), self._execute)
        self._hold = PositionHold(self._spec)
        self._episodes = Episodes(task.make_simulation(), count, seed)
        self._filmed_episodes = filmed
        self._recorder = Recorder(self._episodes.simulation, video, self.get_logger().warning) if video else None
        self._paused = False
        self._awaited = True
        """Whether time stands still until a plan for the newest observation arrives."""
        self._completed: tuple[str, ...] | None = None
        """Goals completed by a step that is not shown yet; None while there is no such step."""
        self._pace = Pace(self._spec.control_period, self._speed)
        self._ticker: Any = None
        self._waited_s = 0.0
        self._warned: Counter[str] = Counter()
        self._planner: PlannerReport | None = None

        self._clock_publisher = self.create_publisher(ClockMessage, "clock", QUEUE)
        self._scene = ScenePublisher(self, self._spec, QUEUE)
        self._completions = self.create_publisher(String, "task_completions", QUEUE)
        self._commands = self.create_publisher(JointState, "~/command", QUEUE)
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
        super().destroy_node()

    def _start(self) -> None:
        self.destroy_timer(self._starter)
        for topic in ("clock", *self._scene.topics):
            if self.count_publishers(topic) > 1:
                raise RcdError(
                    f"another node publishes '{self.resolve_topic_name(topic)}' already: stop that bridge, or give "
                    "this one a namespace (-r __ns:=/second) or a ROS_DOMAIN_ID of its own"
                )
        self._started = True
        self.create_subscription(JointTrajectory, self._spec.command.topic, self._on_trajectory, QUEUE)
        self.create_subscription(DiagnosticArray, "diagnostics", self._on_diagnostics, QUEUE)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.create_service(SetBool, "~/pause", self._on_pause)
        self.create_service(Trigger, "~/step", self._on_step)
        self.create_timer(1.0, self._report, clock=self._wall)
        self.create_timer(REPEAT_S, self._ask_again, clock=self._wall)
        if self._mode == "realtime":
            half_period = 0.5 * self._spec.control_period / self._speed
            self._ticker = self.create_timer(half_period, self._half_period, clock=self._wall)
        gc.collect()
        gc.freeze()  # a collection through all that the simulator has loaded takes longer than a period
        self._report()  # the shortest recording tells how the robot was driven, too
        self._begin()

    def _begin(self) -> None:
        """Start the next episode, or the running one anew."""
        self._follower.reset()
        self._hold.release()
        self._completed = None
        self._episodes.begin()
        self._run_clock()
        self._observe()

    def _run_clock(self) -> None:
        """Realtime: a control period begins now."""
        if self._ticker is not None:
            self._ticker.reset()
            self._pace.begin(time.monotonic())

    def _observe(self) -> None:
        """Show the new state and be ready for its plan."""
        self._waited_s = 0.0
        self._awaited = self._awaited or self._mode == "lockstep"
        self._publish_observation()

    def _publish_observation(self) -> None:
        self._clock_publisher.publish(ClockMessage(clock=time_message(self._episodes.now)))
        self._scene.publish(self._episodes.now, self._episodes.observation)

    def _on_trajectory(self, message: JointTrajectory) -> None:
        if self._episodes.running is None:
            return
        plan = received_plan(message, self._spec.command.interface)
        problem = self._follower.accept(plan, self._episodes.now)
        if problem is not None:
            self._warn_of_refusal(problem)
        elif plan.stamp == self._episodes.now and self._awaited:
            self._awaited = False
            if self._mode == "realtime":
                self._begin()
            elif not self._paused:
                self._advance(*self._due())

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        """Keep the planner's newest word about itself for the results."""
        self._planner = PlannerReport.from_message(message) or self._planner

    def _warn_of_refusal(self, problem: str) -> None:
        """Say it the first time; the count is in the diagnostics and the results."""
        kind = problem.split(":")[0]
        if kind not in self._warned:
            self.get_logger().warning(f"a plan was refused: {problem}")
        self._warned[kind] += 1

    def _half_period(self) -> None:
        """Realtime: in the middle of a period its command is decided and the step computed, at its end it is shown."""
        if self._completed is not None:
            self._pace.end_period(time.monotonic())
            self._show()
        elif self._episodes.running is not None and not self._awaited and not self._paused:
            self._step(*self._due())

    def _ask_again(self) -> None:
        """Publish an observation whose plan is waited for again, and say so when nobody answers at all."""
        if not self._awaited or self._episodes.running is None:
            return
        # The first call may come right after the observation was published: give its plan time.
        if self._waited_s > 0.0:
            self._publish_observation()
        self._waited_s += REPEAT_S
        if self._waited_s < self._plan_timeout or self._paused:
            return
        self._waited_s = 0.0
        topic = self.resolve_topic_name(self._spec.command.topic)
        text = (
            f"no plan arrived on '{topic}' within {self._plan_timeout:g} s: is a planner running on this ROS_DOMAIN_ID?"
        )
        if self._shutdown_when_done:
            raise RcdError(text)
        self.get_logger().error(text)

    def _due(self) -> tuple[NDArray[np.float64], bool]:
        """The command of the period that begins now, and whether it merely holds the position."""
        due = self._follower.due(self._episodes.now)
        if due is not None:
            self._hold.release()
            return due.command, False
        return self._hold.command(self._episodes.observation[self._spec.observation_columns]), True

    def _advance(self, command: NDArray[np.float64], held: bool) -> None:
        """One control period."""
        self._step(command, held)
        self._show()

    def _step(self, command: NDArray[np.float64], held: bool) -> None:
        """Compute what a control period leads to."""
        self._commands.publish(joint_command(self._episodes.now, self._spec.command, command))
        self._completed = self._episodes.advance(command, held)
        if self._recorder is not None:
            self._recorder.frame()
            if len(self._episodes.finished) >= self._filmed_episodes:
                self._recorder.close()

    def _show(self) -> None:
        """Publish what the last step led to; where it ended an episode, begin the next one."""
        for goal in self._completed or ():
            self._completions.publish(String(data=goal))
        self._completed = None
        if self._episodes.running is not None:
            self._observe()
            return
        # The last observation of an episode is not published: its plan would be for nothing.
        self.get_logger().info(describe(self._episodes.finished[-1], self._spec))
        if problem := self._pace.problem:
            self.get_logger().warning(problem)
        self._write_results()
        if not self._episodes.all_done:
            self._begin()
        elif self._shutdown_when_done:
            raise SystemExit(0)

    def _show_pending(self) -> None:
        """A request comes between a step and its time to be shown: show it before its time."""
        if self._completed is not None:
            self._show()

    def _on_reset(self, request: Any, response: Any) -> Any:
        self._show_pending()
        running = self._episodes.running
        response.success = running is not None
        response.message = f"seed {running.seed} starts anew" if running else "all episodes are done"
        if running is not None:
            self._begin()
        return response

    def _on_pause(self, request: Any, response: Any) -> Any:
        self._show_pending()
        self._paused = bool(request.data)
        response.success, response.message = True, "paused" if self._paused else "running"
        if not self._paused:
            self._run_clock()
            if self._mode == "lockstep" and not self._awaited and self._episodes.running is not None:
                self._advance(*self._due())
        return response

    def _on_step(self, request: Any, response: Any) -> Any:
        record = self._episodes.running
        if not self._paused:
            response.success, response.message = False, "not paused: call ~/pause with data: true first"
        elif record is None:
            response.success, response.message = False, "all episodes are done"
        elif self._awaited:
            response.success, response.message = False, "the plan for the current observation has not arrived yet"
        else:
            response.success, response.message = True, f"step {record.steps + 1} of {self._spec.episode_steps}"
            self._advance(*self._due())
        return response

    def _write_results(self) -> None:
        if self._results is None:
            return
        how = {
            "mode": self._mode,
            "speed": self._speed,
            "execute": self._execute,
            "planner": self._planner.values() if self._planner else None,
            "plans_refused": dict(self._follower.refused),
            "pace": self._pace.values() if self._mode == "realtime" else None,
        }
        write_json(self._results, self._episodes.summary() | how)

    def _report(self) -> None:
        record = self._episodes.running
        unanswered = self._awaited and record is not None and self._waited_s >= 1.0
        values = {
            "mode": self._mode,
            "execute": self._execute,
            "paused": self._paused,
            "episodes_done": len(self._episodes.finished),
            "step": record.steps if record else 0,
            "held_steps": record.held_steps if record else 0,
            **{f"refused: {reason}": count for reason, count in sorted(self._follower.refused.items())},
            **(self._pace.values() if self._mode == "realtime" else {}),
        }
        problem = f"waiting for a plan for {self._waited_s:.0f} s" if unanswered else self._pace.problem
        self._diagnostics.publish(diagnostics(self._episodes.now, self.get_fully_qualified_name(), problem, values))


def _output_path(name: str, overwrite: bool) -> Path | None:
    if not name:
        return None
    path = Path(name)
    claim(path, overwrite, "set overwrite:=true")
    return path
