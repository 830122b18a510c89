"""A choice between planners by their data: all drive a model of its dynamics (`training.dynamics`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from rcd_ros.data.episodes import Dataset, split_episodes
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.scores import bootstrap_interval
from rcd_ros.planning.manifest import Manifest
from rcd_ros.training.dynamics import DynamicsModel, Explained, FitSettings, StudentPlans, cut_transitions

HELD_OUT = 0.1
"""Share of the episodes that the model does not learn from, by which it is itself judged."""
LEAST_EXPLAINED = 0.5
"""Of the variance of reward and motion: below it, returns in the model say little."""


@dataclass(frozen=True)
class Judged:
    """One checkpoint's rollouts: mean undiscounted return, its 95 % interval, mean length in control periods."""

    label: str
    checkpoint: str
    value: float
    ci95: tuple[float, float]
    length: float


@dataclass(frozen=True)
class Choice:
    """What each planner returns in the model, units of the reward.

    Attributes:
        dataset: that the model was learned from.
        execute: actions executed of each plan.
        steps: by which the model was learned.
        rollouts: of each checkpoint.
        seed: of model and rollouts.
        explained: how well the model predicts held-out episodes.
        behaviour: mean return of the data's episodes.
        rows: every checkpoint.
    """

    dataset: str
    execute: int
    steps: int
    rollouts: int
    seed: int
    explained: Explained
    behaviour: float
    rows: tuple[Judged, ...]

    @property
    def means(self) -> dict[str, float]:
        """Label -> mean over its training seeds."""
        labels = dict.fromkeys(row.label for row in self.rows)
        return {label: float(np.mean([row.value for row in self.of(label)])) for label in labels}

    @property
    def chosen(self) -> Judged:
        """Of the label of the highest mean (the earliest of equals) the training seed of the highest value."""
        means = self.means
        return max(self.of(max(means, key=means.__getitem__)), key=lambda row: row.value)

    @property
    def doubt(self) -> str | None:
        """Why the choice should not be trusted, or None."""
        weak = {name: share for name, share in asdict(self.explained).items() if share < LEAST_EXPLAINED}
        if not weak:
            return None
        shares = " and ".join(f"{share:.0%} of the variance of {name}" for name, share in weak.items())
        return f"the model explains {shares} on held-out episodes: its returns say little; drive the planners instead"

    def of(self, label: str) -> list[Judged]:
        """The checkpoints of a label."""
        return [row for row in self.rows if row.label == label]

    def as_json(self) -> dict[str, object]:
        """JSON values."""
        return asdict(self) | {"means": self.means, "chosen": self.chosen.checkpoint}

    def table(self) -> Table:
        """One row a checkpoint, and one of the behaviour."""
        table = Table("planner", "return in the model (95 %)", "control periods", title_justify="left")
        table.add_row("behaviour (the data, measured)", f"{self.behaviour:.4g}", "-")
        for row in self.rows:
            low, high = row.ci95
            table.add_row(row.label, f"{row.value:.4g} ({low:.4g} to {high:.4g})", f"{row.length:.0f}")
        return table


def check_alike(manifests: Mapping[Path, Manifest], execute: int) -> None:
    """Make sure that one model can judge all planners when `execute` actions of each plan are executed.

    Raises:
        RcdError: as said.
    """
    first = next(iter(manifests.values()))
    for folder, manifest in manifests.items():
        if manifest.task != first.task or manifest.history != first.history:
            raise RcdError(
                f"'{folder}' plans for another task, or from other observations, than the first planner: their returns "
                "do not compare"
            )
        if "student.safetensors" not in manifest.files:
            raise RcdError(f"'{folder}' carries no student weights (compact): name the checkpoint that it was made of")
        if manifest.task.goal_channels:
            raise RcdError(f"task '{manifest.task.name}' has goals: the model does not choose them; use `rcd eval`")
    if execute > first.horizon:
        raise RcdError(f"--execute must be at most the planned horizon {first.horizon}, got {execute}")


def judge_planners(
    labels: Mapping[str, Sequence[Path]],
    manifests: Mapping[Path, Manifest],
    data: Dataset,
    execute: int,
    rollouts: int,
    settings: FitSettings,
    tick: Callable[[int], object],
) -> Choice:
    """Let all planners drive one model of their data's dynamics.

    Args:
        labels: label -> checkpoints, its training seeds; they have passed `check_alike`.
        manifests: of all checkpoints.
        data: of their task.
        execute: actions executed of each plan.
        rollouts: of each checkpoint.
        settings: of the model.
        tick: is called with the number of the model's steps made since its last call.

    Raises:
        RcdError: the data cannot be learned from.
    """
    first = next(iter(manifests.values()))
    spec, episodes = first.task, data.episodes
    kept, held = split_episodes(len(episodes), HELD_OUT, settings.seed)
    ours, others = (
        cut_transitions([episodes[index] for index in chosen], spec, first.history)
        for chosen in (kept, held if len(held) else kept)
    )
    model = DynamicsModel(ours, settings, tick)
    rows: list[Judged] = []
    for label, folders in labels.items():
        for folder in folders:
            plan = StudentPlans(folder, manifests[folder], settings.seed)
            driven = model.roll_out(plan, ours.starts, rollouts, spec.episode_steps, execute)
            interval = bootstrap_interval(driven.returns, seed=settings.seed)
            rows.append(
                Judged(label, str(folder), float(driven.returns.mean()), interval, float(driven.lengths.mean()))
            )
    behaviour = float(np.mean([episode.rewards.sum() for episode in episodes]))
    return Choice(
        dataset=data.name,
        execute=execute,
        steps=settings.steps,
        rollouts=rollouts,
        seed=settings.seed,
        explained=model.explained(others),
        behaviour=behaviour,
        rows=tuple(rows),
    )
