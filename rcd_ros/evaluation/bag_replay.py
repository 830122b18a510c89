"""Replans a recorded run offline: the same observations, seed and counters must give the same plans."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.bag_observations import RecordedObservations
from rcd_ros.data.bag_topics import TaskTopics
from rcd_ros.data.bags import DIAGNOSTICS, Bag, Recorded, nanoseconds, status_values
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.bag_counters import CounterReport, Counters
from rcd_ros.planning.execution.trajectory import TrajectoryMaker, TrajectoryPoints
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.planner import Planner
from rcd_ros.planning.spec import TaskSpec

Verdict = Literal["same", "different", "not comparable"]
Outcome = Literal["same", "different", "incomplete"]

TOLERANCE = 1e-6
_SEARCHES = 3
"""Fruitless searches for a counter in a row after which only the expected one is tried: another planner planned."""
_LOST = (1.5, 10.0)
"""Observations so many control periods apart: the recorder lost some. The planner, too, had longer gaps."""
_WAIT_NS = 10_000_000_000
"""How long (of recorded time) a trajectory and its observation may lie apart."""


@dataclass(frozen=True)
class ReplayedPlan:
    """The result for one recorded plan.

    Attributes:
        index: of the plan in the bag, from 0.
        stamp: of its observation, ns.
        verdict: "same" when no value differs by more than the tolerance.
        difference: largest absolute one of all positions, velocities and efforts (rad or m, /s, N m); None where the
            shapes differ or nothing was planned.
        seed, counter: of the noise that it was planned with here.
        reason: why it is different or not comparable, where that is known.
        before: whether it was made from what came before the recording began, so that nothing is missing in the bag.
    """

    index: int
    stamp: int
    verdict: Verdict
    difference: float | None = None
    seed: int | None = None
    counter: int | None = None
    reason: str = ""
    before: bool = False


@dataclass(frozen=True)
class BagReplay:
    """All plans of a bag, and their planner according to its diagnostics (empty where they do not state it)."""

    plans: Sequence[ReplayedPlan]
    recorded_sha256: str
    recorded_engine: str
    dropped: Mapping[str, int]
    """Recorded messages that could not be used, by reason."""
    clock_restarts: int
    missing: str = ""
    """What observations lacked where none was complete, as half a sentence."""

    @property
    def outcome(self) -> Outcome:
        """Whether all plans are the same, one is different, or some could not be compared.

        Plans that were made from what came before the recording began are left out.
        """
        counts = Counter(plan.verdict for plan in self.plans if not plan.before)
        if counts["different"]:
            return "different"
        return "same" if counts["same"] and not counts["not comparable"] else "incomplete"

    @property
    def not_compared(self) -> dict[str, int]:
        """Plans that could not be compared although the recording had begun, by reason."""
        left = (plan for plan in self.plans if plan.verdict == "not comparable" and not plan.before)
        return dict(Counter(plan.reason for plan in left))

    @property
    def largest_difference(self) -> float | None:
        """Over all compared plans; None where there is none, or one that has no number."""
        compared = [plan.difference for plan in self.plans if plan.verdict != "not comparable"]
        return None if not compared or None in compared else max(value for value in compared if value is not None)

    def count(self) -> dict[Verdict, int]:
        """Plans by verdict."""
        counts = Counter(plan.verdict for plan in self.plans)
        return {verdict: counts[verdict] for verdict in ("same", "different", "not comparable")}

    def summary(self) -> dict[str, Any]:
        """For a JSON file."""
        return {
            "same": self.outcome == "same",
            "outcome": self.outcome,
            "not_compared": self.not_compared,
            "plans": self.count(),
            "largest_difference": self.largest_difference,
            "recorded_checkpoint_sha256": self.recorded_sha256,
            "recorded_engine": self.recorded_engine,
            "dropped": dict(self.dropped),
            "clock_restarts": self.clock_restarts,
            "replayed": [asdict(plan) for plan in self.plans],
        }


class RecordedPlans:
    """The plans of a bag and the planner's reports between them: what is known before anything is planned."""

    def __init__(self, bag: Bag, topics: TaskTopics) -> None:
        """Read them.

        Raises:
            RcdError: the bag holds no plan.
        """
        self.bag, self.topics = bag, topics
        self.anchors: list[CounterReport] = []
        self.stamp_tolerance = 0.0
        """s that stamps of one observation were allowed to differ, as the planner said."""
        reports = topics.full("diagnostics")
        reports = reports if bag.types.get(reports) == DIAGNOSTICS else "/diagnostics"
        index_of_stamp: dict[int, int] = {}
        count = 0
        previous = -1
        for recorded in bag.messages([topics.trajectories, reports]):
            if recorded.topic == topics.trajectories:
                stamp = nanoseconds(recorded.message.header.stamp)
                if stamp != previous:
                    index_of_stamp[stamp] = count
                    count, previous = count + 1, stamp
            elif (values := status_values(recorded.message, "checkpoint_sha256")) is not None:
                anchor = CounterReport.of(values, count, index_of_stamp)
                self.anchors += [anchor] if anchor is not None else []
                self.stamp_tolerance = max(self.stamp_tolerance, _seconds(values.get("stamp_tolerance", "")))
        if count == 0:
            raise RcdError(f"the bag '{bag.path}' holds no plan on '{topics.trajectories}'")

    @property
    def checkpoint_sha256(self) -> str:
        """Of the newest report; empty where there is none."""
        return self.anchors[-1].checkpoint_sha256 if self.anchors else ""

    @property
    def engine(self) -> str:
        """Of the newest report; empty where there is none."""
        return self.anchors[-1].engine if self.anchors else ""


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0


def replay(
    recorded: RecordedPlans,
    planner: Planner,
    seed: int | None = None,
    tolerance: float = TOLERANCE,
    stamp_tolerance: float = 0.0,
) -> BagReplay:
    """Plan every recorded plan again from the recorded observations, by the planner node's own parts.

    Args:
        recorded: what the bag holds.
        planner: of the checkpoint to compare with; its seed and counter are set as the recorded ones were.
        seed: of the noise; None: as the diagnostics say, 0 where they do not state it.
        tolerance: how far values may differ and be the same, in their own units.
        stamp_tolerance: s that stamps of one observation may differ, at least; the checkpoint's task and what the
            planner said of itself hold anyway.
    """
    pairing = _Pairing(recorded, planner, max(stamp_tolerance, recorded.stamp_tolerance))
    comparison = _Comparison(planner, Counters(recorded.anchors, seed), tolerance)
    plans = sorted((comparison.compare(pair) for pair in pairing.pairs()), key=lambda plan: plan.index)
    assembler = pairing.assembler
    missing = "" if assembler.stamp is not None else pairing.observations.missing()
    dropped = dict(assembler.dropped)
    return BagReplay(plans, recorded.checkpoint_sha256, recorded.engine, dropped, assembler.restarts, missing)


@dataclass(frozen=True)
class _Pair:
    """A recorded plan and what it was planned from (None: not in the bag)."""

    index: int
    plan: Recorded
    observation: Observation | None = None
    whole: bool = False
    """Whether the bag seems to hold all that the planner saw of the observation's history."""
    before: bool = False
    """Whether a part of that came before the recording began."""

    @property
    def stamp(self) -> int:
        return nanoseconds(self.plan.message.header.stamp)


class _Pairing:
    """Matches plans with observations, which may have been recorded out of order."""

    def __init__(self, recorded: RecordedPlans, planner: Planner, stamp_tolerance: float) -> None:
        self.observations = RecordedObservations(
            recorded.bag,
            planner.spec,
            recorded.topics,
            planner.history,
            stamp_tolerance,
            planner.normalizer.observation_mean,
        )
        self.assembler = self.observations.assembler
        self._recorded = recorded
        self._period = round(planner.spec.control_period * 1e9)
        self._span = (planner.history - 1) * self._period
        self._newest: int | None = None
        self._heard_since: int | None = None
        """Stamp of the first usable message of the clock channel."""
        self._complete_since: float = -math.inf
        """From this stamp on the bag seems to hold every observation."""
        self._observations: dict[int, tuple[int, Observation, bool]] = {}
        self._waiting: list[_Pair] = []

    def pairs(self) -> Iterator[_Pair]:
        """Each different plan once."""
        bag, topics = self._recorded.bag, self._recorded.topics
        count, previous = 0, -1
        for recorded in bag.messages([topics.trajectories, *self.observations.topics]):
            if recorded.topic != topics.trajectories:
                self._observe(recorded)
            elif (stamp := nanoseconds(recorded.message.header.stamp)) != previous:
                self._waiting.append(_Pair(count, recorded))
                count, previous = count + 1, stamp
            yield from self._resolve(recorded.time - _WAIT_NS)
        yield from (replace(pair, before=self._is_before(pair)) for pair in self._waiting)

    def _is_before(self, pair: _Pair) -> bool:
        """Whether a plan was made from what came before the recording began."""
        return self._heard_since is not None and pair.stamp < self._heard_since + self._span + self._period

    def _observe(self, recorded: Recorded) -> None:
        restarts = self.assembler.restarts
        observation = self.observations.take(recorded)
        if self._heard_since is None:
            self._heard_since = self.assembler.stamp_of(self.assembler.lead)
        if self.assembler.restarts > restarts:
            self._observations.clear()
            self._complete_since = -math.inf
        elif observation is not None:
            gap = math.inf if self._newest is None else (observation.stamp - self._newest) / self._period
            if self._newest is None or _LOST[0] < gap < _LOST[1]:
                self._complete_since = observation.stamp
        if observation is not None:
            self._newest = observation.stamp
            whole = observation.stamp - self._span >= self._complete_since
            self._observations[observation.stamp] = recorded.time, observation, whole

    def _resolve(self, oldest: int) -> list[_Pair]:
        """The plans whose observation is found or can no longer come."""
        while self._observations and next(iter(self._observations.values()))[0] < oldest:
            del self._observations[next(iter(self._observations))]
        resolved = []
        for pair in self._waiting:
            if pair.stamp in self._observations:
                _, observation, whole = self._observations[pair.stamp]
                before = not whole and self._is_before(pair)
                resolved.append(replace(pair, observation=observation, whole=whole, before=before))
            elif pair.plan.time < oldest:
                resolved.append(replace(pair, before=self._is_before(pair)))
        done = {pair.index for pair in resolved}
        self._waiting = [pair for pair in self._waiting if pair.index not in done]
        return resolved


class _Comparison:
    """Replans and compares; searches for the counter where the expected one does not match."""

    def __init__(self, planner: Planner, counters: Counters, tolerance: float) -> None:
        self._planner = planner
        self._counters = counters
        self._tolerance = tolerance
        self._fruitless = 0

    def compare(self, pair: _Pair) -> ReplayedPlan:
        index, stamp, observation = pair.index, pair.stamp, pair.observation
        if observation is None:
            reason = "its observation is not in the bag"
            return ReplayedPlan(index, stamp, "not comparable", reason=reason, before=pair.before)
        best: ReplayedPlan | None = None
        for seed, counter in self._counters.candidates(index):
            difference = self._difference(observation, seed, counter, pair.plan.message)
            if difference <= self._tolerance:
                self._counters.found(index, seed, counter)
                self._fruitless = 0
                return ReplayedPlan(index, stamp, "same", difference, seed, counter)
            if best is None:
                known = difference if math.isfinite(difference) else None
                reason = "" if known is not None else "other joints, points or times"
                best = ReplayedPlan(index, stamp, "different", known, seed, counter, reason)
            if self._fruitless >= _SEARCHES:
                break
        if not pair.whole:
            reason = "the bag lacks a part of its history"
            return ReplayedPlan(index, stamp, "not comparable", reason=reason, before=pair.before)
        self._fruitless += 1
        if best is None:
            raise AssertionError("there is always a counter to try")
        return best

    def _difference(self, observation: Observation, seed: int, counter: int, message: Any) -> float:
        planner = self._planner
        planner.reset(seed)
        planner.counter = counter
        chunk = planner.plan(observation.history)
        return difference(planner.spec, TrajectoryMaker(planner.spec).points(chunk, observation.history[-1]), message)


def difference(spec: TaskSpec, points: TrajectoryPoints, message: Any) -> float:
    """Largest absolute difference between a plan and a recorded JointTrajectory; infinite where the shapes differ.

    A message may hold a part of the commanded joints, in any order.
    """
    names = list(message.joint_names)
    ends = [nanoseconds(point.time_from_start) for point in message.points]
    if not names or not set(names) <= set(spec.command.joints) or ends != points.time_from_start.tolist():
        return math.inf
    order = [spec.command.joints.index(name) for name in names]
    largest = 0.0
    for planned, field in (
        (points.positions, "positions"),
        (points.velocities, "velocities"),
        (points.efforts, "effort"),
    ):
        expected: NDArray[np.float64] = planned[:, order] if planned.shape[1] else planned
        rows = [np.asarray(getattr(point, field), np.float64) for point in message.points]
        if any(row.shape != expected.shape[1:] for row in rows):
            return math.inf
        if expected.size:
            gap = float(np.abs(np.stack(rows) - expected).max())
            largest = max(largest, gap if math.isfinite(gap) else math.inf)
    return largest
