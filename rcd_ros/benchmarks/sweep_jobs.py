"""The commands of `rcd` that make each cell of a sweep, and in which order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rcd_ros.benchmarks.results import EVALUATION, Cell
from rcd_ros.benchmarks.sweep import Sweep


@dataclass(frozen=True)
class Job:
    """How one cell is made.

    Attributes:
        cell: which one.
        folder: where; all paths in the commands are relative to the folder that the sweep was started in.
        commands: of `rcd`, one after the other; the last one evaluates.
        copied: files of another cell's folder that are needed first: (from, to).
        after: the cell that must be made before this one.
        asked: identifies what was asked for, so that results of another description are not taken for it.
    """

    cell: Cell
    folder: Path
    commands: tuple[tuple[str, ...], ...]
    copied: tuple[tuple[Path, Path], ...]
    after: Cell | None
    asked: str


def plan_jobs(sweep: Sweep) -> list[Job]:
    """How each cell is made; those that others need come first, otherwise in the order of the description."""
    return sorted((_job(sweep, cell) for cell in sweep.cells()), key=lambda job: job.after is not None)


def _job(sweep: Sweep, cell: Cell) -> Job:
    method = sweep.methods[cell.method]
    other = method.start_from or method.evaluate
    after = Cell(cell.dataset, other, cell.seed) if other else None
    commands: list[tuple[str, ...]] = []
    recipes: list[Path] = []
    if method.baseline is not None:
        commands.append(_baseline_command(sweep, cell))
    else:
        if method.trains:
            recipes.append(sweep.recipe_of(cell))
            commands.append(_train_command(sweep, cell, recipes[0]))
        commands.append(_evaluate_command(sweep, cell, after if after and method.evaluate else cell))
    copied: tuple[tuple[Path, Path], ...] = ()
    if after is not None and method.start_from:
        source, target = _training(sweep, after), _training(sweep, cell)
        copied = tuple((source / file, target / file) for file in ("teacher.safetensors", "critic.safetensors"))
    followed = _job(sweep, after).asked if after else None
    hashes = [hashlib.sha256(file.read_bytes()).hexdigest() for file in recipes]
    asked = hashlib.sha256(json.dumps([commands, hashes, followed]).encode()).hexdigest()
    return Job(cell, cell.folder(sweep.output), tuple(commands), copied, after, asked)


def _training(sweep: Sweep, cell: Cell) -> Path:
    return cell.folder(sweep.output) / "train"


def _threads(sweep: Sweep) -> tuple[str, str]:
    return "--threads", str(max(1, round(sweep.resources.cpus)))


def _options(values: Mapping[str, object]) -> Iterator[str]:
    """Options and their values on a command line; what is None is left out."""
    for name, value in values.items():
        if value is not None:
            yield from (f"--{name.replace('_', '-')}", str(value))


def _train_command(sweep: Sweep, cell: Cell, recipe: Path) -> tuple[str, ...]:
    stage = "student" if sweep.methods[cell.method].start_from else "all"
    return (
        *("train", stage, str(recipe), *sweep.overrides_of(cell)),
        *("--output", str(_training(sweep, cell)), "--resume", *_threads(sweep)),
    )


def _evaluate_command(sweep: Sweep, cell: Cell, trained: Cell) -> tuple[str, ...]:
    settings = sweep.methods[cell.method].evaluation.over(sweep.evaluation)
    file = cell.folder(sweep.output) / EVALUATION
    return (
        *("eval", str(_training(sweep, trained) / "checkpoint"), *_options(settings)),
        *("--workers", "1", "--json", str(file), "--force"),
    )


def _baseline_command(sweep: Sweep, cell: Cell) -> tuple[str, ...]:
    method = sweep.methods[cell.method]
    settings = method.evaluation.over(sweep.evaluation)
    options = {
        "steps": method.steps,
        "episodes": settings.get("episodes"),
        "eval_seed": settings.get("seed"),
        "episode_steps": settings.get("episode_steps"),
        "python": sweep.baselines_python,
    }
    return (
        *("bench", "baselines", sweep.datasets[cell.dataset].dataset),
        *("--method", str(method.baseline), "--seeds", str(cell.seed)),
        *("--into", str(cell.folder(sweep.output)), *_threads(sweep), *_options(options)),
    )
