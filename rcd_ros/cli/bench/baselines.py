"""`rcd bench baselines`: trains d3rlpy's algorithms on our data and scores them as planners are scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.cli.bench.other_python import OtherPython
from rcd_ros.cli.given import not_with
from rcd_ros.cli.options import (
    MOST_EPISODES,
    MOST_STEPS,
    EpisodeSteps,
    FirstSeed,
    TaskOfData,
    Threads,
    Workers,
    grouped,
)
from rcd_ros.cli.output import print_table
from rcd_ros.cli.parse import training_seeds
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.benchmarks.baselines import BaselineSettings
    from rcd_ros.benchmarks.results import Cell
    from rcd_ros.data.episodes import Dataset
    from rcd_ros.evaluation.comparison import Pooled
    from rcd_ros.tasks.task import Task


@dataclass(frozen=True)
class Scoring:
    """How a policy is scored."""

    episodes: Annotated[int, typer.Option(min=1, max=MOST_EPISODES, help="Episodes that each policy is scored by.")] = (
        20
    )
    eval_seed: FirstSeed = 0
    episode_steps: EpisodeSteps = None
    workers: Workers = 1


@dataclass(frozen=True)
class Place:
    """Where results lie."""

    output: Annotated[Path, typer.Option(help="Folder of results; what is done there is not done again.")] = Path(
        "runs/baselines"
    )
    into: Annotated[
        Path | None, typer.Option(help="Write into this folder instead: one data set, one method, one seed.")
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Train again what is done already.")] = False

    def folder(self, cell: Cell) -> Path:
        """Of one result."""
        return self.into or cell.folder(self.output)

    def check(self, cells: Sequence[Cell], inputs: Iterable[str | Path | None]) -> None:
        """Make sure that every result can be written, apart from what is read and from each other.

        Raises:
            RcdError: as said.
        """
        from rcd_ros.outputs import check_folder, keep_apart

        if self.into is not None and len(cells) != 1:
            raise RcdError(f"--into '{self.into}' takes one result: name one data set, one --method and one of --seeds")
        folders = {f"the result of {cell}": self.folder(cell) for cell in cells}
        keep_apart(folders, inputs)
        for folder in folders.values():
            check_folder(folder)


@grouped
def baselines(
    context: typer.Context,
    datasets: Annotated[list[str], typer.Argument(help="Data sets, as `rcd data list` names them.")],
    scoring: Scoring,
    place: Place,
    d3rlpy: OtherPython,
    task: TaskOfData = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="bc, bc-best10, td3+bc or iql; may be given several times (default: all)."),
    ] = None,
    seeds: Annotated[str, typer.Option(help="Training seeds, with commas between them.")] = "0,1",
    steps: Annotated[
        int,
        typer.Option(min=1, max=MOST_STEPS, help="Gradient steps; d3rlpy's reproductions of the papers take 500,000."),
    ] = 500_000,
    threads: Threads = 1,
) -> None:
    """Train baselines by code that we did not write, and score them in the same harness as our planners.

    d3rlpy trains BC, TD3+BC and IQL with its reproductions' settings; bc-best10 is BC on the best episodes, a tenth of
    the steps. The last policy is scored, never the best of several. Its mode acts, one action a plan. Results are
    written as `rcd eval --json` writes them: OUTPUT/<data set>/<method>/seed-N/eval.json, for `rcd bench report`.
    The plan time in them is that of the policy in NumPy.

    d3rlpy pins gymnasium to 1.0.0, which this package cannot use, so it has an environment of its own: --install makes
    one in the user's cache, or name one with --python (python -m venv DIR && DIR/bin/pip install d3rlpy==2.8.1).

    Examples:

      rcd bench baselines rcd/hopper/medium-replay-v0 --install

      rcd bench baselines rcd/hopper/medium-v0 --method bc --method td3+bc --seeds 0,1,2 --steps 100000
    """
    import mujoco  # noqa: F401  reports a missing simulator before anything is trained

    from rcd_ros.benchmarks.baselines import D3RLPY, BaselineSettings, check_methods
    from rcd_ros.benchmarks.results import Cell
    from rcd_ros.data.storage.folders import dataset_folder
    from rcd_ros.evaluation.comparison import comparison_table
    from rcd_ros.outputs import refuse_twice

    d3rlpy.check(context)
    not_with(context, "--into", place.into is not None, "output")
    methods, trained = check_methods(method or ()), training_seeds("--seeds", seeds)
    refuse_twice("data set", datasets)
    cells = {
        (name, each): [Cell(folder_name(name), each, seed) for seed in trained] for name in datasets for each in methods
    }
    place.check([cell for group in cells.values() for cell in group], [task, *map(dataset_folder, datasets)])
    loaded = _load(datasets, task, scoring.episode_steps)
    python = d3rlpy.of(D3RLPY)
    settings = BaselineSettings(
        steps, scoring.episodes, scoring.eval_seed, python, threads, scoring.workers, place.force
    )
    rows = [_pooled(name, each, group, place, loaded[name], settings) for (name, each), group in cells.items()]
    print_table(comparison_table(rows), 130)
    typer.echo(f"results: {place.into or place.output}")


def _pooled(
    name: str, method: str, cells: Sequence[Cell], place: Place, on: tuple[Dataset, Task], settings: BaselineSettings
) -> Pooled:
    """Train and score one method on one data set, each training seed a cell."""
    from rcd_ros.benchmarks.baselines import baseline_result
    from rcd_ros.evaluation.comparison import pool

    return pool(f"{name}, {method}", [baseline_result(cell, place.folder(cell), *on, settings) for cell in cells])


def _load(names: Iterable[str], task: str | None, episode_steps: int | None) -> Mapping[str, tuple[Dataset, Task]]:
    """The data sets, each with its task."""
    from rcd_ros.data.storage.datasets import load_dataset
    from rcd_ros.tasks.catalogue import get_task

    options = {} if episode_steps is None else {"episode_steps": episode_steps}
    loaded = {}
    for name in names:
        dataset = load_dataset(name)
        of = task or dataset.metadata.get("task")
        if not of:
            raise RcdError(f"data set '{name}' does not say which task it belongs to; name one with --task")
        loaded[name] = (dataset, get_task(of, **options))
    return loaded


def folder_name(dataset: str) -> str:
    """A data set's name as one folder: `rcd/hopper/medium-v0` is `hopper-medium-v0`."""
    return dataset.removeprefix("rcd/").replace("/", "-")
