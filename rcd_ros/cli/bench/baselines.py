"""`rcd bench baselines`: trains d3rlpy's algorithms on our data and scores them as planners are scored."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rcd_ros.cli.bounds import LARGEST_SEED, MOST_EPISODES, MOST_STEPS, MOST_THREADS, MOST_WORKERS
from rcd_ros.cli.given import not_with, only_for
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.benchmarks.results import Cell
    from rcd_ros.data.episodes import Dataset
    from rcd_ros.tasks.task import Task


def baselines(
    context: typer.Context,
    datasets: Annotated[list[str], typer.Argument(help="Data sets, as `rcd data list` names them.")],
    task: Annotated[str | None, typer.Option(help="Task, where a data set does not say it (fetched ones).")] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="bc, bc-best10, td3+bc or iql; may be given several times (default: all)."),
    ] = None,
    seeds: Annotated[str, typer.Option(help="Training seeds, with commas between them.")] = "0,1",
    steps: Annotated[
        int,
        typer.Option(min=1, max=MOST_STEPS, help="Gradient steps; d3rlpy's reproductions of the papers take 500,000."),
    ] = 500_000,
    episodes: Annotated[
        int, typer.Option(min=1, max=MOST_EPISODES, help="Episodes that each policy is scored by.")
    ] = 20,
    eval_seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of the first episode; the others count up.")
    ] = 0,
    episode_steps: Annotated[int | None, typer.Option(min=1, help="Steps per episode (default: the task's).")] = None,
    output: Annotated[Path, typer.Option(help="Folder of results; what is done there is not done again.")] = Path(
        "runs/baselines"
    ),
    into: Annotated[
        Path | None, typer.Option(help="Write into this folder instead: one data set, one method, one seed.")
    ] = None,
    python: Annotated[
        Path | None, typer.Option(help="Python of an environment with d3rlpy (default: the one of --install).")
    ] = None,
    install: Annotated[bool, typer.Option("--install", help="Make that environment with pip first.")] = False,
    base_python: Annotated[
        Path | None, typer.Option(help="Python that --install makes it with (default: this one).")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=MOST_THREADS, help="Threads that the training may use.")] = 1,
    workers: Annotated[int, typer.Option(min=1, max=MOST_WORKERS, help="Processes that drive the episodes.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Train again what is done already.")] = False,
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
    import mujoco  # noqa: F401  a missing simulator is said here, before anything is trained
    from rich.console import Console

    from rcd_ros.benchmarks.baselines import D3RLPY, check_methods
    from rcd_ros.benchmarks.results import Cell, read_cell
    from rcd_ros.data.storage import load_dataset
    from rcd_ros.evaluation.comparison import comparison_table, pool, read_summary
    from rcd_ros.outputs import refuse_twice
    from rcd_ros.tasks.catalogue import get_task

    not_with(context, "--install", install, "python")
    only_for(context, "--install", install, "base_python")
    not_with(context, "--into", into is not None, "output")
    methods, training_seeds = check_methods(method or ()), _seeds(seeds)
    if into is not None and len(datasets) * len(methods) * len(training_seeds) != 1:
        raise RcdError(f"--into '{into}' takes one result: name one data set, one --method and one of --seeds")
    options = {} if episode_steps is None else {"episode_steps": episode_steps}
    refuse_twice("data set", datasets)
    loaded = {}
    for name in datasets:
        dataset = load_dataset(name)
        of = task or dataset.metadata.get("task")
        if not of:
            raise RcdError(f"data set '{name}' does not say which task it belongs to; name one with --task")
        loaded[name] = (dataset, get_task(of, **options))
    _check_folders(into, output, loaded, methods, training_seeds, task)
    interpreter = D3RLPY.install(base_python) if install else D3RLPY.find(python)

    rows = []
    for name, (dataset, chosen) in loaded.items():
        for each in methods:
            summaries = []
            for seed in training_seeds:
                cell = Cell(folder_name(name), each, seed)
                folder = into or cell.folder(output)
                asked = {
                    "data": dataset.content_hash,
                    "steps": steps,
                    "episodes": episodes,
                    "eval_seed": eval_seed,
                    "episode_steps": chosen.spec.episode_steps,
                }
                done = None if force else read_cell(folder)
                if done is not None and done.made.get("asked") != asked:
                    raise RcdError(f"the result in '{folder}' was made with other settings: name another, or --force")
                if done is None:
                    _make(cell, folder, chosen, dataset, asked, interpreter, threads, workers)
                summaries.append(read_summary(folder / "eval.json"))
            rows.append(pool(f"{name}, {each}", summaries))
    Console(width=max(Console().width, 130)).print(comparison_table(rows))
    typer.echo(f"results: {into or output}")


def _check_folders(
    into: Path | None, output: Path, datasets: Iterable[str], methods: list[str], seeds: list[int], task: str | None
) -> None:
    """Make sure that every result can be written, and that none is among what is read or two are one."""
    from rcd_ros.benchmarks.results import Cell
    from rcd_ros.data.dataset_folders import dataset_folder
    from rcd_ros.outputs import check_folder, keep_apart

    cells = [Cell(folder_name(name), method, seed) for name in datasets for method in methods for seed in seeds]
    folders = {f"the result of {cell}": into or cell.folder(output) for cell in cells}
    keep_apart(folders, [task, *map(dataset_folder, datasets)])
    for folder in folders.values():
        check_folder(folder)


def folder_name(dataset: str) -> str:
    """A data set's name as one folder: `rcd/hopper/medium-v0` is `hopper-medium-v0`."""
    return dataset.removeprefix("rcd/").replace("/", "-")


def _seeds(text: str) -> list[int]:
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        raise RcdError(f"--seeds {text}: give whole numbers with commas between them") from None
    if min(seeds) < 0 or len(set(seeds)) != len(seeds):
        raise RcdError(f"--seeds {text}: give different numbers of 0 or more")
    if max(seeds) > LARGEST_SEED:
        raise RcdError(f"--seeds {text}: a seed is {LARGEST_SEED} at most")
    return seeds


def _make(
    cell: Cell,
    folder: Path,
    task: Task,
    dataset: Dataset,
    asked: dict[str, Any],
    python: Path,
    threads: int,
    workers: int,
) -> None:
    """Train a baseline, score it, and write what came of it; `cell.json` is the last file."""
    from rcd_ros.benchmarks.baselines import evaluate_baseline, train_baseline
    from rcd_ros.benchmarks.results import write_made
    from rcd_ros.evaluation.report import summarize
    from rcd_ros.outputs import write_json
    from rcd_ros.progress import progress_bar

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cell.json").unlink(missing_ok=True)
    with progress_bar(total=asked["steps"], desc=str(cell), unit="step") as bar:
        made = train_baseline(
            cell.method,
            dataset,
            task.spec,
            steps=asked["steps"],
            seed=cell.seed,
            python=python,
            threads=threads,
            output=folder / "actor.npz",
            report=lambda step: bar.update(step - bar.n),
        )
    seeds = range(asked["eval_seed"], asked["eval_seed"] + asked["episodes"])
    setting = {
        "policy": cell.method,
        "seed": asked["eval_seed"],
        "nfe": 1,
        "engine": "numpy",
        "mode": "chunk",
        "execute": 1,
        "delay": 0,
        "shape": False,
        "dataset": dataset.name,
        "training_seed": cell.seed,
    }
    results = evaluate_baseline(task, folder / "actor.npz", seeds, workers)
    write_json(folder / "eval.json", summarize(task.spec, results, setting, None))
    write_made(folder, cell, {"asked": asked, **made})
