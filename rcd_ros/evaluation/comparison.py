"""Results of several evaluations side by side, those of several training seeds pooled into one row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
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


def read_summary(path: Path) -> dict[str, Any]:
    """What `rcd eval --json` wrote.

    Raises:
        RcdError: no such file, or something else in it.
    """
    try:
        summary: dict[str, Any] = json.loads(path.read_text())
    except OSError as error:
        raise RcdError(f"cannot read '{path}' ({error.strerror}): name a file that rcd eval --json wrote") from error
    except ValueError as error:
        raise RcdError(f"'{path}' is not JSON ({error}): name a file that rcd eval --json wrote") from error
    missing = [name for name in (*SAME, "episode_results") if not isinstance(summary, dict) or name not in summary]
    if missing:
        raise RcdError(f"'{path}' has no '{missing[0]}': name a file that rcd eval --json wrote")
    return summary


def pool(label: str, summaries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One row: mean score over all episodes of all seeds with a 95 % bootstrap interval, and each seed's own mean.

    Raises:
        RcdError: the results differ by more than their training seed, so that a common mean is meaningless.
    """
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
    for name in ("predicted_return_mean", "real_return_mean"):
        if all(name in summary for summary in summaries):
            row[name] = float(np.mean([summary[name] for summary in summaries]))
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
