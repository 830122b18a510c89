"""Pictures of an evaluation, drawn by matplotlib without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rcd_ros.evaluation.rollout import EpisodeResult
from rcd_ros.planning.spec import TaskSpec


def plot_progress(path: Path, spec: TaskSpec, results: Sequence[EpisodeResult]) -> None:
    """Draw what share of the episodes had completed each goal by when, and how long the plans took.

    A task without goals shows its return so far instead (mean over the episodes that still ran).
    """
    figure = Figure(figsize=(10.0, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    progress, latency = figure.subplots(1, 2, width_ratios=(3, 2))

    steps = np.arange(spec.episode_steps + 1)
    seconds = steps * spec.control_period
    for goal in spec.score.goals:
        at = np.array([result.completed_at.get(goal, np.inf) for result in results])
        progress.step(seconds, 100.0 * (at[:, None] < steps).mean(axis=0), where="post", label=goal)
    if spec.score.goals:
        progress.set(ylabel="episodes that completed it, %", ylim=(-3.0, 103.0))
        progress.legend(loc="lower right", frameon=False)
    else:
        padded = np.full((len(results), spec.episode_steps), np.nan)
        for row, result in zip(padded, results, strict=True):
            row[: len(result)] = result.rewards.cumsum()
        progress.plot(seconds[1:], np.nanmean(padded, axis=0))
        progress.set(ylabel="return so far")
    progress.set(xlabel="time, s", title=f"{spec.name}: {len(results)} episodes")

    milliseconds = 1000.0 * np.concatenate([result.plan_seconds for result in results])
    latency.hist(milliseconds, bins=40, color="tab:gray")
    latency.axvline(float(np.percentile(milliseconds, 50)), color="tab:blue", label="p50")
    latency.axvline(float(np.percentile(milliseconds, 99)), color="tab:red", label="p99")
    latency.set(xlabel="time for one plan, ms", ylabel="plans")
    latency.legend(frameon=False)

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
