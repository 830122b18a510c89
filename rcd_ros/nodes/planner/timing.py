"""How long planning takes, period by period: figures over a sliding window, deadlines, and whether a rate holds."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WINDOW_S = 10.0
FIGURES = ("age_ms", "plan_ms", "publish_ms", "total_ms")
"""Age of the observation when its planning began, time to plan, time to publish, observation's stamp to published."""
STATISTICS = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}

_CAPACITY = 16_384
"""Periods kept at most; above 1.6 kHz the window is shorter than `WINDOW_S`."""
_ENTERED, _PUBLISHED, _MISSED, _FIRST_FIGURE = range(4)

FAILING_SHARE = 0.05
"""Share of periods that must miss their deadline before a rate counts as not held."""
HOLDING_SHARE = 0.01
"""Share of missed periods up to which it counts as held again."""
_PAUSE = 10.0
"""A step of so many usual ones is a pause, not a part of the rate."""
FEWEST_PERIODS = 10
"""Fewer periods are too few to judge a rate."""


@dataclass(frozen=True)
class Period:
    """One plan: moments in ns of the node's clock, spans in ns of real time.

    Attributes:
        stamp: of the observation.
        begun: from where the deadline counts.
        started: planning began.
        published: its trajectory was handed to the middleware.
        planning: time that the planner took.
        publishing: time to make and send the message.
    """

    stamp: int
    begun: int
    started: int
    published: int
    planning: int
    publishing: int


@dataclass(frozen=True)
class Summary:
    """What the window says.

    Attributes:
        milliseconds: every statistic of every figure by its key, such as `plan_ms_p99`; NaN where no plan was made.
        periods: observations that were planned on, or should have been.
        missed: deadlines missed: those whose plan was late or not made.
        rate_hz: plans a second of the node's clock, without pauses; 0 for fewer than two.
    """

    milliseconds: dict[str, float]
    periods: int
    missed: int
    rate_hz: float


class PeriodTimes:
    """The last planning periods; any thread may enter one or ask for the summary."""

    def __init__(self, deadline: float) -> None:
        """A plan that is published `deadline` seconds after its period began, or later, is late."""
        self.missed = 0
        """Deadlines missed since the beginning: plans that were late or not made."""
        self.set_deadline(deadline)
        # Filled at once: pages that are touched only later would look like a leak.
        self._rows = np.full((_CAPACITY, _FIRST_FIGURE + len(FIGURES)), math.nan)
        self._next = 0
        self._access = threading.Lock()

    def set_deadline(self, deadline: float) -> None:
        """Another deadline (s) from now on."""
        self._deadline = round(deadline * 1e9)

    def planned(self, period: Period) -> None:
        """Enter a plan that was published."""
        spans = (
            period.started - period.stamp,
            period.planning,
            period.publishing,
            period.published - period.stamp,
        )
        late = period.published - period.begun >= self._deadline
        self._enter(period.published * 1e-9, late, *(span * 1e-6 for span in spans))

    def overtaken(self) -> None:
        """Enter an observation that is not planned on because a newer one has come."""
        self._enter(math.nan, True, *(math.nan for _ in FIGURES))

    def summary(self) -> Summary:
        """Figures of the last `WINDOW_S` seconds."""
        with self._access:
            recent = np.flatnonzero(self._rows[:, _ENTERED] > time.monotonic() - WINDOW_S)
            rows = self._rows[np.roll(recent, -np.searchsorted(recent, self._next))]  # in the order of their entry
        plans = rows[~np.isnan(rows[:, _PUBLISHED])]
        values = np.full((len(STATISTICS), len(FIGURES)), math.nan)
        if len(plans):
            values = np.percentile(plans[:, _FIRST_FIGURE:], list(STATISTICS.values()), axis=0)
        keys = [f"{figure}_{statistic}" for statistic in STATISTICS for figure in FIGURES]
        return Summary(
            milliseconds=dict(zip(keys, values.round(3).ravel().tolist(), strict=True)),
            periods=len(rows),
            missed=int(rows[:, _MISSED].sum()),
            rate_hz=_rate(plans[:, _PUBLISHED]),
        )

    def _enter(self, published: float, missed: bool, *figures: float) -> None:
        with self._access:
            self.missed += missed
            self._rows[self._next] = (time.monotonic(), published, missed, *figures)
            self._next = (self._next + 1) % _CAPACITY


class RateWatch:
    """Detects that deadlines are missed repeatedly, and when that is over; a single late plan changes nothing."""

    def __init__(self) -> None:
        self.failing = False
        """Whether the rate is not held."""

    def update(self, summary: Summary) -> bool:
        """Look at a window; returns whether it shows for the first time that the rate is not held (any more)."""
        if summary.periods < FEWEST_PERIODS:
            return False
        share, before = summary.missed / summary.periods, self.failing
        self.failing = share > (HOLDING_SHARE if before else FAILING_SHARE)
        return self.failing and not before


def _rate(moments: NDArray[np.float64]) -> float:
    """Plans a second (1/s) while plans were made: without pauses, and where a simulator's clock jumps to an episode."""
    steps = np.diff(moments)
    steps = steps[steps > 0.0]
    if not len(steps):
        return 0.0
    steps = steps[steps <= _PAUSE * np.median(steps)]
    return round(float(len(steps) / steps.sum()), 2)
