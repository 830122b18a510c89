"""Where results lie: one folder for each data set, method and training seed, with what was measured in it.

ROOT/<data set>/<method>/seed-<n>/eval.json     as `rcd eval --json` writes it
ROOT/<data set>/<method>/seed-<n>/cell.json     which cell it is, how it was made, and the wall time of making it
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.comparison import read_summary
from rcd_ros.outputs import write_json

FILES = ("cell.json", "eval.json")


@dataclass(frozen=True, order=True)
class Cell:
    """One result of a table before training seeds are pooled."""

    dataset: str
    method: str
    seed: int

    def folder(self, root: Path) -> Path:
        """Where it lies below a folder of results."""
        return root / self.dataset / self.method / f"seed-{self.seed}"

    def __str__(self) -> str:
        return f"{self.dataset}, {self.method}, seed {self.seed}"


@dataclass(frozen=True)
class Result:
    """What was measured in a cell.

    Attributes:
        cell: which one.
        summary: as `rcd eval --json` writes it.
        made: `recipe`, a fingerprint of what was asked for; `train_seconds`, wall time of training (s), or None.
    """

    cell: Cell
    summary: dict[str, Any]
    made: dict[str, Any]


def write_made(folder: Path, cell: Cell, made: dict[str, Any]) -> None:
    """Say in a cell's folder which cell it is and how it was made; a cell counts as done from here on."""
    write_json(folder / "cell.json", {"dataset": cell.dataset, "method": cell.method, "seed": cell.seed, **made})


def read_cell(folder: Path) -> Result | None:
    """The result in a cell's folder, None where it is not done.

    Raises:
        RcdError: a file in it cannot be read.
    """
    told = folder / "cell.json"
    if not told.is_file() or not (folder / "eval.json").is_file():
        return None
    try:
        content = json.loads(told.read_text())
        cell = Cell(content.pop("dataset"), content.pop("method"), int(content.pop("seed")))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise RcdError(f"'{told}' cannot be read ({error}): remove it, and the cell is made again") from error
    return Result(cell, read_summary(folder / "eval.json"), content)


def read_results(roots: list[Path], read: list[Path] | None = None) -> list[Result]:
    """All results below some folders, in the order of data set, method and seed.

    Args:
        roots: the folders.
        read: is given the files that were read, where it is wanted.

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
            read += [folder / name for folder in folders for name in FILES]
        if not results:
            raise RcdError(f"'{root}' holds no finished result: name what `rcd sweep` or `rcd bench baselines` wrote")
        for result in results:
            if result.cell in found:
                raise RcdError(f"two results of {result.cell} were found below the named folders: name one of them")
            found[result.cell] = result
    return list(found.values())


def _folders(root: Path) -> Iterator[Path]:
    return (path.parent for path in sorted(root.rglob("cell.json")))
