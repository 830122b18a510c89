"""`rcd train`: teacher, critic and student from a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    help="Train the teacher (diffusion planner), the critic (return-to-go) and the student (one-step planner).\n\n"
    "Any key of the recipe can be overridden behind it:\n\n"
    "    rcd train all config/train/kitchen_mixed.yaml student.reward=0.3 seed=1 --output runs/mixed-seed1",
)

RecipeArgument = Annotated[Path, typer.Argument(help="recipe, e.g. config/train/kitchen_complete.yaml")]
Overrides = Annotated[list[str] | None, typer.Argument(help="key=value, e.g. student.optimizer.steps=2000")]
Output = Annotated[
    Path | None, typer.Option(help="folder for weights, metrics and the checkpoint [default: runs/<recipe's name>]")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda")]
Resume = Annotated[bool, typer.Option("--resume", help="continue where an interrupted training stopped")]
Force = Annotated[bool, typer.Option("--force", help="train anew over what the output folder holds")]
Threads = Annotated[int, typer.Option(min=0, help="CPU threads of each process; 0 leaves the choice to torch")]


@app.command()
def teacher(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    output: Output = None,
    device: Device = "auto",
    resume: Resume = False,
    force: Force = False,
    threads: Threads = 0,
) -> None:
    """Train the diffusion planner that is distilled."""
    _train(("teacher",), recipe, overrides or [], output, device, resume, force, threads)


@app.command()
def critic(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    output: Output = None,
    device: Device = "auto",
    resume: Resume = False,
    force: Force = False,
    threads: Threads = 0,
) -> None:
    """Train the return-to-go ensemble that steers the student."""
    _train(("critic",), recipe, overrides or [], output, device, resume, force, threads)


@app.command()
def student(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    output: Output = None,
    device: Device = "auto",
    resume: Resume = False,
    force: Force = False,
    threads: Threads = 0,
) -> None:
    """Distil the one-step planner (needs a teacher, and a critic where the recipe rewards); write its checkpoint."""
    _train(("student",), recipe, overrides or [], output, device, resume, force, threads)


@app.command("all")
def train_all(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    output: Output = None,
    device: Device = "auto",
    resume: Resume = False,
    force: Force = False,
    threads: Threads = 0,
) -> None:
    """Train all three, one after another, and write the checkpoint."""
    _train(("teacher", "critic", "student"), recipe, overrides or [], output, device, resume, force, threads)


def _train(
    stages: Sequence[str],
    path: Path,
    overrides: Sequence[str],
    output: Path | None,
    device: str,
    resume: bool,
    force: bool,
    threads: int,
) -> None:
    import torch

    from rcd_ros.training.export import assemble_checkpoint
    from rcd_ros.training.pipeline import prepare, refuse_occupied, train_stage
    from rcd_ros.training.processes import join_processes
    from rcd_ros.training.recipe import load_recipe

    recipe = load_recipe(path, overrides)
    if threads:
        torch.set_num_threads(threads)
    folder = output or Path("runs") / recipe.name
    with join_processes(device) as processes:
        if processes.leads and not resume and not force:
            refuse_occupied(folder, stages)
        material = prepare(recipe)
        if processes.leads:
            typer.echo(
                f"{recipe.dataset}: {material.episodes} episodes, {len(material.training)} training windows, "
                f"{len(material.held_out) if material.held_out else 0} held out"
            )
        for stage in stages:
            train_stage(stage, recipe, material, folder, processes, resume)
        if processes.leads and "student" in stages:
            checkpoint = folder / "checkpoint"
            assemble_checkpoint(folder, checkpoint, recipe, material, force=force or resume)
            typer.echo(f"checkpoint: {checkpoint}\nnext: rcd eval {checkpoint} --episodes 20")
