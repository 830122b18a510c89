"""Pooling results: only what differs by its training seed alone."""

from __future__ import annotations

from typing import Any

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.comparison import pool
from rcd_ros.evaluation.results import Evaluation


def summary(*scores: float, execute: int = 8) -> dict[str, Any]:
    """As `rcd eval --json` writes it, as far as it matters here."""
    return {
        "task": "kitchen",
        "horizon_steps": 280,
        "policy": "student",
        "nfe": 1,
        "execute": execute,
        "score_mean": sum(scores) / len(scores),
        "score_ci95": [0.0, 100.0],
        "plan_ms_p50": 0.5,
        "plan_ms_p95": 0.7,
        "plan_ms_p99": 0.9,
        "predicted_return_mean": 2.0,
        "real_return_mean": 1.0,
        "episode_results": [{"score": score} for score in scores],
    }


def evaluation(*scores: float, **changed: Any) -> Evaluation:
    return Evaluation.model_validate(summary(*scores) | changed)


def test_every_episode_counts_once_and_every_seed_is_named() -> None:
    row = pool("rewarded", [evaluation(100.0, 50.0), evaluation(0.0, 50.0, 100.0, 100.0)])
    assert row.episodes == 6
    assert row.score_mean == pytest.approx(400.0 / 6.0)
    assert row.score_per_seed == (75.0, 62.5)
    low, high = row.score_ci95
    assert low < row.score_mean < high
    assert (row.predicted_return_mean, row.real_return_mean) == (2.0, 1.0)


@pytest.mark.parametrize("changed", [{"execute": 1}, {"shape": True}, {"task": "maze-large"}, {"delay": 2}])
def test_results_of_different_settings_are_not_pooled(changed: dict[str, Any]) -> None:
    with pytest.raises(RcdError, match=f"'{next(iter(changed))}'"):
        pool("mixed up", [evaluation(1.0), evaluation(1.0, **changed)])


def test_a_file_from_before_there_was_a_choice_was_driven_as_is_now_the_default() -> None:
    pool("older files", [evaluation(1.0), evaluation(1.0, mode="chunk", delay=0, shape=False, gradient_steps=0)])
