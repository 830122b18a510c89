"""The interval that every score is reported with."""

from __future__ import annotations

import numpy as np
import pytest

from rcd_ros.evaluation.scores import bootstrap_interval, percentile_ms


def test_interval_of_many_samples_matches_the_normal_approximation() -> None:
    sample = np.random.default_rng(3).normal(70.0, 20.0, size=400)
    low, high = bootstrap_interval(sample)
    half = 1.96 * sample.std() / np.sqrt(len(sample))
    assert low == pytest.approx(sample.mean() - half, abs=0.15)
    assert high == pytest.approx(sample.mean() + half, abs=0.15)


def test_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    intervals = [bootstrap_interval(random.binomial(4, 0.7, size=60), resamples=1000) for _ in range(300)]
    covered = np.mean([low <= 2.8 <= high for low, high in intervals])
    assert 0.90 <= covered <= 0.98


def test_interval_is_a_function_of_values_and_seed() -> None:
    values = np.random.default_rng(1).normal(size=50)
    assert bootstrap_interval(values, seed=5) == bootstrap_interval(values, seed=5)
    assert bootstrap_interval(values, seed=5) != bootstrap_interval(values, seed=6)


def test_interval_of_equal_values_is_that_value() -> None:
    assert bootstrap_interval([75.0] * 10) == (75.0, 75.0)


def test_percentiles_are_in_milliseconds() -> None:
    assert percentile_ms([0.001, 0.002, 0.003], 50) == pytest.approx(2.0)
