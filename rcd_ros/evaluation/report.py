"""An evaluation's figures, as a dictionary for JSON and as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from rcd_ros.data.tracks import known_returns, return_to_go
from rcd_ros.evaluation.rollout import EpisodeResult
from rcd_ros.evaluation.scores import bootstrap_interval, percentile_ms
from rcd_ros.planning.spec import TaskSpec


def summarize(
    spec: TaskSpec, results: Sequence[EpisodeResult], setting: dict[str, Any], discount: float | None
) -> dict[str, Any]:
    """All figures of some episodes of one policy.

    Args:
        spec: of the task that was driven, its episode length included.
        results: one or more.
        setting: the options (policy, nfe, execute, seed, ...); stored beside the figures.
        discount: of the returns that the critic predicts; None without a critic, whose predictions are left out.

    Returns:
        JSON values. Scores are in points, times in ms; `score_ci95` is a bootstrap interval over the episodes, of
        seed `setting["seed"]`, and so is `real_return_ci95`; `episode_results` holds the single episodes.
    """
    values = np.array([result.value(spec) for result in results])
    scores = np.array([spec.score.score(value) for value in values])
    plan_seconds = [seconds for result in results for seconds in result.plan_seconds]
    summary = {
        "task": spec.name,
        **setting,
        "episodes": len(results),
        "horizon_steps": spec.episode_steps,
        "score_mean": float(scores.mean()),
        "score_ci95": list(bootstrap_interval(scores, seed=int(setting.get("seed", 0)))),
        "tasks_completed_mean": float(np.mean([len(result.completed_at) for result in results])),
        "per_task": {
            goal: float(np.mean([goal in result.completed_at for result in results])) for goal in spec.score.goals
        },
        "return_mean": float(np.mean([result.episode.total_reward for result in results])),
        "plan_ms_p50": percentile_ms(plan_seconds, 50),
        "plan_ms_p95": percentile_ms(plan_seconds, 95),
        "plan_ms_p99": percentile_ms(plan_seconds, 99),
        **(_compare_returns(spec, results, discount, int(setting.get("seed", 0))) if discount is not None else {}),
        "episode_results": [
            {
                "seed": result.episode.seed,
                "steps": len(result),
                "score": float(score),
                "return": result.episode.total_reward,
                "completed_at": dict(result.completed_at),
            }
            for result, score in zip(results, scores, strict=True)
        ],
    }
    return summary


def _compare_returns(
    spec: TaskSpec, results: Sequence[EpisodeResult], discount: float, seed: int
) -> dict[str, float | bool | list[float]]:
    """Mean return-to-go at the planned steps, predicted by the critic and realised, the latter with its interval.

    A continuing task's plans shortly before a time limit are left out: their return lacks what would have come.
    """
    if not all(result.predicted_returns for result in results):
        return {}
    predicted, real, counts = [], [], []
    for result in results:
        planned = np.asarray(result.planned_at)
        known = known_returns(result.episode, discount)[planned] if spec.continuing else np.full(len(planned), True)
        predicted.append(np.asarray(result.predicted_returns)[known].sum())
        real.append(return_to_go(result.episode.rewards, discount)[planned][known].sum())
        counts.append(known.sum())
    plans, total = np.asarray(counts), np.asarray(real)
    if not plans.sum():
        return {}

    def mean_of(episodes: NDArray[np.int64], axis: int) -> NDArray[np.float64]:
        # An episode without a known return adds nothing; a resample of such episodes alone has no mean.
        quotient: NDArray[np.float64] = total[episodes].sum(axis) / np.maximum(plans[episodes].sum(axis), 1)
        return quotient

    expected = float(np.sum(predicted) / plans.sum())
    low, high = bootstrap_interval(np.arange(len(results)), seed, mean_of)
    return {
        "predicted_return_mean": expected,
        "real_return_mean": float(total.sum() / plans.sum()),
        "real_return_ci95": [low, high],
        "predicted_exceeds_real": expected > high,
    }


def overestimate(summary: dict[str, Any]) -> str | None:
    """One sentence where the critic predicts more than the 95 % interval of what was achieved; None otherwise."""
    if not summary.get("predicted_exceeds_real", False):
        return None
    low, high = summary["real_return_ci95"]
    return (
        f"the critic predicts a return to go of {summary['predicted_return_mean']:.4g} where "
        f"{summary['real_return_mean']:.4g} was achieved (95 %: {low:.4g} to {high:.4g}): a student that follows its "
        "gradient may exploit it, then lower student.reward; so it is, too, where plans come late or are lost"
    )


def card_entry(summary: dict[str, Any], date: str) -> dict[str, Any]:
    """What a checkpoint's card keeps of an evaluation: one flat row. `date` is the day it was measured."""
    names = ("policy", "nfe", "mode", "execute", "delay", "shape", "episodes", "horizon_steps", "seed", "score_mean")
    low, high = summary["score_ci95"]
    times = {name: round(summary[name], 3) for name in ("plan_ms_p50", "plan_ms_p99")}
    return {name: summary[name] for name in names if name in summary} | {
        "ci95_low": low,
        "ci95_high": high,
        **times,
        "date": date,
    }


def results_table(summary: dict[str, Any]) -> Table:
    """The main figures as a table."""
    low, high = summary["score_ci95"]
    policy, nfe = summary.get("policy", "planner"), summary.get("nfe")
    table = Table(
        title=f"{summary['task']}: {policy}" + (f", {nfe} NFE" if nfe else ""), title_justify="left", show_header=False
    )
    table.add_column()
    table.add_column(justify="right")
    table.add_row("episodes", f"{summary['episodes']} of {summary['horizon_steps']} steps")
    table.add_row("score", f"{summary['score_mean']:.1f}  (95 %: {low:.1f} to {high:.1f})")
    if summary["per_task"]:
        table.add_row("tasks completed", f"{summary['tasks_completed_mean']:.2f} of {len(summary['per_task'])}")
    for goal, share in summary["per_task"].items():
        table.add_row(f"  {goal}", f"{100.0 * share:.0f} %")
    if "predicted_return_mean" in summary:
        table.add_row("return to go, predicted", f"{summary['predicted_return_mean']:.2f}")
        low, high = summary["real_return_ci95"]
        table.add_row("return to go, real", f"{summary['real_return_mean']:.2f}  (95 %: {low:.2f} to {high:.2f})")
    table.add_row("one plan", f"{summary['plan_ms_p50']:.2f} ms (p50), {summary['plan_ms_p99']:.2f} ms (p99)")
    return table
