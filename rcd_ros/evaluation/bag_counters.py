"""Assigns the noise counter to each recorded plan.

A trajectory states the observation it was planned from, but not the counter; the planner's diagnostics state seed and
counter once a second. Between two of these every plan counts one, so that most counters follow; where a message was
lost or a report came in the middle of a plan, the neighbours are tried.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

WINDOW = 64
"""How far from the expected counter others are tried."""


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
