"""The figures of an evaluation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.episodes import Dataset, Episode
from rcd_ros.evaluation.plots import plot_results
from rcd_ros.evaluation.policy import DemonstrationReplay
from rcd_ros.evaluation.report import overestimate, summarize
from rcd_ros.evaluation.results import Setting
from rcd_ros.evaluation.rollout import EpisodeResult
from tests.evaluation.corridor import corridor_spec

SETTING = Setting(policy="student", nfe=1, execute=8)


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
    summary = summarize(corridor_spec(), RESULTS, Setting(policy="student", nfe=1, execute=8), discount=0.5)
    assert summary.score_mean == 50.0
    assert summary.tasks_completed_mean == 1.0
    assert summary.per_task == {"first door": 0.5, "second door": 0.5}
    assert (summary.episodes, summary.horizon_steps, summary.nfe) == (2, 20, 1)
    assert summary.score_ci95 == (0.0, 100.0)
    assert summary.plan_ms_p50 == pytest.approx(25.0)


def test_predicted_returns_are_compared_with_the_real_ones_from_the_same_steps() -> None:
    summary = summarize(corridor_spec(), RESULTS, SETTING, discount=0.5)
    assert summary.predicted_return_mean == 1.0
    assert summary.real_return_mean == pytest.approx((0.5 * 1.0 + 0.25 * 1.0 + 1.0 + 0.0 + 0.0) / 4)


def continuing(rewards: int, predicted: float, terminated: bool) -> EpisodeResult:
    steps = tuple(range(rewards))
    made = replace(episode(*[1.0] * rewards), terminated=terminated, truncated=not terminated)
    return EpisodeResult(made, {}, steps, (0.01,) * rewards, (predicted,) * rewards)


def test_a_prediction_above_the_interval_of_the_real_return_is_said() -> None:
    """Pins: an exploited critic was seen only by whoever compared two rows of the table."""
    spec = corridor_spec()
    results = [continuing(count, 2.5, True) for count in (2, 3, 4, 5)]  # undiscounted return-to-go of 1 to 5
    summary = summarize(spec, results, SETTING, discount=1.0)
    low, high = summary.real_return_ci95
    assert low < summary.real_return_mean < high
    assert not summary.predicted_exceeds_real
    assert overestimate(summary) is None
    boasting = summarize(spec, [replace(each, predicted_returns=(9.0,) * len(each)) for each in results], SETTING, 1.0)
    assert boasting.predicted_exceeds_real
    assert "student.reward" in (overestimate(boasting) or "")


def test_returns_that_a_time_limit_cuts_are_not_compared() -> None:
    """Pins: a planner that never falls looked overestimated, since its last plans' returns lack what would follow."""
    spec = corridor_spec().model_copy(update={"continuing": True})
    discount = 0.5  # 5 steps see 95 % of a steady reward
    summary = summarize(spec, [continuing(20, 2.0, False)], SETTING, discount)
    assert summary.real_return_mean == pytest.approx(2.0, abs=0.05)
    fallen = summarize(spec, [continuing(20, 2.0, True)], SETTING, discount)
    assert fallen.real_return_mean < summary.real_return_mean
    assert summarize(spec, [continuing(3, 2.0, False)], SETTING, discount).real_return_mean is None


def test_without_a_critic_no_prediction_is_reported() -> None:
    silent = [EpisodeResult(episode(1.0), {"first door": 0}, (0,), (0.01,))]
    assert summarize(corridor_spec(), silent, SETTING, discount=0.5).predicted_return_mean is None
    assert summarize(corridor_spec(), RESULTS, SETTING, discount=None).predicted_return_mean is None


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
