"""Replans a recorded run offline: the same observations, seed and counters must give the same plans.

A trajectory states the observation that it was planned from, but not the counter of its noise. The planner's
diagnostics state seed and counter once a second. Between two of these every plan counts one, so that most counters
follow; where a message was lost or a report came in the middle of a plan, neighbouring counters are tried.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.bags.bag import nanoseconds
from rcd_ros.evaluation.bag_plans import CounterReport, Pairing, RecordedPlan, RecordedPlans
from rcd_ros.planning.execution.trajectory import TrajectoryMaker, TrajectoryPoints
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.planner import Planner
from rcd_ros.planning.spec import TaskSpec

if TYPE_CHECKING:
    from rosbags.typesys.stores.ros2_jazzy import trajectory_msgs__msg__JointTrajectory as JointTrajectory

Verdict = Literal["same", "different", "not comparable"]
Outcome = Literal["same", "different", "incomplete"]

TOLERANCE = 1e-6
WINDOW = 64
"""How far from the expected counter others are tried."""
_SEARCHES = 3
"""Fruitless searches for a counter in a row after which only the expected one is tried: another planner planned."""


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

    def notes(self, sha256: str, engine: str) -> list[str]:
        """What a reader of the verdicts needs to know.

        Args:
            sha256: identity of the checkpoint that planned again.
            engine: that it planned in.
        """
        notes = []
        if dropped := ", ".join(f"{count} {reason}" for reason, count in sorted(self.dropped.items())):
            notes.append(f"recorded messages not used: {dropped}")
        if left := ", ".join(f"{count}: {reason}" for reason, count in self.not_compared.items()):
            notes.append(f"plans that could not be compared: {left}")
        if self.missing:
            notes.append(f"not one observation was complete: {self.missing} (--stamp-tolerance)")
        if not self.recorded_sha256:
            notes.append("the bag has no diagnostics of a planner: seed and counters are a guess from 0 on")
        elif self.recorded_sha256 != sha256:
            notes.append(f"another checkpoint planned this run: {self.recorded_sha256[:12]}, not {sha256[:12]}")
        if self.recorded_engine and self.recorded_engine != engine:
            notes.append(f"it ran on engine {self.recorded_engine}, which may round otherwise")
        return notes

    def summary(self) -> dict[str, object]:
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
    pairing = Pairing(recorded, planner, max(stamp_tolerance, recorded.stamp_tolerance))
    comparison = _Comparison(planner, Counters(recorded.anchors, seed), tolerance)
    plans = sorted((comparison.compare(pair) for pair in pairing.pairs()), key=lambda plan: plan.index)
    assembler = pairing.assembler
    missing = "" if assembler.stamp is not None else pairing.observations.missing()
    dropped = dict(assembler.dropped)
    return BagReplay(plans, recorded.checkpoint_sha256, recorded.engine, dropped, assembler.restarts, missing)


class Counters:
    """Proposes (seed, counter) for one plan after another; `found` reports which one it was."""

    def __init__(self, anchors: Sequence[CounterReport], seed: int | None) -> None:
        """Go by the planner's reports, in order, and by `seed` where it is given."""
        self._anchors = anchors
        self._seed = seed
        self._last: tuple[int, int] | None = None
        """Seed and counter minus index of the plan found last."""

    def candidates(self, index: int) -> Iterator[tuple[int, int]]:
        """Seeds and counters to try, the most likely first, each once."""
        tried: set[tuple[int, int]] = set()
        starts = list(self._starts(index))
        for distance in range(WINDOW + 1):
            for seed, counter in starts:
                for candidate in ((seed, counter + distance), (seed, counter - distance)):
                    if candidate[1] >= 0 and candidate not in tried:
                        tried.add(candidate)
                        yield candidate

    def found(self, index: int, seed: int, counter: int) -> None:
        """Plan `index` was made by this seed and counter."""
        self._last = (seed, counter - index)

    def _starts(self, index: int) -> Iterator[tuple[int, int]]:
        following = bisect_right(self._anchors, index, key=lambda anchor: anchor.plans)
        around = [self._anchors[i] for i in (following, following - 1) if 0 <= i < len(self._anchors)]
        seeds = {anchor.seed for anchor in around}
        if self._last is not None and (self._seed is not None or not seeds or self._last[0] in seeds):
            yield self._last[0], max(self._last[1] + index, 0)
        for anchor in around:
            seed = anchor.seed if self._seed is None else self._seed
            yield seed, max(anchor.counter + index - (anchor.plans - 1), 0)
        if not around:
            yield self._seed or 0, index


class _Comparison:
    """Replans and compares; searches for the counter where the expected one does not match."""

    def __init__(self, planner: Planner, counters: Counters, tolerance: float) -> None:
        self._planner = planner
        self._counters = counters
        self._tolerance = tolerance
        self._fruitless = 0

    def compare(self, pair: RecordedPlan) -> ReplayedPlan:
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

    def _difference(self, observation: Observation, seed: int, counter: int, message: JointTrajectory) -> float:
        planner = self._planner
        planner.reset(seed)
        planner.counter = counter
        chunk = planner.plan(observation.history)
        return difference(planner.spec, TrajectoryMaker(planner.spec).points(chunk, observation.history[-1]), message)


def difference(spec: TaskSpec, points: TrajectoryPoints, message: JointTrajectory) -> float:
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
