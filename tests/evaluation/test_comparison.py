"""Pooling results: only what differs by its training seed alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.comparison import pool, read_summary


def summary(*scores: float, execute: int = 8) -> dict[str, Any]:
    """As `rcd eval --json` writes it, as far as it matters here."""
    return {
        "task": "kitchen",
        "horizon_steps": 280,
        "policy": "student",
        "nfe": 1,
        "execute": execute,
        "score_mean": sum(scores) / len(scores),
        "plan_ms_p50": 0.5,
        "predicted_return_mean": 2.0,
        "real_return_mean": 1.0,
        "episode_results": [{"score": score} for score in scores],
    }


def test_every_episode_counts_once_and_every_seed_is_named() -> None:
    row = pool("rewarded", [summary(100.0, 50.0), summary(0.0, 50.0, 100.0, 100.0)])
    assert row["episodes"] == 6
    assert row["score_mean"] == pytest.approx(400.0 / 6.0)
    assert row["score_per_seed"] == [75.0, 62.5]
    low, high = row["score_ci95"]
    assert low < row["score_mean"] < high
    assert (row["predicted_return_mean"], row["real_return_mean"]) == (2.0, 1.0)


def test_results_of_different_settings_are_not_pooled() -> None:
    with pytest.raises(RcdError, match="different 'execute'"):
        pool("mixed up", [summary(1.0), summary(1.0, execute=1)])
    with pytest.raises(RcdError, match="different 'shape'"):
        pool("mixed up", [summary(1.0), summary(1.0) | {"shape": True}])
    pool("older files", [summary(1.0), summary(1.0) | {"mode": "chunk", "delay": 0, "shape": False}])


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "cannot read"), ("{", "not JSON"), ("{}", "no 'task'"), ("[]", "no 'task'")]
)
def test_other_files_are_refused(tmp_path: Path, content: str | None, sentence: str) -> None:
    path = tmp_path / "result.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RcdError, match=sentence):
        read_summary(path)
