"""`rcd data make hopper-medium-replay`: one of D4RL's nine Gym-MuJoCo data sets by its recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rcd_ros.cli.data.options import NewDataset
from rcd_ros.cli.output import print_table
from rcd_ros.errors import RcdError
from rcd_ros.progress import progress_bar

if TYPE_CHECKING:
    from rcd_ros.data.episodes import Episode
    from rcd_ros.data.made.actor import Actor
    from rcd_ros.data.made.d4rl_recipe import Recipe

PACKAGES = ("gymnasium", "mujoco", "sbx-rl", "jax", "numpy")
_DESCRIPTIONS = {
    "medium-replay": "All episodes of a SAC agent's training in {} until it scored a third of D4RL's expert.",
    "medium": "Episodes in {} of a SAC agent that scores about a third of D4RL's expert, its actions sampled.",
    "medium-expert": "Episodes in {}, one half of a medium and the other of an expert policy, their actions sampled.",
}


@dataclass(frozen=True)
class D4rlOptions:
    """Options of `rcd data make` for D4RL's nine data sets."""

    version: Annotated[str, typer.Option(help="D4RL's nine: version of Gymnasium's environment, v5 or v4.")] = "v5"
    medium: Annotated[
        Path | None, typer.Option(help="D4RL's nine: medium policy, .npz or .zip (default: SAC trains one).")
    ] = None
    expert: Annotated[
        Path | None, typer.Option(help="D4RL's nine: expert policy, .npz or .zip (default: SAC trains one).")
    ] = None
    workspace: Annotated[
        Path | None, typer.Option(help="D4RL's nine: folder of SAC's training (default: runs/sac/ENVIRONMENT-seedN).")
    ] = None
    sac_steps: Annotated[
        int, typer.Option(help="D4RL's nine: SAC's control periods at most.", min=1, max=3_000_000)
    ] = 3_000_000

    def check(self, recipe: Recipe, steps: int | None, seed: int) -> None:
        """Refuse options that have no effect for a recipe.

        Raises:
            RcdError: as said.
        """
        if recipe.level == "medium-replay" and (self.medium is not None or steps is not None):
            raise RcdError(f"'{recipe.name}' is the replay buffer of a training: it takes neither --medium nor --steps")
        if recipe.level != "medium-expert" and self.expert is not None:
            raise RcdError(f"--expert is for medium-expert, not for '{recipe.name}'")
        if seed >= 2**32:
            raise RcdError(f"--seed {seed}: SAC's training takes seeds below 2**32")

    def given(self, recipe: Recipe) -> dict[str, tuple[Actor, dict[str, object]]]:
        """Level -> policy that was given, and what the data set says of it.

        Raises:
            RcdError: a file holds no policy of the recipe's robot.
        """
        from rcd_ros.data.made.actor import load_actor
        from rcd_ros.data.made.d4rl_recipe import check_actor

        found: dict[str, tuple[Actor, dict[str, object]]] = {}
        for level, path in (("medium", self.medium), ("expert", self.expert)):
            if path is not None:
                actor = load_actor(path)
                check_actor(actor, recipe.environment, f"{path.name} (--{level})")
                found[level] = actor, {"file": path.name, "sha256": actor.sha256()}
        return found


def make_d4rl(
    task: str, options: D4rlOptions, *, steps: int | None, name: str | None, workers: int, seed: int, force: bool
) -> None:
    """Make a data set, with its progress on the screen, and store it; the arguments are those of `rcd data make`.

    Raises:
        RcdError: an option or a policy file cannot be used, or SAC does not come to the level.
    """
    from rcd_ros.data.made.d4rl_recipe import cut_buffer, describe, recipe_of
    from rcd_ros.data.storage.datasets import save_dataset
    from rcd_ros.evaluation.machine import installed
    from rcd_ros.outputs import check_folder

    recipe = recipe_of(task, options.version)
    new = NewDataset(f"rcd/{recipe.robot.name}/{recipe.level}-v0" if name is None else name, force)
    options.check(recipe, steps, seed)
    new.claim([options.medium, options.expert])
    folder = options.workspace or Path("runs") / "sac" / f"{recipe.environment}-seed{seed}"
    check_folder(folder)
    given = options.given(recipe)

    def policy(level: str) -> tuple[Actor, dict[str, object]]:
        return given.get(level) or _train(recipe, folder, level, options.sac_steps, seed)

    origin: dict[str, object] = {"command": "make", "recipe": f"D4RL's {task}", "environment": recipe.environment}
    episodes: list[Episode] = []
    if recipe.level == "medium-replay":
        from rcd_ros.data.made.sac import read_buffer

        _, origin["medium"] = policy("medium")
        episodes = cut_buffer(read_buffer(folder))
    else:
        wanted = steps or recipe.published.steps
        levels = ("medium", "expert") if recipe.level == "medium-expert" else ("medium",)
        for part, level in enumerate(levels):
            actor, origin[level] = policy(level)
            episodes += _drive(recipe, actor, wanted // len(levels), seed + part, workers, level)
    figures = describe(recipe, episodes)
    origin |= {"seed": seed, **figures, "versions": installed(PACKAGES)}
    save_dataset(
        new.name,
        episodes,
        task=f"{recipe.robot.name}-{recipe.version}",
        origin=origin,
        description=_DESCRIPTIONS[recipe.level].format(recipe.environment),
        force=force,
    )
    _print_figures(recipe, figures)
    typer.echo(f"stored {figures['episodes']} episodes, {figures['steps']} steps, as {new.name}")


def _train(recipe: Recipe, folder: Path, level: str, limit: int, seed: int) -> tuple[Actor, dict[str, object]]:
    """The policy of a level: of the agent in `folder`, which is trained on as far as that needs."""
    from rcd_ros.data.made.sac import SacSettings, train_to

    settings = SacSettings(recipe.robot, recipe.version, seed, random_steps=recipe.robot.random_steps)
    with progress_bar(total=limit, desc=f"SAC to {level}", unit="step", mininterval=1.0) as bar:

        def report(steps: int, score: float | None) -> None:
            bar.update(steps - bar.n)
            if score is not None:
                bar.set_postfix_str(f"score {score:.1f}", refresh=False)

        try:
            milestone = train_to(folder, settings, level, limit, report)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"the same command goes on from the last state in {folder}") from None
    if not milestone.reached:
        typer.echo(f"expert level was not reached: the policy after {milestone.steps} steps is taken as it is")
    return milestone.actor, {
        "algorithm": "SAC",
        "steps": milestone.steps,
        "score": round(milestone.score, 1),
        "chosen": "the first evaluation at or above the level, 10 episodes of the policy's mode every 5000 steps"
        if milestone.reached
        else "the end of the budget",
        "sha256": milestone.actor.sha256(),
    }


def _drive(recipe: Recipe, actor: Actor, steps: int, seed: int, workers: int, level: str) -> list[Episode]:
    from rcd_ros.data.made.d4rl_recipe import roll_out

    episodes: list[Episode] = []
    with progress_bar(total=steps, desc=f"driving, {level}", unit="step") as bar:
        for driven in roll_out(actor, recipe.environment, steps, seed, workers, level):
            episodes += driven
            bar.update(sum(map(len, driven)))
            score = recipe.robot.score(sum(e.total_reward for e in episodes) / len(episodes))
            bar.set_postfix_str(f"score {score:.1f}")
    return episodes


def _print_figures(recipe: Recipe, figures: Mapping[str, Any]) -> None:
    from rich.table import Table

    table = Table(recipe.name, "steps", "episodes", "mean return", "score", "10 %, 50 %, 90 % of the returns", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    quantiles = ", ".join(f"{value:.0f}" for value in figures["return_quantiles"].values())
    for label, prefix, spread in (("these data", "", quantiles), ("D4RL's -v2", "d4rl_", "not published")):
        values = (figures[f"{prefix}{key}"] for key in ("steps", "episodes", "return_mean", "score_mean"))
        table.add_row(label, *(f"{value:,}" for value in values), spread)
    print_table(table, 110)
