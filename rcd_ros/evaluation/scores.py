"""Means with honest intervals, and percentiles of plan times."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def bootstrap_interval(
    values: ArrayLike, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over episodes.

    Args:
        values: (n,), one per episode, n >= 1.
        confidence: probability that the interval should hold the true mean.
        resamples: number of resampled means.
        seed: the same values and seed give the same interval.

    Returns:
        (low, high).
    """
    sample = np.asarray(values, np.float64)
    random = np.random.default_rng(seed)
    means = sample[random.integers(len(sample), size=(resamples, len(sample)))].mean(axis=1)
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(means, (tail, 100.0 - tail))
    return float(low), float(high)


def percentile_ms(seconds: ArrayLike, percentile: float) -> float:
    """A percentile of durations (s), in ms."""
    return 1000.0 * float(np.percentile(np.asarray(seconds, np.float64), percentile))
