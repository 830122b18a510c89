"""An evaluation's figures: computed from its episodes, and as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from rcd_ros.data.episodes import known_returns, return_to_go
from rcd_ros.evaluation.results import EpisodeScore, Evaluation, Setting, scores_of
from rcd_ros.evaluation.rollout import EpisodeResult
from rcd_ros.evaluation.scores import bootstrap_interval, percentile_ms
from rcd_ros.planning.spec import TaskSpec


def summarize(spec: TaskSpec, results: Sequence[EpisodeResult], setting: Setting, discount: float | None) -> Evaluation:
    """All figures of some episodes of one policy.

    Args:
        spec: of the task that was driven, its episode length included.
        results: one or more.
        setting: what was evaluated, and how; its seed is that of the bootstrap intervals, too.
        discount: of the returns that the critic predicts; None without a critic, whose predictions are left out.
    """
    episodes = [
        EpisodeScore(
            seed=result.episode.seed,
            steps=len(result),
            score=spec.score.score(result.value(spec)),
            return_=result.episode.total_reward,
            completed_at=dict(result.completed_at),
        )
        for result in results
    ]
    plan_seconds = [seconds for result in results for seconds in result.plan_seconds]
    return Evaluation(
        **setting.as_json(),
        **scores_of(spec, episodes),
        score_ci95=bootstrap_interval([each.score for each in episodes], seed=setting.seed),
        return_mean=float(np.mean([each.return_ for each in episodes])),
        plan_ms_p50=percentile_ms(plan_seconds, 50),
        plan_ms_p95=percentile_ms(plan_seconds, 95),
        plan_ms_p99=percentile_ms(plan_seconds, 99),
        **(_compare_returns(spec, results, discount, setting.seed) if discount is not None else {}),
    )


def _compare_returns(spec: TaskSpec, results: Sequence[EpisodeResult], discount: float, seed: int) -> dict[str, object]:
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
        "real_return_ci95": (low, high),
        "predicted_exceeds_real": expected > high,
    }


def overestimate(evaluation: Evaluation) -> str | None:
    """One sentence where the critic predicts more than the 95 % interval of what was achieved; None otherwise."""
    if not evaluation.predicted_exceeds_real or evaluation.real_return_ci95 is None:
        return None
    low, high = evaluation.real_return_ci95
    return (
        f"the critic predicts a return to go of {evaluation.predicted_return_mean:.4g} where "
        f"{evaluation.real_return_mean:.4g} was achieved (95 %: {low:.4g} to {high:.4g}): a student that follows its "
        "gradient may exploit it, then lower student.reward; so it is, too, where plans come late or are lost"
    )


def card_entry(evaluation: Evaluation, date: str) -> dict[str, object]:
    """What a checkpoint's card keeps of an evaluation: one flat row. `date` is the day it was measured."""
    names = ("policy", "nfe", "mode", "execute", "delay", "shape", "episodes", "horizon_steps", "seed", "score_mean")
    low, high = evaluation.score_ci95
    return {name: getattr(evaluation, name) for name in names} | {
        "ci95_low": low,
        "ci95_high": high,
        "plan_ms_p50": round(evaluation.plan_ms_p50, 3),
        "plan_ms_p99": round(evaluation.plan_ms_p99, 3),
        "date": date,
    }


def results_table(evaluation: Evaluation) -> Table:
    """The main figures as a table."""
    low, high = evaluation.score_ci95
    evaluations = f", {evaluation.nfe} NFE" if evaluation.nfe else ""
    title = f"{evaluation.task}: {evaluation.policy}{evaluations}"
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("episodes", f"{evaluation.episodes} of {evaluation.horizon_steps} steps")
    table.add_row("score", f"{evaluation.score_mean:.1f}  (95 %: {low:.1f} to {high:.1f})")
    if evaluation.per_task:
        table.add_row("tasks completed", f"{evaluation.tasks_completed_mean:.2f} of {len(evaluation.per_task)}")
    for goal, share in evaluation.per_task.items():
        table.add_row(f"  {goal}", f"{100.0 * share:.0f} %")
    if evaluation.real_return_ci95 is not None:
        low, high = evaluation.real_return_ci95
        table.add_row("return to go, predicted", f"{evaluation.predicted_return_mean:.2f}")
        table.add_row("return to go, real", f"{evaluation.real_return_mean:.2f}  (95 %: {low:.2f} to {high:.2f})")
    table.add_row("one plan", f"{evaluation.plan_ms_p50:.2f} ms (p50), {evaluation.plan_ms_p99:.2f} ms (p99)")
    return table
