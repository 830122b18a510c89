"""Results of several evaluations side by side, those of several training seeds pooled into one row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.table import Table

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.results import Evaluation
from rcd_ros.evaluation.scores import bootstrap_interval

SAME = (
    *("task", "horizon_steps", "policy", "nfe", "execute"),
    *("mode", "decay", "overlap", "delay", "shape", "gradient_steps", "step_size"),
)
"""What evaluations must share to be pooled: they then differ by the training seed alone."""


@dataclass(frozen=True)
class Pooled:
    """One planner, its training seeds pooled.

    Attributes:
        label: of the planner.
        task: that was driven.
        horizon_steps: longest episode, control periods.
        policy: what planned.
        nfe: network evaluations a plan.
        execute: actions of each chunk that were executed.
        episodes: of all seeds.
        score_mean: over all of them, points.
        score_ci95: bootstrap interval over all of them.
        score_per_seed: mean of each training seed.
        plan_ms_p50: median over the seeds, ms.
        predicted_return_mean: mean over the seeds; None where one of them asked no critic.
        real_return_mean: likewise.
    """

    label: str
    task: str
    horizon_steps: int | None
    policy: str | None
    nfe: int | None
    execute: int | None
    episodes: int
    score_mean: float
    score_ci95: tuple[float, float]
    score_per_seed: tuple[float, ...]
    plan_ms_p50: float
    predicted_return_mean: float | None = None
    real_return_mean: float | None = None

    def as_json(self) -> dict[str, object]:
        """JSON values, without the returns where no critic was asked."""
        returns = ("predicted_return_mean", "real_return_mean")
        return {name: value for name, value in asdict(self).items() if name not in returns or value is not None}


def check_alike(label: str, evaluations: Sequence[Evaluation]) -> None:
    """Make sure that evaluations may be pooled.

    Raises:
        RcdError: they differ by more than their training seed, so that a common mean is meaningless, or two are of one
            checkpoint, so that there is one training seed only.
    """
    trained = [each.checkpoint_sha256 for each in evaluations if each.checkpoint_sha256]
    if len(set(trained)) < len(trained):
        raise RcdError(f"'{label}' pools two results of the same checkpoint as two training seeds: name one of them")
    for name in SAME:
        values = {json.dumps(getattr(each, name)) for each in evaluations}
        if len(values) > 1:
            raise RcdError(
                f"'{label}' pools results of different '{name}' ({', '.join(sorted(values))}): split them up"
            )


def pool(label: str, evaluations: Sequence[Evaluation]) -> Pooled:
    """Pool the training seeds of one planner; its mean score is over all episodes of all seeds.

    Raises:
        RcdError: as `check_alike` says.
    """
    check_alike(label, evaluations)
    scores = [episode.score for each in evaluations for episode in each.episode_results]
    first = evaluations[0]
    return Pooled(
        label=label,
        task=first.task,
        horizon_steps=first.horizon_steps,
        policy=first.policy,
        nfe=first.nfe,
        execute=first.execute,
        episodes=len(scores),
        score_mean=float(np.mean(scores)),
        score_ci95=bootstrap_interval(scores),
        score_per_seed=tuple(each.score_mean for each in evaluations),
        plan_ms_p50=float(np.median([each.plan_ms_p50 for each in evaluations])),
        predicted_return_mean=_mean([each.predicted_return_mean for each in evaluations]),
        real_return_mean=_mean([each.real_return_mean for each in evaluations]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def comparison_table(rows: Sequence[Pooled]) -> Table:
    """The rows as a table; Markdown-like, so that it can be copied into a report."""
    headings = "planner", "NFE", "execute", "episodes", "score (95 %)", "per seed", "return: predicted / real", "plan"
    table = Table(*headings)
    for row in rows:
        low, high = row.score_ci95
        known = row.predicted_return_mean is not None and row.real_return_mean is not None
        table.add_row(
            row.label,
            str(row.nfe),
            str(row.execute),
            str(row.episodes),
            f"{row.score_mean:.1f} ({low:.1f} to {high:.1f})",
            ", ".join(f"{score:.1f}" for score in row.score_per_seed),
            f"{row.predicted_return_mean:.2f} / {row.real_return_mean:.2f}" if known else "-",
            f"{row.plan_ms_p50:.2f} ms",
        )
    return table
