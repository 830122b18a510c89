"""From the stamps of observations and the arrivals of their trajectories to end-to-end times and missed periods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HOLDS_UP_TO = 0.001
"""Share of periods that a rate may miss and still holds."""


@dataclass(frozen=True)
class LoopTimes:
    """Sensor stamp to trajectory received, over the trajectories that came; None where none did.

    Attributes:
        e2e_p50_ms: median; and so on.
        missed: observations whose trajectory had not come within one period, those included for which none ever came.
        periods: observations.
    """

    e2e_p50_ms: float | None
    e2e_p95_ms: float | None
    e2e_p99_ms: float | None
    e2e_max_ms: float | None
    missed: int
    periods: int

    @property
    def holds(self) -> bool:
        """Whether the rate was held."""
        return self.periods > 0 and self.missed <= HOLDS_UP_TO * self.periods


def loop_times(
    sent: NDArray[np.int64], stamps: NDArray[np.int64], arrivals: NDArray[np.int64], period: float
) -> LoopTimes:
    """Match observations with their trajectories.

    Args:
        sent: (n,) ns, stamps of the observations.
        stamps: (m,) ns, stamps of the received trajectories, in the order of their arrival.
        arrivals: (m,) ns, when they arrived.
        period: s between two observations.
    """
    known, first = np.unique(stamps, return_index=True)
    answered = np.isin(sent, known)
    spans = arrivals[first[np.searchsorted(known, sent[answered])]] - sent[answered]
    in_time = int((spans <= round(period * 1e9)).sum())
    statistics: list[float | None] = [None] * 4
    if len(spans):
        statistics = [round(float(value), 4) for value in np.percentile(spans, (50, 95, 99, 100)) * 1e-6]
    p50, p95, p99, most = statistics
    return LoopTimes(p50, p95, p99, most, missed=len(sent) - in_time, periods=len(sent))
