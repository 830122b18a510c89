"""`rcd data ...`: import, fetch, make, list and look at data sets."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from rcd_ros.cli.data_export import export
from rcd_ros.cli.data_import import import_
from rcd_ros.cli.data_view import view
from rcd_ros.cli.from_bag import from_bag
from rcd_ros.cli.given import not_with, only_for
from rcd_ros.cli.options import MOST_EPISODES, MOST_STEPS, MOST_WORKERS
from rcd_ros.errors import RcdError
from rcd_ros.planning.noise import LARGEST_SEED
from rcd_ros.progress import progress_bar

if TYPE_CHECKING:
    from rcd_ros.data.episodes import Episode
    from rcd_ros.data.summary import Range

app = typer.Typer(help="Import, export, make, list and look at data sets (Minari).", no_args_is_help=True)
app.command("import")(import_)
app.command("export")(export)
app.command("view")(view)
app.command("from-bag")(from_bag)

Force = Annotated[bool, typer.Option("--force", help="Replace an existing data set of that name.")]
Name = Annotated[str, typer.Option("--name", help="Name of the new data set, such as rcd/kitchen/complete-v0.")]
Seed = Annotated[int, typer.Option(help="All randomness follows from it.", min=0, max=LARGEST_SEED)]
Workers = Annotated[int, typer.Option(help="Processes.", min=1, max=MOST_WORKERS)]
DEFAULT_STEPS = 1_000_000
"""Control periods that a task's own controller drives."""


class Label(str, enum.Enum):
    """Which action of a replay is recorded."""

    executed = "executed"
    expert = "expert"


@app.command()
def replay(
    source: Annotated[str, typer.Argument(help="Data set of demonstrations.")],
    name: Name,
    task: Annotated[str | None, typer.Option(help="Task, where the data set does not say it (fetched ones).")] = None,
    noise: Annotated[str, typer.Option(help="Standard deviations of the noise, action units.")] = "0.1",
    speed: Annotated[str, typer.Option(help="Speeds, as parts of the demonstration's.")] = "1",
    gain: Annotated[float, typer.Option(help="Tracking gain K, action units per rad.")] = 3.0,
    repeats: Annotated[
        int, typer.Option(help="Episodes per demonstration, speed and noise.", min=1, max=MOST_EPISODES)
    ] = 1,
    label: Annotated[Label, typer.Option(help="Record the executed action, or the expert's (no noise).")] = (
        Label.executed
    ),
    offset: Annotated[float, typer.Option(help="Standard deviation of constant joint offsets, rad.")] = 0.0,
    abort_probability: Annotated[float, typer.Option(help="Chance that an episode's demonstration stops early.")] = 0.0,
    noise_correlation: Annotated[float, typer.Option(help="Of the noise, from step to step.")] = 0.9,
    episode_steps: Annotated[
        int | None, typer.Option(help="Longest episode; the task's own by default.", min=1)
    ] = None,
    keep_completed: Annotated[int, typer.Option(help="Keep episodes with at least so many goals.", min=0)] = 0,
    workers: Workers = 1,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Replay demonstrations with tracking feedback and noise, at several speeds.

    Example: rcd data replay rcd/kitchen/complete-v0 --noise 0.05 --speed 1,0.6 --name rcd/kitchen/mixed-v0
    """
    from rcd_ros.data.dataset_folders import dataset_folder
    from rcd_ros.data.replay import ReplaySettings, replay_jobs
    from rcd_ros.data.replay import replay as replay_episodes
    from rcd_ros.data.storage import check_new_name, load_dataset, save_dataset, task_of_dataset
    from rcd_ros.outputs import keep_apart
    from rcd_ros.tasks.catalogue import get_task, task_of

    check_new_name(name, force)
    keep_apart({"--name": dataset_folder(name)}, [dataset_folder(source), task])
    settings = ReplaySettings(gain, label.value, noise_correlation, offset, abort_probability, seed)
    speeds, noises = _numbers("speed", speed), _numbers("noise", noise)
    dataset = load_dataset(source)
    known = get_task(task) if task else task_of_dataset(dataset)
    if known is None:
        raise RcdError(f"data set '{source}' does not say which task it belongs to; name one with --task")
    chosen = task_of(known.spec, episode_steps)
    jobs = replay_jobs(len(dataset.episodes), speeds, noises, repeats)
    episodes: list[Episode] = []
    results = replay_episodes(chosen, dataset.episodes, jobs, settings, workers)
    with progress_bar(results, total=len(jobs), desc="replaying", unit="episode") as progress:
        for episode in progress:
            episodes.append(episode)
            progress.set_postfix_str(f"mean return {sum(e.total_reward for e in episodes) / len(episodes):.2f}")
    _print_replay_returns(episodes)
    kept = [episode for episode in episodes if episode.total_reward >= keep_completed]
    if not kept:
        raise RcdError(f"none completed {keep_completed} goals or more, nothing was stored: lower --keep-completed")
    origin = {
        "command": "replay",
        "source": source,
        "source_hash": dataset.content_hash,
        "speed": speeds,
        "noise": noises,
        "repeats": repeats,
        "gain": gain,
        "label": label.value,
        "offset": offset,
        "abort_probability": abort_probability,
        "noise_correlation": noise_correlation,
        "episode_steps": chosen.spec.episode_steps,
        "keep_completed": keep_completed,
        "seed": seed,
    }
    description = f"Replays of {source} with tracking feedback; {label.value} actions recorded."
    save_dataset(name, kept, task=chosen.spec, origin=origin, description=description, force=force)
    typer.echo(f"stored {len(kept)} of {len(episodes)} episodes as {name}")


@app.command()
def make(
    context: typer.Context,
    task: Annotated[
        str,
        typer.Argument(
            help="Task with a controller of its own: maze-large, or a task file with `demonstrate`; or one of D4RL's "
            "nine: {hopper,walker2d,halfcheetah}-{medium-replay,medium,medium-expert}."
        ),
    ],
    steps: Annotated[
        int | None,
        typer.Option(
            help="Control periods in all, of a task that goes on (default: 1,000,000, or D4RL's).",
            min=1,
            max=MOST_STEPS,
        ),
    ] = None,
    episodes: Annotated[
        int, typer.Option(help="How many, of a task whose episodes begin anew.", min=1, max=MOST_EPISODES)
    ] = 50,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of the new data set (default: rcd/TASK-v0, rcd/hopper/medium-v0, ...)."),
    ] = None,
    controller: Annotated[
        str | None, typer.Option(help="Which of the task's controllers drives (default: behaviour, or its only one).")
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(help="Standard deviation of the controller's noise (default: the task's own).", min=0.0),
    ] = None,
    version: Annotated[str, typer.Option(help="D4RL's nine: version of Gymnasium's environment, v5 or v4.")] = "v5",
    medium: Annotated[
        Path | None, typer.Option(help="D4RL's nine: medium policy, .npz or .zip (default: SAC trains one).")
    ] = None,
    expert: Annotated[
        Path | None, typer.Option(help="D4RL's nine: expert policy, .npz or .zip (default: SAC trains one).")
    ] = None,
    workspace: Annotated[
        Path | None, typer.Option(help="D4RL's nine: folder of SAC's training (default: runs/sac/ENVIRONMENT-seedN).")
    ] = None,
    sac_steps: Annotated[
        int, typer.Option(help="D4RL's nine: SAC's control periods at most.", min=1, max=3_000_000)
    ] = 3_000_000,
    keep: Annotated[
        str, typer.Option(help="all episodes, or only those in which every goal was reached (success).")
    ] = "all",
    workers: Workers = 2,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Make data with a task's own controller, or one of D4RL's nine Gym-MuJoCo data sets by D4RL's recipe.

    Mazes go on with random goals, one after the other (--steps). The episodes of other tasks begin anew, from seeded
    starts (--episodes).

    D4RL's recipe trains SAC (this package's extra datagen; hours a data set on one core). The training is kept in
    its workspace: the same command goes on after an interruption, and the other levels of the robot use it too.
    medium-replay is all that SAC did until it scored a third of D4RL's expert; medium are episodes of the policy at
    that point; medium-expert holds as many of an expert. Policies that you have save the training: an .npz archive of
    weight0, bias0, ..., hidden, output, log_std (docs/benchmarks.md), or the .zip of a Stable-Baselines3 SAC or TQC.

    Examples:

      rcd data make maze-large --steps 1000000 --seed 0

      rcd data make hopper-medium-replay --seed 0

      rcd data make hopper-medium-expert --expert hopper-sac.zip
    """
    from rcd_ros.data.d4rl_recipe import is_recipe

    if is_recipe(task):
        not_with(context, f"D4RL's '{task}'", True, "noise", "controller", "episodes", "keep")
        from rcd_ros.cli.make_d4rl import make_d4rl

        return make_d4rl(
            task,
            version=version,
            steps=steps,
            dataset=name,
            medium=medium,
            expert=expert,
            workspace=workspace,
            sac_steps=sac_steps,
            workers=workers,
            seed=seed,
            force=force,
        )
    only_for(context, "D4RL's nine data sets", False, "medium", "expert", "workspace", "version", "sac_steps")
    steps = steps or DEFAULT_STEPS
    from rcd_ros.data.make import make_episodes, make_runs, runs_of
    from rcd_ros.data.storage import check_new_name, save_dataset
    from rcd_ros.tasks.catalogue import get_task

    if keep not in ("all", "success"):
        raise RcdError(f"--keep is all or success, got '{keep}'")
    chosen = get_task(task)
    chosen_name = f"rcd/{chosen.spec.name}-v0" if name is None else name
    check_new_name(chosen_name, force)
    driver = controller or ("behaviour" if "behaviour" in chosen.controllers else next(iter(chosen.controllers), ""))
    settings = {} if noise is None else {"noise": noise}
    only_for(context, "tasks that go on, such as mazes", chosen.continuing is not None, "steps")
    only_for(context, "tasks whose episodes begin anew", chosen.continuing is None, "episodes")
    made: list[Episode] = []
    origin: dict[str, Any] = {"command": "make", "controller": driver, **settings, "seed": seed}
    if chosen.continuing is not None:
        chosen = get_task(task, **chosen.continuing)
        runs = runs_of(steps, seed)
        origin["steps"] = steps
        results = make_runs(chosen, driver, runs, workers, settings)
        with progress_bar(total=steps, desc="driving", unit="step") as progress:
            for run, of_run in zip(runs, results, strict=True):
                made += of_run
                progress.update(run.steps)
        description = f"The controller '{driver}' of task {chosen.spec.name} driving to random goals, an episode each."
    else:
        origin["episodes"] = episodes
        driven = make_episodes(chosen, driver, range(seed, seed + episodes), workers, settings)
        with progress_bar(driven, total=episodes, desc="driving", unit="episode") as progress:
            made = list(progress)
        description = f"The controller '{driver}' of task {chosen.spec.name}, an episode from each seed."
    kept = [episode for episode in made if keep == "all" or episode.terminated]
    if not kept:
        raise RcdError(f"in none of {len(made)} episodes every goal was reached, nothing was stored: use --keep all")
    save_dataset(chosen_name, kept, task=chosen.spec, origin=origin, description=description, force=force)
    steps_made = sum(len(episode) for episode in kept)
    of = f" of {len(made)}" if len(kept) < len(made) else ""
    typer.echo(f"stored {len(kept)}{of} episodes, {steps_made} steps, as {chosen_name}")


@app.command()
def rollout(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
    name: Name,
    episodes: Annotated[int, typer.Option(help="How many episodes.", min=1, max=MOST_EPISODES)] = 20,
    execute: Annotated[int | None, typer.Option(help="Steps executed before planning again.", min=1)] = None,
    workers: Workers = 1,
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Record a planner's own episodes in the simulator.

    Example: rcd data rollout models/kitchen-complete --episodes 20 --name rcd/kitchen/rollout-v0
    """
    from rcd_ros.data.dataset_folders import dataset_folder
    from rcd_ros.data.storage import check_new_name, save_dataset
    from rcd_ros.evaluation.policy import CheckpointPolicy
    from rcd_ros.evaluation.rollout import Drive, check_fit, run_episodes
    from rcd_ros.outputs import keep_apart
    from rcd_ros.planning.checkpoint import checkpoint_sha256, verify
    from rcd_ros.tasks.catalogue import task_of

    check_new_name(name, force)
    keep_apart({"--name": dataset_folder(name)}, [checkpoint])
    manifest = verify(checkpoint)
    task, source = task_of(manifest.task), CheckpointPolicy(checkpoint, judged=False)
    execute = execute or manifest.execute
    drive = Drive.chunks(execute)
    check_fit(source.load(), task, drive)
    results = run_episodes(task, source, range(seed, seed + episodes), drive, workers)
    with progress_bar(results, total=episodes, desc="acting", unit="episode") as progress:
        made = [result.episode for result in progress]
    origin = {
        "command": "rollout",
        "checkpoint": checkpoint.name,
        "checkpoint_sha256": checkpoint_sha256(checkpoint),
        "execute": execute,
        "seed": seed,
    }
    description = f"Episodes of the planner {checkpoint.name} in its own simulator."
    save_dataset(name, made, task=task.spec, origin=origin, description=description, force=force)
    mean = sum(episode.total_reward for episode in made) / len(made)
    typer.echo(f"stored {len(made)} episodes as {name}, mean return {mean:.2f}")


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="Such as D4RL/kitchen/complete-v2.")], force: Force = False) -> None:
    """Download a data set from Minari's remote.

    Example: rcd data fetch D4RL/kitchen/complete-v2
    """
    from rcd_ros.data.fetch import fetch_dataset

    for each in fetch_dataset(name, force):
        typer.echo(f"fetched {each}")


@app.command("list")
def list_() -> None:
    """List the data sets on this machine."""
    from rcd_ros.data.storage import list_datasets

    datasets = list_datasets()
    if not datasets:
        typer.echo("no data sets here; get one with `rcd data import` or `rcd data fetch`")
        return
    table = Table("name", "task", Column("episodes", justify="right"), Column("steps", justify="right"), box=None)
    for name, each in datasets.items():
        numbers = ("damaged", "-") if each.problem else (str(each.episodes), str(each.steps))
        table.add_row(name, each.task or "-", *numbers)
    Console().print(table)
    for each in datasets.values():
        if each.problem:
            typer.echo(each.problem, err=True)


@app.command()
def show(name: Annotated[str, typer.Argument(help="Data set.")]) -> None:
    """Show a data set: origin, lengths, returns, and the range of every channel.

    Example: rcd data show rcd/kitchen/complete-v0
    """
    from rcd_ros.data.storage import load_dataset, task_of_dataset
    from rcd_ros.data.summary import histogram, summarize

    dataset = load_dataset(name)
    task, known = dataset.metadata.get("task"), task_of_dataset(dataset)
    summary = summarize(dataset, known.spec if known is not None else None)
    typer.echo(f"{dataset.name}: {dataset.metadata.get('description', '')}")
    typer.echo(f"task {task or 'unknown'}, content {dataset.content_hash[:16]}")
    origin = dataset.metadata.get("origin") or {}
    for key, value in (origin if isinstance(origin, dict) else {"origin": origin}).items():
        for each in value if isinstance(value, list) and value and isinstance(value[0], str) else [value]:
            typer.echo(f"  {key}: {each}")
    typer.echo(
        f"{summary.episodes} episodes of {summary.shortest} to {summary.longest} steps, {summary.steps} in all; "
        f"{summary.terminated} terminated, {summary.episodes - summary.terminated} truncated"
    )
    typer.echo(f"returns: mean {summary.returns.mean():.4g}")
    bars = histogram(summary.returns)
    tallest = max(count for _, count in bars)
    for label, count in bars:
        typer.echo(f"  {label:>24} {count:6d} {'#' * math.ceil(40 * count / tallest)}")
    _print_ranges("observations", summary.observations)
    _print_ranges("actions", summary.actions)


@app.command()
def delete(name: Annotated[str, typer.Argument(help="Data set.")]) -> None:
    """Delete a data set from this machine."""
    from rcd_ros.data.storage import delete_dataset

    delete_dataset(name)
    typer.echo(f"deleted {name}")


def _print_ranges(title: str, ranges: Sequence[Range]) -> None:
    numbers = [Column(heading, justify="right") for heading in ("least", "mean", "largest")]
    table = Table(title, "unit", *numbers, box=None)
    for each in ranges:
        table.add_row(each.name, each.unit, *(f"{value:.4g}" for value in (each.low, each.mean, each.high)))
    Console().print(table)


def _print_replay_returns(episodes: list[Episode]) -> None:
    groups: dict[tuple[Any, Any], list[float]] = {}
    for episode in episodes:
        groups.setdefault((episode.info["speed"], episode.info["noise"]), []).append(episode.total_reward)
    for (speed, noise), returns in groups.items():
        typer.echo(f"speed {speed:g}, noise {noise:g}: mean return {sum(returns) / len(returns):.2f} of {len(returns)}")


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise RcdError(f"--{option} takes numbers separated by commas, got '{text}'") from None
