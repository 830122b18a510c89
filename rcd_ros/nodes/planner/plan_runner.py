"""Plans on observations: from an observation to trajectories on their way, or to a hold."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.nodes.planner.parameters import PlannerParameters
from rcd_ros.nodes.planner.timing import Period, PeriodTimes
from rcd_ros.nodes.planner.trajectory_outputs import TrajectoryOutputs, Written
from rcd_ros.nodes.planner.trajectory_sender import TrajectorySender
from rcd_ros.planning.execution.stream import CommandStream, StreamSettings, fit_settings
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.planner import Planner
from rcd_ros.planning.range_guard import RangeGuard

_AT_REST_NS = 1_000_000_000
"""A trajectory that ended so long ago says nothing of where the robot is now: it may have been put elsewhere."""


@dataclass(frozen=True)
class PlanTask:
    """An observation to plan on.

    Attributes:
        observation: the observation.
        begun: moment (ns of the node's clock) from which its deadline counts.
        restarts: restarts of the observations' clock before it.
        goals: goals that were given before it.
    """

    observation: Observation
    begun: int
    restarts: int = 0
    goals: int = 0


class PlanRunner:
    """Plans on observations, sends trajectories and holds the robot.

    One thread at a time calls its methods: the observations and calls of a `PlanningThread`. `check` and `answer_again`
    may be called by any thread, and attributes read by any.

    Attributes:
        planner: in use.
        plans: made since the runner was made.
        exchanges: of the planner, for another one.
        dropped: observations that were not planned on, by reason.
        last: stamp (ns) of the last observation that was answered, and the messages of the answer.
        early: the last observation that was dropped because its stamp was ahead of the clock, or whose plan was
            forgotten since; until the next plan.
        held_for: why the robot is held at present; empty while it is not.
        guard: judges observations by the training data.
        greatest_ages: of each topic, ns.
    """

    def __init__(
        self,
        planner: Planner,
        parameters: PlannerParameters,
        outputs: TrajectoryOutputs,
        times: PeriodTimes,
        now: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        """Plan by `planner`; not before `begin`.

        Args:
            planner: warmed up.
            parameters: as they are now.
            outputs: where trajectories go.
            times: where periods are entered.
            now: the node's clock, ns.
            log: takes what a person should know; called as often as it happens.

        Raises:
            RcdError: the parameters do not fit the task.
        """
        self.planner = planner
        self.plans = 0
        self.exchanges = 0
        # Every key is there from the start: the planning thread counts while the executor's thread reads.
        self.dropped = Counter({"overtaken": 0, "stale": 0, "from the future": 0, "no plan": 0, "out of range": 0})
        self.last: tuple[int, list[Written]] | None = None
        self.early: PlanTask | None = None
        self._answered: PlanTask | None = None
        self.held_for = ""
        self._parameters = parameters
        self._outputs = outputs
        self._times = times
        self._now = now
        self._log = log
        self._running = False
        self._restarts = 0
        self._goals = 0
        self._seed = parameters.seed
        self._sender = TrajectorySender(planner.spec, _settings(planner, parameters), outputs, now)
        self.check(planner, parameters)
        self._equip()

    @property
    def after_lead(self) -> int:
        """Shaped spline trajectories that were sent after the moment at which they take over."""
        return self._sender.after_lead

    def check(self, planner: Planner, parameters: PlannerParameters) -> None:
        """Make sure that `planner` can plan under `parameters`, and be ready for its trajectories; any thread may ask.

        Raises:
            RcdError: it cannot.
        """
        _ages(planner, parameters)
        settings = _settings(planner, parameters)
        trial = CommandStream(planner.spec, settings).next(*_typical(planner), 0, 0)
        self._outputs.prepare(trial.points, planner.horizon, settings.execute)

    def begin(self) -> None:
        """Plan on what comes from now on; nothing is commanded yet."""
        self._forget()
        self.held_for = ""
        self._running = True

    def begin_episode(self) -> None:
        """The robot has been put elsewhere: the next plan begins where it is measured, not where the last one led.

        The request may come later than the episode's first observation, which is then planned on again when it is
        repeated.
        """
        answered = self._answered if self.last is not None else self.early
        self._forget()
        self.early = answered
        self.held_for = ""

    def stop(self) -> None:
        """Leave the robot a trajectory that ends at rest, and stop planning."""
        running, self._running = self._running, False
        if running:
            self.hold("planning was stopped")

    def plan(self, task: PlanTask) -> None:
        """Plan on an observation and publish at once."""
        if not self._running:
            return
        observation, planner, started = task.observation, self.planner, self._now()
        self.early = None
        if self._is_unusable(task, started):
            return
        newest = observation.history[-1]
        deviations = self.guard.look(newest)
        if 0.0 < self._parameters.range_hold < deviations:
            self.dropped["out of range"] += 1
            reason = f"outside the training data: {self.guard.furthest(newest)}"
            self._log(f"holding the robot: {reason}")
            self.hold(reason)
            return
        moment = max(started, observation.stamp)
        self._answered = task
        self._follow_clock(task, moment)
        if task.goals != self._goals:
            self._goals = task.goals
            self._sender.stream.replan()
        if not self._sender.stream.wants(observation.stamp):
            if messages := self._sender.send_rest(observation.stamp):
                self.last = observation.stamp, messages
            return
        begin = time.perf_counter_ns()
        try:
            chunk = planner.plan(observation.history)
            planned = time.perf_counter_ns()
            stream = self._sender.stream
            messages = self._sender.send(lambda at: stream.next(chunk, newest, observation.stamp, at), moment)
        except RcdError as error:
            self.dropped["no plan"] += 1
            self._log(f"no plan: {error}")
            return
        self.last = observation.stamp, messages
        end = time.perf_counter_ns()
        self.plans += 1
        self.held_for = ""
        published = self._now()
        self._times.planned(Period(observation.stamp, task.begun, started, published, planned - begin, end - planned))
        self._example = chunk, newest
        planner.prepare()

    def answer_again(self, stamp: int | None) -> PlanTask | None:
        """Publish the last answer once more if it was one to the observation of this stamp (ns).

        Returns:
            The observation, if it came before its time and has not been planned on.
        """
        last, early = self.last, self.early
        if last is not None and last[0] == stamp:
            self._outputs.publish(last[1])
        return early if early is not None and early.observation.stamp == stamp else None

    def rehearse(self) -> None:
        """Shortly before an observation is due: all but publishing, on what came last."""
        if not self._parameters.rehearse:
            return
        self.planner.rehearse()
        self._rehearsal.reset()
        self._outputs.write(self._rehearsal.next(*self._example, 0, 0))

    def hold(self, reason: str) -> None:
        """Brake to rest, once for a reason, if anything is commanded at all."""
        sender = self._sender
        if sender.sent is None or self.held_for:
            return
        self.held_for = reason
        moment = max(self._now(), sender.sent_at)
        measured = self._example[1] if moment >= sender.end else None
        try:
            sender.send(lambda at: sender.stream.hold(at, measured), moment)
        except RcdError as error:
            self._log(f"the robot is not held ({error}), its last trajectory goes on: {reason}")
            return
        self.last = None  # repeating the last observation must not set the robot in motion

    def change(self, parameters: PlannerParameters) -> None:
        """Go on under other parameters, which have been checked."""
        self._parameters = parameters
        if parameters.seed != self._seed:
            self._seed = parameters.seed
            self.planner.reset(parameters.seed)
        self._sender.change(_settings(self.planner, parameters))
        self._equip()

    def exchange(self, planner: Planner) -> Planner:
        """Plan by another planner, which has been checked, from now on; returns the one that was in use."""
        before, self.planner = self.planner, planner
        self.exchanges += 1
        self._equip()
        return before

    def _equip(self) -> None:
        """Make what belongs to the planner and the parameters."""
        planner, parameters = self.planner, self._parameters
        self.greatest_ages = _ages(planner, parameters)
        self._oldest = min(self.greatest_ages.values(), default=round(1e9 * _horizon(planner)))
        self.guard = RangeGuard(planner.spec, planner.normalizer)
        self._rehearsal = CommandStream(planner.spec, _settings(planner, parameters))
        self._example = _typical(planner)

    def _is_unusable(self, task: PlanTask, now: int) -> bool:
        """Whether an observation is too old, or too far ahead of a clock that has been received."""
        observation = task.observation
        age = now - observation.stamp
        if -self._oldest <= age <= self._oldest or (now == 0 and age < 0):
            return False
        if age > 0:
            self.dropped["stale"] += 1
            self._log(
                f"an observation is {age * 1e-9:.3g} s old and not planned on; with a simulator set use_sim_time:=true"
            )
        else:
            self.dropped["from the future"] += 1
            self.early = task
            ahead = f"an observation's stamp is {age * -1e-9:.3g} s ahead of this node's clock and not planned on"
            self._log(f"{ahead}: synchronise the clocks, unless a simulator has just restarted its own")
        return True

    def _follow_clock(self, task: PlanTask, moment: int) -> None:
        """Forget what was commanded when the clock has restarted, or when a robot that was held has come to rest."""
        sender = self._sender
        restarted = task.restarts != self._restarts or moment < sender.sent_at
        self._restarts = task.restarts
        held = bool(self.held_for) and moment >= sender.end
        elsewhere = sender.sent is not None and task.observation.stamp >= sender.end + _AT_REST_NS
        if restarted or held or elsewhere:
            self._forget()

    def _forget(self) -> None:
        self._sender.forget()
        self.last, self.early = None, None


def _ages(planner: Planner, parameters: PlannerParameters) -> dict[str, int]:
    """Greatest age (ns) of each topic that goes stale; a goal holds until another one comes."""
    topics = (channel.topic_key for channel in planner.spec.observations if channel.kind != "goal_position")
    return parameters.greatest_ages(topics, _horizon(planner), planner.spec.max_ages)


def _settings(planner: Planner, parameters: PlannerParameters) -> StreamSettings:
    return fit_settings(parameters.stream, planner.spec, planner.execute)


def _horizon(planner: Planner) -> float:
    """s that a chunk covers."""
    return planner.horizon * planner.spec.control_period


def _typical(planner: Planner) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A chunk (horizon, n_cmd) and an observation (n_obs,) to try things with."""
    chunk = np.zeros((planner.horizon, planner.spec.command.size))
    return chunk, np.asarray(planner.normalizer.observation_mean)
