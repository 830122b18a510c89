"""Where results lie: one folder for each data set, method and training seed, with what was measured in it.

ROOT/<data set>/<method>/seed-<n>/eval.json     `evaluation.results.Evaluation`, as `rcd eval --json` writes it
ROOT/<data set>/<method>/seed-<n>/cell.json     `Made`: which cell it is, how it was made, wall time of training
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import Self

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.results import Evaluation, Record
from rcd_ros.outputs import write_json

EVALUATION, MADE = "eval.json", "cell.json"


@dataclass(frozen=True, order=True)
class Cell:
    """One result of a table before training seeds are pooled.

    Attributes:
        dataset: as its folder is called; in a sweep, the description's name for it.
        method: likewise.
        seed: of the training.
    """

    dataset: str
    method: str
    seed: int

    def folder(self, root: Path) -> Path:
        """Where it is stored under a folder of results."""
        return root / self.dataset / self.method / f"seed-{self.seed}"

    def __str__(self) -> str:
        return f"{self.dataset}, {self.method}, seed {self.seed}"


class Asked(Record):
    """What a baseline's result must have been made with to be taken for the one that is asked for.

    Attributes:
        data: hash of the data set's content.
        steps: gradient steps.
        episodes: that the policy is scored by.
        eval_seed: of the first of them.
        episode_steps: longest episode, control periods.
    """

    data: str
    steps: int
    episodes: int
    eval_seed: int
    episode_steps: int


class Made(Record):
    """How a cell was made.

    Attributes:
        dataset: of the cell, as its folder is called.
        method: of the cell.
        seed: of the training.
        sweep: identifies what a sweep asked for (`sweep.Job.asked`); None outside of a sweep.
        asked: what a baseline was asked for with.
        train_seconds: wall time of training, s; None where it is not known.
        algorithm: of a baseline.
        settings: of a baseline, in words.
        steps: gradient steps of a baseline.
        episodes_learned: that a baseline learned from.
        versions: of the libraries that trained a baseline.
    """

    dataset: str
    method: str
    seed: int
    sweep: str | None = None
    asked: Asked | None = None
    train_seconds: float | None = None
    algorithm: str | None = None
    settings: str | None = None
    steps: int | None = None
    episodes_learned: int | None = None
    versions: dict[str, str] | None = None

    @classmethod
    def of(cls, cell: Cell, **how: object) -> Self:
        """How `cell` was made; `how` are the fields that are known."""
        return cls(dataset=cell.dataset, method=cell.method, seed=cell.seed, **how)

    @property
    def cell(self) -> Cell:
        """Which one."""
        return Cell(self.dataset, self.method, self.seed)

    def write(self, folder: Path) -> None:
        """Write it into the cell's folder; the cell counts as done from here on.

        Raises:
            RcdError: it cannot be written.
        """
        write_json(folder / MADE, self.as_json())


@dataclass(frozen=True)
class Result:
    """What was measured in a cell, and how the cell was made."""

    made: Made
    evaluation: Evaluation

    @property
    def cell(self) -> Cell:
        """Which one."""
        return self.made.cell


def read_cell(folder: Path) -> Result | None:
    """The result in a cell's folder, None where it is not done.

    Raises:
        RcdError: a file in it cannot be read.
    """
    if not (folder / MADE).is_file() or not (folder / EVALUATION).is_file():
        return None
    made = Made.read(folder / MADE, "remove it, and the cell is made again")
    return Result(made, Evaluation.read(folder / EVALUATION))


def read_results(roots: list[Path], read: list[Path] | None = None) -> list[Result]:
    """All results below some folders, in the order of data set, method and seed.

    Args:
        roots: the folders.
        read: takes the files that were read, where it is given.

    Raises:
        RcdError: a folder does not exist, holds none, or two of them hold the same cell.
    """
    found: dict[Cell, Result] = {}
    for root in roots:
        if not root.is_dir():
            raise RcdError(f"there is no folder '{root}': name what `rcd sweep` or `rcd bench baselines` wrote")
        folders = list(_folders(root))
        results = [result for result in map(read_cell, folders) if result is not None]
        if read is not None:
            read += [folder / name for folder in folders for name in (MADE, EVALUATION)]
        if not results:
            raise RcdError(f"'{root}' holds no finished result: name what `rcd sweep` or `rcd bench baselines` wrote")
        for result in results:
            if result.cell in found:
                raise RcdError(f"two results of {result.cell} were found below the named folders: name one of them")
            found[result.cell] = result
    return list(found.values())


def report_files(stem: Path) -> tuple[Path, Path, Path]:
    """The files of a table: Markdown, CSV, and the figure; `stem` is their path without a suffix."""
    text, csv, picture = (stem.with_name(stem.name + suffix) for suffix in (".md", ".csv", ".png"))
    return text, csv, picture


def _folders(root: Path) -> Iterator[Path]:
    return (path.parent for path in sorted(root.rglob(MADE)))
