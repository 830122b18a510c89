"""When to plan: on all observations, about one a period, or the newest one by timer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rclpy.node import Node
from rclpy.timer import Timer

from rcd_ros.nodes.planner.parameters import PlannerParameters
from rcd_ros.nodes.planner.plan_runner import PlanRunner, PlanTask
from rcd_ros.nodes.planner.planning_thread import PlanningThread
from rcd_ros.nodes.planner.timing import PeriodTimes
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.observation.timing import ObservationPacer


class PlanTrigger:
    """Hands observations to the planning thread while it is active; keeps the newest one until then.

    An observation that a newer one overtakes before its planning began is dropped and counted.
    """

    def __init__(
        self,
        node: Node,
        runner: PlanRunner,
        thread: PlanningThread[PlanTask],
        times: PeriodTimes,
        assembler: ObservationAssembler,
        now: Callable[[], int],
    ) -> None:
        """Plan on nothing before `activate`.

        Args:
            node: whose timer triggers, where one does.
            runner: answers observations that are repeated, and counts those that are dropped.
            thread: works on observations.
            times: where dropped observations are entered.
            assembler: of the observations.
            now: the node's clock, ns.
        """
        self._node, self._runner, self._thread, self._times = node, runner, thread, times
        self._assembler, self._now = assembler, now
        self._gate = threading.Lock()
        self._is_active = False
        self._newest: Observation | None = None
        """The last observation that came while nothing is planned on."""
        self._timer: Timer | None = None
        self._waiting: Observation | None = None
        """What the timer plans on next."""
        self._pacer: ObservationPacer | None = None
        self._passed_over: tuple[Observation, float] | None = None
        """The last observation that was not planned on because it came too soon, and when it came (s)."""

    def set_parameters(self, parameters: PlannerParameters) -> None:
        """Trigger as the parameters say."""
        period = 1.0 / parameters.expected_rate(self._runner.planner.spec.control_period)
        self._stop_timer()
        with self._gate:
            self._pacer = ObservationPacer(round(1e9 * period)) if parameters.trigger == "paced" else None
        if parameters.trigger == "timer":
            self._timer = self._node.create_timer(period, self._plan_newest)

    def activate(self) -> None:
        """Plan from now on, first on the observation that came last: a goal, say, may come only once."""
        with self._gate:
            self._is_active = True
            newest, self._newest = self._newest, None
            offered = newest is not None and self._accept(newest)
        if offered:
            self._thread.wake()

    def deactivate(self) -> None:
        """Stop handing observations to the planning thread, from the moment at which this returns."""
        with self._gate:
            self._is_active = False
            self._newest = None

    def close(self) -> None:
        """Deactivate for good."""
        self.deactivate()
        self._stop_timer()

    def begin_episode(self) -> None:
        """The next observation is planned on, however soon it comes."""
        with self._gate:
            if self._pacer is not None:
                self._pacer.reset()

    def take(self, observation: Observation, here: bool) -> None:
        """Plan on an observation, or keep it for the timer or until planning is active.

        Args:
            observation: a complete one.
            here: whether the calling thread may plan, if that is quick; it serves nothing else meanwhile.
        """
        with self._gate:
            offered = self._accept(observation)
        if offered:  # without the lock: a plan that never ends must not keep the node from ending
            (self._thread.work_here if here else self._thread.wake)()

    def take_repeated(self, stamp: int | None) -> None:
        """Answer an observation that is published again, as simulators that wait for a plan do.

        A simulator's clock travels on a topic of its own. Where the observation has overtaken it across a jump of the
        clock, the observation was dropped as one from the future, and is planned on now.
        """
        early = self._runner.answer_again(stamp)
        with self._gate:
            if not self._is_active:
                return
            if early is not None:
                self._offer(early.observation, early.begun)
            elif self._pacer is not None and (observation := self._awaited(stamp)) is not None:
                self._passed_over = None
                self._pacer.reset()  # its pace counts from here
                self._pacer.wants(observation.stamp)
                self._offer(observation, observation.stamp)

    def _accept(self, observation: Observation) -> bool:
        """Whether the observation was offered to the planning thread, which is to be woken; else it is kept."""
        if not self._is_active:
            self._newest = observation
        elif self._timer is not None:
            if self._waiting is not None:
                self._runner.dropped["overtaken"] += 1
            self._waiting = observation
        elif self._pacer is None or self._pacer.wants(observation.stamp):
            self._offer(observation, observation.stamp, wake=False)
            return True
        else:
            self._passed_over = observation, time.monotonic()
        return False

    def _awaited(self, stamp: int | None) -> Observation | None:
        """The observation of this stamp, if it was passed over and no newer one has come for a control period.

        A bridge waits for its plan then: the rates of both have diverged.
        """
        if self._passed_over is None:
            return None
        observation, since = self._passed_over
        period = self._runner.planner.spec.control_period
        return observation if observation.stamp == stamp and time.monotonic() - since >= period else None

    def _plan_newest(self) -> None:
        with self._gate:
            observation, self._waiting = self._waiting, None
            if observation is not None and self._is_active:
                self._offer(observation, self._now())

    def _offer(self, observation: Observation, begun: int, wake: bool = True) -> None:
        task = PlanTask(observation, begun, self._assembler.restarts, self._assembler.goals)
        if self._thread.offer(task, wake):
            self._runner.dropped["overtaken"] += 1
            self._times.overtaken()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None
