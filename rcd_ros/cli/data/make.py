"""`rcd data make`: data of a task's own controller, and D4RL's Gym-MuJoCo data sets by its recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.cli.data.make_d4rl import D4rlOptions, make_d4rl
from rcd_ros.cli.data.options import NewDataset
from rcd_ros.cli.given import not_with, only_for
from rcd_ros.cli.options import MOST_EPISODES, MOST_STEPS, Seed, Workers, grouped
from rcd_ros.errors import RcdError
from rcd_ros.progress import progress_bar

if TYPE_CHECKING:
    from rcd_ros.data.episodes import Episode
    from rcd_ros.tasks.task import Task

DEFAULT_STEPS = 1_000_000
"""Control periods that a task's own controller drives."""


@dataclass(frozen=True)
class ControllerOptions:
    """How a task's own controller drives, and which episodes are kept."""

    steps: Annotated[
        int | None,
        typer.Option(
            help="Control periods in all, of a task that goes on (default: 1,000,000, or D4RL's).",
            min=1,
            max=MOST_STEPS,
        ),
    ] = None
    episodes: Annotated[
        int, typer.Option(help="How many, of a task whose episodes begin again.", min=1, max=MOST_EPISODES)
    ] = 50
    controller: Annotated[
        str | None, typer.Option(help="Which of the task's controllers drives (default: behaviour, or its only one).")
    ] = None
    noise: Annotated[
        float | None,
        typer.Option(help="Standard deviation of the controller's noise (default: the task's own).", min=0.0),
    ] = None
    keep: Annotated[
        str, typer.Option(help="all episodes, or only those in which every goal was reached (success).")
    ] = "all"

    def chosen(self, task: Task) -> str:
        """The controller of a task that drives; empty where it has none."""
        default = "behaviour" if "behaviour" in task.controllers else next(iter(task.controllers), "")
        return self.controller or default

    def settings(self) -> dict[str, float]:
        """Of the controller."""
        return {} if self.noise is None else {"noise": self.noise}

    def kept(self, episodes: Sequence[Episode]) -> list[Episode]:
        """The episodes to store.

        Raises:
            RcdError: there is none.
        """
        kept = [episode for episode in episodes if self.keep == "all" or episode.terminated]
        if not kept:
            raise RcdError(
                f"in none of {len(episodes)} episodes every goal was reached, nothing was stored: use --keep all"
            )
        return kept


@grouped
def make(
    context: typer.Context,
    task: Annotated[
        str,
        typer.Argument(
            help="Task with a controller of its own: maze-large, or a task file with `demonstrate`; or one of D4RL's "
            "nine: {hopper,walker2d,halfcheetah}-{medium-replay,medium,medium-expert}."
        ),
    ],
    own: ControllerOptions,
    d4rl: D4rlOptions,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of the new data set (default: rcd/TASK-v0, rcd/hopper/medium-v0, ...)."),
    ] = None,
    workers: Workers = 2,
    seed: Seed = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing data set of that name.")] = False,
) -> None:
    """Make data with a task's own controller, or one of D4RL's nine Gym-MuJoCo data sets by D4RL's recipe.

    Mazes go on with random goals, one after the other (--steps). The episodes of other tasks begin again, from seeded
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
    from rcd_ros.data.made.d4rl_recipe import is_recipe
    from rcd_ros.tasks.catalogue import get_task

    if is_recipe(task):
        not_with(context, f"D4RL's '{task}'", True, "noise", "controller", "episodes", "keep")
        make_d4rl(task, d4rl, steps=own.steps, name=name, workers=workers, seed=seed, force=force)
        return
    only_for(context, "D4RL's nine data sets", False, "medium", "expert", "workspace", "version", "sac_steps")
    if own.keep not in ("all", "success"):
        raise RcdError(f"--keep is all or success, got '{own.keep}'")
    chosen = get_task(task)
    new = NewDataset(f"rcd/{chosen.spec.name}-v0" if name is None else name, force)
    new.claim([])
    only_for(context, "tasks that go on, such as mazes", chosen.continuing is not None, "steps")
    only_for(context, "tasks whose episodes begin again", chosen.continuing is None, "episodes")
    if chosen.continuing is not None:
        chosen = get_task(task, **chosen.continuing)
    _make(chosen, own, new, workers, seed)


def _make(task: Task, own: ControllerOptions, new: NewDataset, workers: int, seed: int) -> None:
    """Let a controller of the task drive, and store its episodes."""
    from rcd_ros.data.storage.datasets import save_dataset

    controller = own.chosen(task)
    origin: dict[str, object] = {"command": "make", "controller": controller, **own.settings(), "seed": seed}
    described = f"The controller '{controller}' of task {task.spec.name}"
    if task.continuing is not None:
        origin["steps"] = steps = own.steps or DEFAULT_STEPS
        made = _drive_on(task, controller, own.settings(), steps, seed, workers)
        description = f"{described} driving to random goals, an episode each."
    else:
        origin["episodes"] = own.episodes
        made = _drive_episodes(task, controller, own.settings(), range(seed, seed + own.episodes), workers)
        description = f"{described}, an episode from each seed."
    kept = own.kept(made)
    save_dataset(new.name, kept, task=task.spec, origin=origin, description=description, force=new.force)
    of = f" of {len(made)}" if len(kept) < len(made) else ""
    typer.echo(f"stored {len(kept)}{of} episodes, {sum(map(len, kept))} steps, as {new.name}")


def _drive_on(
    task: Task, controller: str, settings: dict[str, float], steps: int, seed: int, workers: int
) -> list[Episode]:
    """Episodes of a task that goes on, `steps` control periods in all."""
    from rcd_ros.data.made.controllers import make_runs, runs_of

    runs = runs_of(steps, seed)
    made: list[Episode] = []
    with progress_bar(total=steps, desc="driving", unit="step") as progress:
        for run, of_run in zip(runs, make_runs(task, controller, runs, workers, settings), strict=True):
            made += of_run
            progress.update(run.steps)
    return made


def _drive_episodes(
    task: Task, controller: str, settings: dict[str, float], seeds: range, workers: int
) -> list[Episode]:
    """An episode from each seed."""
    from rcd_ros.data.made.controllers import make_episodes

    driven = make_episodes(task, controller, seeds, workers, settings)
    with progress_bar(driven, total=len(seeds), desc="driving", unit="episode") as progress:
        return list(progress)
