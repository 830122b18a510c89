"""A sweep's description: data sets x methods x training seeds, and the commands that make each cell of its table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from rcd_ros.benchmarks.baselines import METHODS
from rcd_ros.benchmarks.results import EVALUATION, Cell, report_files
from rcd_ros.choices import LARGEST_SEED
from rcd_ros.data.storage.folders import dataset_folder
from rcd_ros.errors import RcdError
from rcd_ros.outputs import check_folder, keep_apart
from rcd_ros.suggest import did_you_mean
from rcd_ros.training.recipe import describe_errors, load_recipe

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EvaluationSettings(_Section):
    """Options of `rcd eval`; those of a method replace the sweep's own."""

    episodes: int | None = Field(None, ge=1)
    seed: int | None = Field(None, ge=0, le=LARGEST_SEED)
    execute: int | None = Field(None, ge=1)
    episode_steps: int | None = Field(None, ge=1)
    policy: Literal["student", "teacher"] | None = None
    nfe: int | None = Field(None, ge=1)
    sampler: str | None = None
    gradient_steps: int | None = Field(None, ge=0)
    step_size: float | None = Field(None, ge=0)
    engine: str | None = None

    def over(self, below: EvaluationSettings) -> dict[str, Any]:
        """These settings, and `below` where nothing is set, without those of `below` that have no effect here."""
        settings = below.model_dump(exclude_none=True) | self.model_dump(exclude_none=True)
        return {name: value for name, value in settings.items() if name not in _without_effect(settings)}

    @model_validator(mode="after")
    def _have_effect(self) -> Self:
        settings = self.model_dump(exclude_none=True)
        if "policy" in settings or "nfe" in settings:
            for name in _without_effect(settings) & settings.keys():
                raise ValueError(f"{name} has no effect with these settings: omit it")
        return self


def _without_effect(settings: Mapping[str, Any]) -> set[str]:
    """Options of `rcd eval` that it refuses beside these settings: a sampler is the teacher's, which has no engine."""
    if settings.get("policy") == "teacher":
        return {"engine"}
    return {"sampler"} if settings.get("nfe", 1) == 1 else {"sampler", "engine"}


def _check_overrides(overrides: Sequence[str]) -> None:
    for override in overrides:
        if override.startswith(("seed=", "dataset=")):
            raise ValueError(f"'{override}': seeds and data sets are the sweep's own")


def _check_seeds(seeds: Sequence[int]) -> None:
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"the seeds {list(seeds)} name one twice: a training seed counts once")


class SweepDataset(_Section):
    """What is learned from."""

    dataset: str = Field(description="as `rcd data list` names it")
    recipe: Path | None = Field(None, description="of the methods that name none")
    overrides: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _own(self) -> Self:
        _check_overrides(self.overrides)
        return self


class SweepMethod(_Section):
    """How a cell is made: a recipe is trained, a baseline is trained, or another method's planner is evaluated."""

    recipe: Path | None = None
    overrides: tuple[str, ...] = ()
    start_from: str | None = Field(
        None, description="method whose teacher and critic are taken; the student is trained"
    )
    evaluate: str | None = Field(None, description="method whose checkpoint is evaluated, otherwise")
    baseline: str | None = Field(None, description="of `rcd bench baselines`")
    steps: int | None = Field(None, ge=1, description="of a baseline")
    seeds: tuple[Seed, ...] = Field((), description="in place of the sweep's")
    evaluation: EvaluationSettings = EvaluationSettings()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.baseline is not None:
            if self.recipe or self.overrides or self.start_from or self.evaluate:
                raise ValueError("a baseline takes neither recipe, overrides, start_from nor evaluate")
            if self.evaluation.over(EvaluationSettings()).keys() - {"episodes", "seed", "episode_steps"}:
                raise ValueError("a baseline's evaluation takes episodes, seed and episode_steps only")
        elif self.steps is not None:
            raise ValueError("steps are those of a baseline; a recipe's are overridden as student.optimizer.steps=...")
        _check_overrides(self.overrides)
        _check_seeds(self.seeds)
        if self.evaluate is not None and (self.recipe or self.overrides or self.start_from or self.seeds):
            raise ValueError("a method that evaluates another one's planner takes only evaluation")
        return self


class Resources(_Section):
    """What one cell takes of a machine while it is made."""

    cpus: float = Field(1.0, gt=0)
    gpus: float = Field(0.0, ge=0)


class Sweep(_Section):
    """A whole sweep."""

    output: Path = Field(description="folder of all results; on a cluster one that every machine sees")
    datasets: dict[Name, SweepDataset] = Field(min_length=1)
    methods: dict[Name, SweepMethod] = Field(min_length=1)
    seeds: tuple[Seed, ...] = Field((0, 1, 2), min_length=1)
    evaluation: EvaluationSettings = EvaluationSettings(episodes=20, seed=0)
    baselines_python: Path | None = Field(None, description="Python of an environment with d3rlpy")
    resources: Resources = Resources()

    @model_validator(mode="after")
    def _methods_exist(self) -> Self:
        _check_seeds(self.seeds)
        for name, method in self.methods.items():
            for key in ("start_from", "evaluate"):
                other = getattr(method, key)
                if other is None:
                    continue
                if other not in self.methods or other == name:
                    raise ValueError(
                        f"methods.{name}.{key}: there is no other method '{other}'{did_you_mean(other, self.methods)}"
                    )
                if self.methods[other].baseline or self.methods[other].evaluate or self.methods[other].start_from:
                    raise ValueError(f"methods.{name}.{key}: '{other}' does not train a teacher of its own")
                missing = set(self.seeds_of(name)) - set(self.seeds_of(other))
                if missing:
                    raise ValueError(f"methods.{name}.{key}: '{other}' has no seed {min(missing)}")
            if method.baseline is not None and method.baseline not in METHODS:
                hint = did_you_mean(method.baseline, METHODS)
                raise ValueError(f"methods.{name}.baseline: there is no baseline '{method.baseline}'{hint}")
            if method.baseline is None and method.evaluate is None and method.recipe is None:
                for each, dataset in self.datasets.items():
                    if dataset.recipe is None:
                        raise ValueError(f"methods.{name} names no recipe, and neither does datasets.{each}")
        return self

    @property
    def report(self) -> Path:
        """Path of the table's files, without their suffix."""
        return self.output / "report"

    def cells(self) -> list[Cell]:
        """All cells, in the order of the description."""
        return [
            Cell(dataset, method, seed)
            for dataset in self.datasets
            for method in self.methods
            for seed in self.seeds_of(method)
        ]

    def seeds_of(self, method: str) -> tuple[int, ...]:
        """Training seeds of a method."""
        chosen = self.methods[method]
        return self.seeds_of(chosen.evaluate) if chosen.evaluate in self.methods else chosen.seeds or self.seeds


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


def load_sweep(path: Path) -> Sweep:
    """Read a sweep's description.

    Raises:
        RcdError: the file is missing or not YAML, a key is unknown or has a value that it cannot have, or a recipe that
            it names cannot be read, or an output would replace what is read.
    """
    if not path.is_file():
        raise RcdError(f"there is no sweep at '{path}'; config/sweep/ has examples")
    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:
        raise RcdError(f"sweep '{path}' cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise RcdError(f"sweep '{path}' is not a mapping of keys to values")
    try:
        sweep = Sweep.model_validate(content)
    except ValidationError as error:
        raise RcdError(f"sweep '{path}': {describe_errors(error, Sweep)}") from error
    recipes = []
    for dataset, method in _trained(sweep):
        recipes.append(_recipe(dataset, method))
        load_recipe(recipes[-1], _overrides(dataset, method, 0))
    check_folder(sweep.output)
    cells = {f"the cell '{job.cell}'": job.folder for job in plan_jobs(sweep)}
    reports = {f"the table '{file.name}'": file for file in report_files(sweep.report)}
    keep_apart(cells | reports, [path, *recipes, *(dataset_folder(each.dataset) for each in sweep.datasets.values())])
    return sweep


def plan_jobs(sweep: Sweep) -> list[Job]:
    """All cells, those that others need first."""
    return sorted((_job(sweep, cell) for cell in sweep.cells()), key=lambda job: job.after is not None)


def _trained(sweep: Sweep) -> Iterator[tuple[SweepDataset, SweepMethod]]:
    for dataset in sweep.datasets.values():
        for method in sweep.methods.values():
            if method.baseline is None and method.evaluate is None:
                yield dataset, method


def _recipe(dataset: SweepDataset, method: SweepMethod) -> Path:
    recipe = method.recipe or dataset.recipe
    assert recipe is not None  # checked when the sweep was read
    return recipe


def _overrides(dataset: SweepDataset, method: SweepMethod, seed: int) -> tuple[str, ...]:
    return (f"dataset={dataset.dataset}", *dataset.overrides, *method.overrides, f"seed={seed}")


def _job(sweep: Sweep, cell: Cell) -> Job:
    method = sweep.methods[cell.method]
    other = method.start_from or method.evaluate
    after = Cell(cell.dataset, other, cell.seed) if other else None
    commands: list[tuple[str, ...]] = []
    recipes: list[Path] = []
    if method.baseline is not None:
        commands.append(_baseline_command(sweep, cell))
    else:
        if method.evaluate is None:
            recipes.append(_recipe(sweep.datasets[cell.dataset], method))
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
    dataset, method = sweep.datasets[cell.dataset], sweep.methods[cell.method]
    stage = "student" if method.start_from else "all"
    return (
        *("train", stage, str(recipe), *_overrides(dataset, method, cell.seed)),
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
