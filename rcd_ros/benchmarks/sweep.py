"""A sweep's description: data sets x methods x training seeds, which are the cells of its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from rcd_ros.benchmarks.baselines import METHODS
from rcd_ros.benchmarks.results import Cell, report_files
from rcd_ros.choices import LARGEST_SEED
from rcd_ros.data.storage.folders import dataset_folder
from rcd_ros.errors import RcdError
from rcd_ros.outputs import check_folder, keep_apart
from rcd_ros.suggest import did_you_mean
from rcd_ros.training.recipe_file import describe_errors, load_recipe

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

    def over(self, below: EvaluationSettings) -> dict[str, object]:
        """Options and their values: these, and `below` where nothing is set, without those of `below` without effect.

        Their order is part of what identifies a cell (`sweep_jobs.Job.asked`).
        """
        settings = below.model_dump(exclude_none=True) | self.model_dump(exclude_none=True)
        return {name: value for name, value in settings.items() if name not in _without_effect(settings)}

    @model_validator(mode="after")
    def _have_effect(self) -> Self:
        settings = self.model_dump(exclude_none=True)
        if "policy" in settings or "nfe" in settings:
            for name in _without_effect(settings) & settings.keys():
                raise ValueError(f"{name} has no effect with these settings: omit it")
        return self


def _without_effect(settings: Mapping[str, object]) -> set[str]:
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

    @property
    def trains(self) -> bool:
        """Whether a recipe is trained."""
        return self.baseline is None and self.evaluate is None

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
            if method.trains and method.recipe is None:
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

    def recipe_of(self, cell: Cell) -> Path:
        """The recipe that a cell trains; its method must be one that `trains`."""
        recipe = self.methods[cell.method].recipe or self.datasets[cell.dataset].recipe
        assert recipe is not None  # checked when the sweep was read
        return recipe

    def overrides_of(self, cell: Cell) -> tuple[str, ...]:
        """What a cell overrides in its recipe, as key=value."""
        dataset, method = self.datasets[cell.dataset], self.methods[cell.method]
        return (f"dataset={dataset.dataset}", *dataset.overrides, *method.overrides, f"seed={cell.seed}")


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
    cells = sweep.cells()
    trained = [cell for cell in cells if sweep.methods[cell.method].trains]
    for cell in dict.fromkeys(replace(cell, seed=0) for cell in trained):
        load_recipe(sweep.recipe_of(cell), sweep.overrides_of(cell))
    check_folder(sweep.output)
    folders = {f"the cell '{cell}'": cell.folder(sweep.output) for cell in cells}
    reports = {f"the table '{file.name}'": file for file in report_files(sweep.report)}
    datasets = (dataset_folder(each.dataset) for each in sweep.datasets.values())
    recipes = dict.fromkeys(map(sweep.recipe_of, trained))
    keep_apart(folders | reports, [path, *recipes, *datasets])
    return sweep
