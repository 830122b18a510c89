"""Pictures of an evaluation, drawn by matplotlib without a screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.offline import OfflineResult
from rcd_ros.evaluation.rollout import EpisodeResult
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.spec import TaskSpec

PICTURES = (".png", ".pdf", ".svg")
DrawGround = Callable[[Axes, TaskSpec], None]
"""Draws what a task's robot moves on, from above."""


def check_picture_name(path: Path) -> None:
    """Check that a picture can be drawn in the format that its name asks for.

    Raises:
        RcdError: it cannot.
    """
    if path.suffix not in PICTURES:
        raise RcdError(f"a picture's name must end in {' or '.join(PICTURES)}, got '{path}'")


def plot_results(
    path: Path, spec: TaskSpec, results: Sequence[EpisodeResult], draw_ground: DrawGround | None = None
) -> None:
    """Draw the progress of the episodes over time and the plan times; paths on the ground where a task has one."""
    if draw_ground is None:
        figure = Figure(figsize=(10.0, 4.0), layout="constrained")
        progress, latency = figure.subplots(1, 2, width_ratios=(3, 2))
    else:
        figure = Figure(figsize=(14.0, 5.0), layout="constrained")
        ground, progress, latency = figure.subplots(1, 3, width_ratios=(5, 3, 2))
        draw_ground(ground, spec)
        draw_paths(ground, spec, results)
    if spec.score.kind == "return":
        draw_returns(progress, spec, [result.episode.rewards for result in results])
    elif spec.score.goals:
        draw_completions(progress, spec, [result.completed_at for result in results])
    draw_plan_times(latency, [seconds for result in results for seconds in result.plan_seconds])
    save_figure(figure, path)


def plot_completions(path: Path, spec: TaskSpec, completed_at: Sequence[Mapping[str, int]]) -> None:
    """Draw only what share of the episodes had completed each goal by when."""
    figure = Figure(figsize=(7.0, 4.0), layout="constrained")
    draw_completions(figure.subplots(), spec, completed_at)
    save_figure(figure, path)


def plot_offline(path: Path, manifest: Manifest, result: OfflineResult) -> None:
    """Draw errors in standard deviations of the commands, so that joints with different units stand side by side."""
    spec, scale = manifest.task, np.asarray(manifest.normalizer.command_std)
    figure = Figure(figsize=(12.0, 4.2), layout="constrained")
    joints, steps = figure.subplots(1, 2, width_ratios=(3, 2))
    width = 0.8 / len(result.policies)
    for number, (name, errors) in enumerate(result.policies.items()):
        mean = errors.by_joint.mean(axis=0) / scale
        joints.bar(np.arange(scale.size) + number * width, mean, width, label=name)
        steps.plot(np.arange(1, manifest.horizon + 1), errors.by_step, label=name)
    labels = [f"{joint}\n({unit})" for joint, unit in zip(spec.command.joints, spec.command.units, strict=False)]
    labels += [""] * (scale.size - len(labels))
    joints.set_xticks(np.arange(scale.size) + 0.4 - width / 2, labels, rotation=30, fontsize="small")
    joints.set(ylabel="mean absolute error, std of the command", title=f"{spec.name}: {result.dataset}")
    steps.axvline(manifest.execute + 0.5, color="gray", linestyle=":", label="executed until here")
    steps.set(xlabel="step of the chunk", ylabel="RMSE, std of the command", title="not a success rate")
    steps.legend(fontsize="small")
    save_figure(figure, path)


def draw_completions(axes: Axes, spec: TaskSpec, completed_at: Sequence[Mapping[str, int]]) -> None:
    """Share of the episodes that have completed each goal by each time; `completed_at` holds goal -> step, from 0."""
    steps = np.arange(spec.episode_steps + 1)
    for goal in spec.score.goals:
        at = np.array([steps_of.get(goal, np.inf) for steps_of in completed_at])
        axes.step(steps * spec.control_period, 100.0 * (at[:, None] < steps).mean(axis=0), where="post", label=goal)
    axes.set(xlabel="time, s", ylabel="episodes that completed it, %", ylim=(-3.0, 103.0))
    axes.set_title(f"{spec.name}, {len(completed_at)} episodes")
    axes.legend(loc="lower right")


def draw_returns(axes: Axes, spec: TaskSpec, rewards: Sequence[np.ndarray]) -> None:
    """Return gathered by each time, mean over the episodes that still ran; `rewards` holds (T,) each."""
    gathered = np.ma.array(np.zeros((len(rewards), spec.episode_steps)), mask=True)
    for row, of_episode in zip(gathered, rewards, strict=True):
        row[: len(of_episode)] = np.cumsum(of_episode)
    axes.plot(np.arange(1, spec.episode_steps + 1) * spec.control_period, gathered.mean(axis=0))
    axes.set(xlabel="time, s", ylabel="return so far", title=f"{spec.name}, {len(rewards)} episodes")


def draw_paths(axes: Axes, spec: TaskSpec, results: Sequence[EpisodeResult], most: int = 12) -> None:
    """The first episodes' paths over the ground, as planned first and as driven; the first two columns are shown."""
    across, along = spec.command.columns[:2]
    goals = [column for channel in spec.goal_channels for column in channel.columns]
    for number, result in enumerate(results[:most]):
        seen, color = result.episode.observations, f"C{number % 10}"
        axes.plot(seen[:, across], seen[:, along], color=color, linewidth=1.5, label=None if number else "driven")
        if result.first_plan is not None:
            planned = result.first_plan.T
            axes.plot(planned[0], planned[1], ":", color=color, linewidth=1.2, label=None if number else "planned")
        axes.plot(seen[0, across], seen[0, along], "o", color=color, markersize=5)
        if goals:
            axes.plot(*seen[-1, goals], "*", color="tab:red", markersize=11)
    axes.set(xlabel="x, m", ylabel="y, m", title=f"{spec.name}, {min(most, len(results))} of {len(results)} episodes")
    axes.legend(loc="upper right", fontsize="small")


def draw_plan_times(axes: Axes, seconds: Sequence[float]) -> None:
    """Histogram of the wall time of single plans, up to twice the 99th percentile."""
    milliseconds = 1000.0 * np.asarray(seconds)
    middle, late = np.percentile(milliseconds, (50, 99))
    axes.hist(milliseconds, bins=40, range=(0.0, 2.0 * late), color="tab:gray")
    axes.axvline(middle, color="tab:blue", label="p50")
    axes.axvline(late, color="tab:red", label="p99")
    axes.set(xlabel="time for one plan, ms", ylabel="plans")
    axes.legend()


def save_figure(figure: Figure, path: Path) -> None:
    """Write a picture, whole or not at all."""
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    figure.savefig(partial, dpi=120)
    partial.replace(path)
