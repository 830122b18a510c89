"""The planner as a managed node: observations come in by joint name, joint trajectories go out.

Everything that decides something is in `rcd_ros.planning`; this file connects it to topics. A thread of its own gathers
observations; a plan is made and published as soon as one is complete. While the node is inactive it already
listens, so that its diagnostics say whether the robot's messages are the right ones before anything moves.
"""

from __future__ import annotations

import itertools
import sys
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.qos import qos_profile_system_default
from rclpy.service_introspection import ServiceIntrospectionState
from rclpy.timer import Timer
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.errors import RcdError
from rcd_ros.nodes.planner.checkpoint_loader import CheckpointLoader
from rcd_ros.nodes.planner.observation_intake import ObservationIntake
from rcd_ros.nodes.planner.parameters import PlannerParameters
from rcd_ros.nodes.planner.plan_runner import PlanRunner, PlanTask
from rcd_ros.nodes.planner.plan_trigger import PlanTrigger
from rcd_ros.nodes.planner.planning_thread import PlanningThread
from rcd_ros.nodes.planner.status import PlannerStatus, resting_status
from rcd_ros.nodes.planner.timing import PeriodTimes
from rcd_ros.nodes.planner.trajectory_outputs import Publish, TrajectoryOutputs
from rcd_ros.nodes.ros.live_parameters import LiveParameters
from rcd_ros.nodes.ros.managed_node import ManagedNode
from rcd_ros.nodes.ros.messages import diagnostic_array
from rcd_ros.nodes.ros.node_clock import node_clock
from rcd_ros.nodes.ros.qos import CONTROL, DIAGNOSTICS, OVERRIDABLE
from rcd_ros.nodes.ros.quiet_log import QuietLog, reason_of
from rcd_ros.nodes.ros.realtime import QuietCollector
from rcd_ros.nodes.ros.run import await_acknowledgements, run_node
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.planner import Planner

if TYPE_CHECKING:
    from rclpy.lifecycle import LifecyclePublisher
    from rclpy.publisher import Publisher
    from rclpy.type_support import Msg

STOP_PATIENCE_S = 5.0
"""How long the plan being made may take when planning is to stop."""
REPORT_S = 1.0
TICKS = 4
"""How often in a control period it is looked whether a single set of values is due."""


@dataclass(frozen=True)
class _Work:
    """What `configure` makes and `cleanup` takes apart."""

    runner: PlanRunner
    thread: PlanningThread[PlanTask]
    trigger: PlanTrigger
    intake: ObservationIntake
    times: PeriodTimes
    status: PlannerStatus
    loader: CheckpointLoader
    outputs: TrajectoryOutputs
    ticker: Timer | None
    """Calls the outputs that send one set of values at a time; None where there are none."""


class PlannerNode(ManagedNode):
    """Plans on every new observation, on about one a period, or on the newest one at a fixed rate.

    An observation that a newer one overtakes before its planning began is dropped. One that is repeated is answered by
    repeating its plan: a bridge that waits for a plan that was lost can ask again without disturbing the sequence of
    plans.
    """

    model: ClassVar[type[PlannerParameters]] = PlannerParameters
    """Of the parameters; a node that plans by other means may have more of them."""

    _work: _Work | None = None
    _active = False

    def __init__(self) -> None:
        """Declare the parameters.

        Raises:
            RcdError: a parameter cannot be used.
        """
        super().__init__("planner")
        self._checkpoint = ""
        self._now = node_clock(self)
        self._refused: dict[str, str] = {}
        self._trajectories: list[LifecyclePublisher[JointTrajectory]] = []
        self._setpoints: list[Publisher[Msg]] = []
        self._collector = QuietCollector()
        self._awaited: set[str] = set()
        self._log = QuietLog(self.get_logger())
        self._live = LiveParameters(self, self.model, self._on_parameters, self._check_parameters)
        self._diagnostics = self.create_publisher(
            DiagnosticArray, "diagnostics", DIAGNOSTICS.profile(), qos_overriding_options=OVERRIDABLE
        )
        # In a group of its own: rclpy lets the callbacks of a group wait for one that awaits something.
        group = ReentrantCallbackGroup()
        self.create_service(Trigger, "~/load_checkpoint", self._on_load_checkpoint, callback_group=group)
        begin = self.create_service(Trigger, "~/begin_episode", self._on_begin_episode, callback_group=group)
        # A bag of its events shows where episodes begin.
        begin.configure_introspection(self.get_clock(), qos_profile_system_default, ServiceIntrospectionState.METADATA)
        # One after the other, not at once: together they would make a plan at 500 Hz late.
        self._chores = itertools.cycle((self._summarise, self._report, self._collector.collect))
        period = REPORT_S / 3
        self.create_timer(period, lambda: next(self._chores)(), clock=Clock(clock_type=ClockType.STEADY_TIME))

    def make_planner(self, parameters: Any) -> Planner:
        """The planner that the parameters `checkpoint`, `engine`, `threads` and `seed` ask for.

        A node that plans by other means overrides this. It may be called in a thread of its own.

        Raises:
            RcdError: the checkpoint or the engine cannot be used.
        """
        return Planner.load(parameters.checkpoint, parameters.engine, parameters.seed, parameters.threads)

    def configure(self) -> None:
        """Load, verify and warm up the checkpoint; listen to the robot."""
        parameters = self._live.current
        if not parameters.checkpoint:
            raise RcdError(f"parameter 'checkpoint' of {self.get_name()} must be a checkpoint folder, got ''")
        planner = self.make_planner(parameters)
        try:
            planner.warm_up()
            self._work = self._make_work(planner, parameters)
        except BaseException:
            planner.close()
            raise
        self._checkpoint = parameters.checkpoint
        self._work.thread.start()
        self._work.trigger.set_parameters(parameters)

    def activate(self) -> None:
        """Begin to plan."""
        work, parameters = self._configured(), self._live.current
        planner = work.runner.planner
        self.get_logger().info(
            f"planning '{planner.spec.name}' from {self._checkpoint} ({planner.sha256[:12]}): {planner.horizon} steps "
            f"of {planner.spec.control_period:g} s, engine {planner.engine.name}, seed {planner.seed}"
        )
        work.thread.call(work.runner.begin)
        self._refused = parameters.realtime.apply()
        for sentence in self._refused.values():
            self.get_logger().warning(sentence)
        self._collector.freeze()
        self._active = True
        work.trigger.activate()

    def deactivate(self) -> None:
        """Leave the controller a trajectory that ends at rest.

        Raises:
            RcdError: the planning thread has failed, or does not answer.
        """
        work, stopped = self._configured(), threading.Event()
        self._active = False
        work.trigger.deactivate()  # nothing is offered to the planning thread after what stops it
        self._collector.release()
        work.thread.call(work.runner.stop)
        work.thread.call(stopped.set)
        while not stopped.wait(STOP_PATIENCE_S if work.thread.failure is None else 0.0):
            failure = work.thread.failure
            if failure is None:
                raise RcdError(f"the plan in work has not ended within {STOP_PATIENCE_S:g} s: leaving it behind")
            work.runner.stop()
            raise RcdError(f"planning has failed with {type(failure).__name__}: {failure}")

    def cleanup(self) -> None:
        """Release the planner, its thread and the topics."""
        self._active = False
        self._collector.release()
        work, self._work = self._work, None
        if work is None:
            return
        work.trigger.close()
        work.intake.close()
        if work.thread.close(STOP_PATIENCE_S):
            work.runner.planner.close()
        if work.ticker is not None:
            self.destroy_timer(work.ticker)
        work.outputs.close()
        await_acknowledgements([*self._trajectories, *self._setpoints])  # the last ones bring the robot to rest
        for trajectories in self._trajectories:
            self.destroy_lifecycle_publisher(trajectories)
        for setpoints in self._setpoints:
            self.destroy_publisher(setpoints)
        self._trajectories, self._setpoints = [], []

    def destroy_node(self) -> None:
        """Stop in order and leave the graph; a checkpoint that is being loaded stays unreported."""
        if self._work is not None:
            self._work.loader.abandon()
        super().destroy_node()

    def _make_work(self, planner: Planner, parameters: PlannerParameters) -> _Work:
        spec = planner.spec
        times = PeriodTimes(parameters.time_for_a_plan(spec.control_period))
        outputs = TrajectoryOutputs(
            spec, self._make_publisher, parameters.gripper_joints, parameters.gripper_topic, self._now
        )
        runner = PlanRunner(planner, parameters, outputs, times, self._now, self._warn)
        thread: PlanningThread[PlanTask] = PlanningThread(
            runner.plan, runner.rehearse, 1.0 / parameters.expected_rate(spec.control_period)
        )
        assembler = ObservationAssembler(
            spec, planner.history, parameters.stamp_tolerance, planner.normalizer.observation_mean
        )
        trigger = PlanTrigger(self, runner, thread, times, assembler, self._now)
        intake = ObservationIntake(
            self,
            spec,
            assembler,
            runner.greatest_ages,
            trigger.take,
            trigger.take_repeated,
            lambda reason: thread.call(partial(runner.hold, reason)),
            thread,
        )
        status = PlannerStatus(runner, intake, times, self._warn_each_time)
        loader = CheckpointLoader(runner, thread, self._settle_exchange)
        ticker = self.create_timer(spec.control_period / TICKS, outputs.tick) if outputs.needs_ticks else None
        return _Work(runner, thread, trigger, intake, times, status, loader, outputs, ticker)

    def _make_publisher(self, message_type: type[Msg], topic: str) -> Publish:
        # A stop that is sent value by value takes longer than a transition: only whole trajectories end with one.
        if message_type is JointTrajectory:
            trajectories = self.create_lifecycle_publisher(
                message_type, topic, CONTROL.profile(), qos_overriding_options=OVERRIDABLE
            )
            self._trajectories.append(trajectories)
            return trajectories.publish
        setpoints = self.create_publisher(message_type, topic, CONTROL.profile(), qos_overriding_options=OVERRIDABLE)
        self._setpoints.append(setpoints)
        return setpoints.publish

    def _configured(self) -> _Work:
        if self._work is None:
            raise RcdError("the planner is not configured")
        return self._work

    def _check_parameters(self, parameters: PlannerParameters) -> None:
        """Refuse what the planner in use cannot plan under."""
        if self._work is not None:
            self._work.runner.check(self._work.runner.planner, parameters)

    def _on_parameters(self, parameters: PlannerParameters) -> None:
        work = self._work
        if work is None:
            return
        control_period = work.runner.planner.spec.control_period
        work.times.set_deadline(parameters.time_for_a_plan(control_period))
        work.thread.set_period(1.0 / parameters.expected_rate(control_period))
        work.intake.assembler.set_tolerance(parameters.stamp_tolerance)
        work.thread.call(partial(work.runner.change, parameters))
        work.trigger.set_parameters(parameters)

    async def _on_load_checkpoint(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        work, parameters = self._work, self._live.current
        if work is None:
            problem = "the planner is not configured; configuring it loads the checkpoint"
        else:
            problem = await work.loader.load(self.make_planner, parameters)
        if problem:
            problem = f"not loaded, nothing has changed: {problem}"
            self.get_logger().error(problem)
        else:
            self._checkpoint = parameters.checkpoint
            self.get_logger().info(f"planning from {self._checkpoint} from now on")
        response.success, response.message = not problem, problem or f"planning from {parameters.checkpoint}"
        return response

    def _on_begin_episode(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Forget the old motion: the robot has been put elsewhere. Answered when that is done."""
        work = self._work
        if work is None:
            response.success, response.message = False, "the planner is not configured"
            return response
        work.trigger.begin_episode()
        begun = threading.Event()
        work.thread.call(work.runner.begin_episode)
        work.thread.call(begun.set)
        response.success = begun.wait(STOP_PATIENCE_S)
        response.message = "the next plan begins where the robot is measured" if response.success else "still planning"
        return response

    def _settle_exchange(self) -> None:
        """After another planner was put in place: its threads get what the others have, its objects are set aside."""
        if self._active:
            self._live.current.realtime.for_new_threads().apply()
            self._collector.settle()

    def _summarise(self) -> None:
        if self._work is not None:
            self._work.status.summarise()

    def _report(self) -> None:
        work = self._work
        if work is not None and self._active and work.thread.failure is not None:
            self.trigger_deactivate()  # which finds the failure, and ends in the state for it
            work = self._work
        if work is None:
            statuses, hardware = [resting_status(self.state, self.problem)], "none"
        else:
            parameters, planner = self._live.current, work.runner.planner
            work.intake.set_limits(work.runner.greatest_ages)
            awaited = work.intake.waiting.reasons()
            statuses = work.status.statuses(self.state, self._checkpoint, parameters, self._refused, awaited)
            hardware = planner.spec.name
            if self._active:
                self._tell_of_waiting(awaited)
        name = self.get_fully_qualified_name()
        self._diagnostics.publish(diagnostic_array(self._now(), name, hardware, statuses))

    def _tell_of_waiting(self, reasons: list[str]) -> None:
        """Log what is waited for once, when it has been for two reports: messages need a moment to find each other."""
        for reason in reasons:
            if reason_of(reason) in self._awaited:
                self._log.once(reason)
        self._awaited = {reason_of(reason) for reason in reasons}
        if not reasons:
            self._log.forget()

    def _warn_each_time(self, text: str) -> None:
        self.get_logger().warning(text)

    def _warn(self, text: str) -> None:
        self._log.warning(text)


def main(args: list[str] | None = None) -> int:
    """Entry point of the `planner_node` executable."""
    return run_node(PlannerNode, args)


if __name__ == "__main__":
    sys.exit(main())
