"""The plans of a recorded run, and the observations that they were made from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from rcd_ros.data.bags.bag import DIAGNOSTICS, Bag, Recorded, nanoseconds, status_values
from rcd_ros.data.bags.topics import RecordedObservations, TaskTopics
from rcd_ros.errors import RcdError
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.planner import Planner

_LOST = (1.5, 10.0)
"""Observations so many control periods apart: the recorder lost some. The planner, too, had longer gaps."""
_WAIT_NS = 10_000_000_000
"""How long (of recorded time) a trajectory and its observation may lie apart."""


@dataclass(frozen=True)
class CounterReport:
    """A report of the planner: when the bag had `plans` different plans, the newest of them was made by `counter`.

    Before the first plan that counter is the one before the first plan's, -1 in a planner that has just begun.
    """

    plans: int
    seed: int
    counter: int
    checkpoint_sha256: str
    engine: str

    @classmethod
    def of(cls, values: Mapping[str, str], plans: int, index_of_stamp: Mapping[int, int]) -> CounterReport | None:
        """The report in a status' values, where `plans` plans were recorded before it; None where it has none.

        A report that names the newest plan (`plan_stamp`, ns) is exact even where messages overtook each other.
        """
        try:
            seed, following = int(values["seed"]), int(values["counter"])
            named = index_of_stamp.get(int(values.get("plan_stamp", -1)))
        except (KeyError, ValueError):
            return None
        count = plans if named is None else named + 1
        return cls(count, seed, following - 1, values.get("checkpoint_sha256", ""), values.get("engine", ""))


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


@dataclass(frozen=True)
class RecordedPlan:
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
        """Of the observation that it was planned from, ns."""
        return nanoseconds(self.plan.message.header.stamp)


class Pairing:
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
        self._received_since: int | None = None
        """Stamp of the first usable message of the clock channel."""
        self._complete_since: float = -math.inf
        """From this stamp on the bag seems to hold every observation."""
        self._observations: dict[int, tuple[int, Observation, bool]] = {}
        self._waiting: list[RecordedPlan] = []

    def pairs(self) -> Iterator[RecordedPlan]:
        """Each different plan once."""
        bag, topics = self._recorded.bag, self._recorded.topics
        count, previous = 0, -1
        for recorded in bag.messages([topics.trajectories, *self.observations.topics]):
            if recorded.topic != topics.trajectories:
                self._observe(recorded)
            elif (stamp := nanoseconds(recorded.message.header.stamp)) != previous:
                self._waiting.append(RecordedPlan(count, recorded))
                count, previous = count + 1, stamp
            yield from self._resolve(recorded.time - _WAIT_NS)
        yield from (replace(pair, before=self._is_before(pair)) for pair in self._waiting)

    def _is_before(self, pair: RecordedPlan) -> bool:
        """Whether a plan was made from what came before the recording began."""
        return self._received_since is not None and pair.stamp < self._received_since + self._span + self._period

    def _observe(self, recorded: Recorded) -> None:
        restarts = self.assembler.restarts
        observation = self.observations.take(recorded)
        if self._received_since is None:
            self._received_since = self.assembler.stamp_of(self.assembler.lead)
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

    def _resolve(self, oldest: int) -> list[RecordedPlan]:
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
