"""A choice between planners by their data, without driving any: fitted Q evaluation (`training.fitted_q`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from rcd_ros.data.episodes import Dataset
from rcd_ros.errors import RcdError
from rcd_ros.planning.manifest import Manifest
from rcd_ros.training.fitted_q import FitSettings, Judge, cut_transitions, plan_all

DISCOUNT = 0.99
"""Where the first checkpoint has no critic that states one."""


@dataclass(frozen=True)
class Judged:
    """One checkpoint: its value at the start states, and the standard deviation over the judge's members."""

    label: str
    checkpoint: str
    value: float
    spread: float


@dataclass(frozen=True)
class Choice:
    """What each planner is worth: discounted return from the data's start states, units of the reward.

    Attributes:
        dataset: that judged.
        execute: actions executed of each plan.
        steps: by which the judge learned each planner's value.
        seed: of the judge.
        behaviour: value of the policy that made the data.
        rows: every checkpoint.
    """

    dataset: str
    execute: int
    steps: int
    seed: int
    behaviour: float
    rows: tuple[Judged, ...]

    @property
    def means(self) -> dict[str, float]:
        """Label -> mean over its training seeds."""
        labels = dict.fromkeys(row.label for row in self.rows)
        return {label: float(np.mean([row.value for row in self.of(label)])) for label in labels}

    @property
    def chosen(self) -> Judged:
        """Of the label with the highest mean, the training seed with the highest value."""
        means = self.means
        return max(self.of(max(means, key=means.__getitem__)), key=lambda row: row.value)

    def of(self, label: str) -> list[Judged]:
        """The checkpoints of a label."""
        return [row for row in self.rows if row.label == label]

    def as_json(self) -> dict[str, object]:
        """JSON values."""
        rows = [asdict(row) for row in self.rows]
        return asdict(self) | {"rows": rows, "means": self.means, "chosen": self.chosen.checkpoint}

    def table(self) -> Table:
        """One row a label, and one of the behaviour."""
        table = Table("planner", "value of the start states", "of its training seeds", title_justify="left")
        table.add_row("behaviour (the data)", f"{self.behaviour:.4g}", "-")
        for label, mean in self.means.items():
            table.add_row(label, f"{mean:.4g}", ", ".join(f"{row.value:.4g}" for row in self.of(label)))
        return table


def check_alike(manifests: Mapping[Path, Manifest], execute: int) -> None:
    """Make sure that one judge can judge all planners when `execute` actions of each plan are executed.

    Raises:
        RcdError: as said.
    """
    first = next(iter(manifests.values()))
    for folder, manifest in manifests.items():
        if manifest.task != first.task or manifest.history != first.history:
            raise RcdError(
                f"'{folder}' plans for another task, or from other observations, than the first planner: their values "
                "do not compare"
            )
        if "student.safetensors" not in manifest.files:
            raise RcdError(f"'{folder}' carries no student weights (compact): name the checkpoint that it was made of")
        if manifest.task.goal_channels:
            raise RcdError(f"task '{manifest.task.name}' has goals: the judge does not choose them; use `rcd eval`")
    if execute > first.horizon:
        raise RcdError(f"--execute must be at most the planned horizon {first.horizon}, got {execute}")


def judge_planners(
    labels: Mapping[str, Sequence[Path]],
    manifests: Mapping[Path, Manifest],
    data: Dataset,
    execute: int,
    settings: FitSettings,
    tick: Callable[[], object],
) -> Choice:
    """Ask one judge about all planners.

    Args:
        labels: label -> checkpoints, its training seeds; they have passed `check_alike`.
        manifests: of all checkpoints.
        data: of their task.
        execute: actions executed of each plan.
        settings: of the judge.
        tick: is called after each checkpoint.
    """
    first = next(iter(manifests.values()))
    discount = first.critic.discount if first.critic is not None else DISCOUNT
    transitions = cut_transitions(data.episodes, first.task, first.history, execute, discount)
    judge = Judge(transitions, discount, settings)
    rows: list[Judged] = []
    for label, folders in labels.items():
        for folder in folders:
            here, then = (
                plan_all(folder, manifests[folder], seen, execute, settings.seed + draw)
                for draw, seen in enumerate((transitions.histories, transitions.following))
            )
            value = judge.value(here, then)
            rows.append(Judged(label, str(folder), value.mean, value.spread))
            tick()
    return Choice(data.name, execute, settings.steps, settings.seed, judge.behaviour.mean, tuple(rows))
