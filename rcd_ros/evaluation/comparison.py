"""Results of several evaluations side by side, those of several training seeds pooled into one row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat, ValidationError
from rich.table import Table

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.scores import bootstrap_interval

SAME = ("task", "horizon_steps", "policy", "nfe", "execute")
"""What results must share to be pooled: they then differ by the training seed alone."""
DRIVEN = {
    "mode": "chunk",
    "decay": None,
    "overlap": None,
    "delay": 0,
    "shape": False,
    "gradient_steps": 0,
    "step_size": None,
}
"""How plans were executed, which they must share too; files from before there was a choice were driven so."""
FIGURES = ("score_mean", "plan_ms_p50")
RETURNS = ("predicted_return_mean", "real_return_mean")
"""There where a critic was asked."""


class _Episode(BaseModel):
    score: FiniteFloat


class _Figures(BaseModel):
    """What is read of a result file, as far as its type matters."""

    score_mean: FiniteFloat
    plan_ms_p50: FiniteFloat
    episode_results: list[_Episode] = Field(min_length=1)
    predicted_return_mean: FiniteFloat | None = None
    real_return_mean: FiniteFloat | None = None


def read_summary(path: Path) -> dict[str, Any]:
    """What `rcd eval --json` wrote.

    Raises:
        RcdError: no such file, or something else in it.
    """
    try:
        summary = json.loads(path.read_text())
    except OSError as error:
        raise RcdError(f"cannot read '{path}' ({error.strerror}): name a file that rcd eval --json wrote") from error
    except (ValueError, RecursionError) as error:
        raise RcdError(f"'{path}' is not JSON ({error}): name a file that rcd eval --json wrote") from error
    for name in (*SAME, *FIGURES, "episode_results"):
        if not isinstance(summary, dict) or name not in summary:
            raise RcdError(f"'{path}' has no '{name}': name a file that rcd eval --json wrote")
    try:
        _Figures.model_validate(summary)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise RcdError(
            f"'{path}': '{key}' is wrong ({first['msg']}): name a file that rcd eval --json wrote"
        ) from error
    return dict(summary)


def pool(label: str, summaries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One row: mean score over all episodes of all seeds with a 95 % bootstrap interval, and each seed's own mean.

    Raises:
        RcdError: the results differ by more than their training seed, so that a common mean is meaningless, or two
            are of one checkpoint, so that there is one training seed only.
    """
    trained = [sha256 for summary in summaries if (sha256 := summary.get("checkpoint_sha256"))]
    if len(set(trained)) < len(trained):
        raise RcdError(f"'{label}' pools two results of the same checkpoint as two training seeds: name one of them")
    for name in (*SAME, *DRIVEN):
        values = {json.dumps(summary.get(name, DRIVEN.get(name))) for summary in summaries}
        if len(values) > 1:
            raise RcdError(
                f"'{label}' pools results of different '{name}' ({', '.join(sorted(values))}): split them up"
            )
    scores = np.array([row["score"] for summary in summaries for row in summary["episode_results"]])
    row = {name: summaries[0][name] for name in SAME}
    row |= {
        "label": label,
        "episodes": len(scores),
        "score_mean": float(scores.mean()),
        "score_ci95": list(bootstrap_interval(scores)),
        "score_per_seed": [float(summary["score_mean"]) for summary in summaries],
        "plan_ms_p50": float(np.median([summary["plan_ms_p50"] for summary in summaries])),
    }
    if all(summary.get(name) is not None for summary in summaries for name in RETURNS):
        row |= {name: float(np.mean([summary[name] for summary in summaries])) for name in RETURNS}
    return row


def comparison_table(rows: Sequence[dict[str, Any]]) -> Table:
    """The rows as a table; Markdown-like, so that it can be copied into a report."""
    table = Table(
        "planner", "NFE", "execute", "episodes", "score (95 %)", "per seed", "return: predicted / real", "plan"
    )
    for row in rows:
        low, high = row["score_ci95"]
        returns = "-"
        if "predicted_return_mean" in row:
            returns = f"{row['predicted_return_mean']:.2f} / {row['real_return_mean']:.2f}"
        table.add_row(
            row["label"],
            str(row["nfe"]),
            str(row["execute"]),
            str(row["episodes"]),
            f"{row['score_mean']:.1f} ({low:.1f} to {high:.1f})",
            ", ".join(f"{score:.1f}" for score in row["score_per_seed"]),
            returns,
            f"{row['plan_ms_p50']:.2f} ms",
        )
    return table
