"""The figures of an evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.episodes import Dataset, Episode
from rcd_ros.evaluation.plots import plot_results
from rcd_ros.evaluation.policy import DemonstrationReplay
from rcd_ros.evaluation.report import summarize
from rcd_ros.evaluation.rollout import EpisodeResult
from tests.evaluation.corridor import corridor_spec


def episode(*rewards: float) -> Episode:
    steps = len(rewards)
    return Episode(
        np.zeros((steps + 1, 2), np.float32), np.zeros((steps, 1), np.float32), np.float32(rewards), True, False
    )


RESULTS = [
    EpisodeResult(episode(0.0, 1.0, 1.0), {"first door": 1, "second door": 2}, (0, 2), (0.01, 0.03), (2.0, 1.0)),
    EpisodeResult(episode(0.0, 0.0, 0.0), {}, (0, 2), (0.02, 0.04), (1.0, 0.0)),
]


def test_summary_counts_completed_tasks() -> None:
    summary = summarize(corridor_spec(), RESULTS, {"seed": 0, "nfe": 1}, discount=0.5)
    assert summary["score_mean"] == 50.0
    assert summary["tasks_completed_mean"] == 1.0
    assert summary["per_task"] == {"first door": 0.5, "second door": 0.5}
    assert (summary["episodes"], summary["horizon_steps"], summary["nfe"]) == (2, 20, 1)
    assert summary["score_ci95"] == [0.0, 100.0]
    assert summary["plan_ms_p50"] == pytest.approx(25.0)


def test_predicted_returns_are_compared_with_the_real_ones_from_the_same_steps() -> None:
    summary = summarize(corridor_spec(), RESULTS, {}, discount=0.5)
    assert summary["predicted_return_mean"] == 1.0
    assert summary["real_return_mean"] == pytest.approx((0.5 * 1.0 + 0.25 * 1.0 + 1.0 + 0.0 + 0.0) / 4)


def test_without_a_critic_no_prediction_is_reported() -> None:
    silent = [EpisodeResult(episode(1.0), {"first door": 0}, (0,), (0.01,))]
    assert "predicted_return_mean" not in summarize(corridor_spec(), silent, {}, discount=0.5)
    assert "predicted_return_mean" not in summarize(corridor_spec(), RESULTS, {}, discount=None)


def test_results_are_drawn(tmp_path: Path) -> None:
    plot_results(tmp_path / "result.png", corridor_spec(), RESULTS)
    assert (tmp_path / "result.png").read_bytes().startswith(b"\x89PNG")


def test_replay_plays_the_demonstrations_in_turn_and_then_rests() -> None:
    episodes = [
        Episode(np.zeros((3, 2), np.float32), np.full((2, 1), value, np.float32), np.zeros(2, np.float32), True, False)
        for value in (0.25, 7.0)
    ]
    replay = DemonstrationReplay(Dataset("rcd/test-v0", {}, "", episodes), corridor_spec())
    replay.reset(2)
    assert replay.plan(np.zeros((1, 1))).ravel().tolist() == [0.25, 0.25] + [0.0] * 18
    replay.reset(3)
    assert replay.plan(np.zeros((1, 1))).ravel().tolist() == [1.0, 1.0] + [0.0] * 18  # held inside the limits
