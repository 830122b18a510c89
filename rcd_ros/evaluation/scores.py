"""Bootstrap intervals, and percentiles of plan times."""

from __future__ import annotations

from collections.abc import Callable
from typing import SupportsFloat

import numpy as np
from numpy.typing import ArrayLike


def bootstrap_interval(
    values: ArrayLike,
    seed: int = 0,
    statistic: Callable[..., SupportsFloat] = np.mean,
    confidence: float = 0.95,
    resamples: int = 10_000,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a statistic (Efron and Tibshirani 1993, section 13.3).

    Args:
        values: (n,), one per episode or round, n >= 1.
        seed: the same values and seed give the same interval.
        statistic: of values along its argument `axis`.
        confidence: probability that the interval should hold the true value.
        resamples: number of resampled statistics.

    Returns:
        (low, high); of a single value, the statistic itself twice.
    """
    # Imported here: it takes longer than the rest of an evaluation's imports together.
    from scipy.stats import bootstrap

    sample = np.asarray(values)
    if len(sample) < 2:
        only = float(statistic(sample, axis=-1))
        return only, only
    interval = bootstrap(
        (sample,),
        statistic,
        n_resamples=resamples,
        batch=max(1, 10_000_000 // len(sample)),
        confidence_level=confidence,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def percentile_ms(seconds: ArrayLike, percentile: float) -> float:
    """A percentile of durations (s), in ms."""
    return 1000.0 * float(np.percentile(np.asarray(seconds, np.float64), percentile))
