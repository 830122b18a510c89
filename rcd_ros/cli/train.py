"""`rcd train`: teacher, critic and student from a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rcd_ros.cli.given import not_with
from rcd_ros.cli.options import MOST_THREADS, grouped
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.training.material import Material
    from rcd_ros.training.recipe import Recipe


@dataclass(frozen=True)
class Running:
    """Where and how the training runs."""

    output: Annotated[
        Path | None,
        typer.Option(help="Folder for weights, metrics and the checkpoint (default: runs/<recipe's name>)."),
    ] = None
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="Where to train; auto: on a GPU where there is one.")
    ] = "auto"
    resume: Annotated[bool, typer.Option("--resume", help="Continue where an interrupted training stopped.")] = False
    force: Annotated[bool, typer.Option("--force", help="Train again over what the output folder holds.")] = False
    threads: Annotated[
        int, typer.Option(min=0, max=MOST_THREADS, help="CPU threads per process; 0 leaves the choice to torch.")
    ] = 0


@grouped
def train(
    context: typer.Context,
    stage: Annotated[
        Literal["teacher", "critic", "student", "all"],
        typer.Argument(help="One of the three, or all: teacher, critic and student one after another."),
    ],
    running: Running,
    recipe: Annotated[
        str | None,
        typer.Argument(help="Recipe, e.g. config/train/kitchen_complete.yaml; none with --task.", show_default=False),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(help="key=value for any key of the recipe, e.g. student.optimizer.steps=2000.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="Train without a recipe, by a default one that is printed: a task file or a task's name."),
    ] = None,
    save_recipe: Annotated[
        Path | None, typer.Option(help="With --task: write the default recipe to this file and train nothing.")
    ] = None,
) -> None:
    """Train the teacher (diffusion planner), the critic (return-to-go) and the student (one-step planner).

    The student needs a teacher in the same output folder, and a critic where the recipe uses one; training it writes
    the checkpoint. The output folder also holds TensorBoard events and metrics as JSON lines.

    Examples:

      rcd train all config/train/kitchen_mixed.yaml

      rcd train all --task config/tasks/push.yaml dataset=rcd/push-v0

      rcd train student config/train/kitchen_mixed.yaml student.advantage=0.3 seed=1 --output runs/mixed-seed1

      torchrun --nproc-per-node 2 -m rcd_ros.cli train teacher config/train/kitchen_mixed.yaml
    """
    import torch

    from rcd_ros.training.recipe_file import load_recipe

    not_with(context, "--save-recipe", save_recipe is not None, "output", "device", "resume", "threads")
    if running.resume and running.force:
        raise RcdError("--resume continues an earlier training, --force replaces it: give one of them")
    if task is not None:
        given = [*([recipe] if recipe else []), *(overrides or [])]
        chosen = _default(task, given, save_recipe, running.force)
        if save_recipe is not None:
            return
    elif recipe is None or save_recipe is not None:
        raise RcdError("name a recipe, e.g. config/train/kitchen_complete.yaml, or a task with --task and dataset=NAME")
    else:
        chosen = load_recipe(Path(recipe), overrides or [])
    if running.threads:
        torch.set_num_threads(running.threads)
    stages = chosen.stages if stage == "all" else (stage,)
    _train(chosen, stages, running, None if task is not None else recipe)


def _train(chosen: Recipe, stages: Sequence[str], running: Running, file: str | None) -> None:
    """Train stages of a recipe, which was read from `file`; this process may be one of several."""
    from rcd_ros.data.storage.folders import dataset_folder
    from rcd_ros.evaluation.reward_choice import choice_name, train_choices
    from rcd_ros.training.material import prepare
    from rcd_ros.training.preflight import check_output, check_training, known_hazards
    from rcd_ros.training.processes import join_processes
    from rcd_ros.training.stages import train_stage

    folder = running.output or Path("runs") / chosen.name
    choices = chosen.student.reward_choices
    with join_processes(running.device) as processes:
        if processes.leads:
            inputs = [file, chosen.task, dataset_folder(chosen.dataset)]
            made = [*stages, *map(choice_name, choices if "student" in stages else ())]
            check_output(folder, made, inputs, running.resume, running.force)
        material = prepare(chosen)
        if processes.leads:
            check_training(chosen.most_rewarded, material, stages, folder, running.resume)
            typer.echo(
                f"{chosen.dataset}: {_episodes(material, chosen.horizon)}, {len(material.training)} training windows, "
                f"{len(material.held_out) if material.held_out else 0} held out"
            )
            for sentence in known_hazards(chosen.most_rewarded, material) if "student" in stages else ():
                typer.echo(f"warning: {sentence}", err=True)
        for name in stages:
            if name == "student" and choices:
                train_choices(chosen, material, folder, processes, running.resume)
            else:
                train_stage(name, chosen, material, folder, processes, running.resume)
        if processes.leads and "student" in stages:
            _finish(chosen, material, folder, force=running.force or running.resume)


def _finish(chosen: Recipe, material: Material, folder: Path, force: bool) -> None:
    """Make the checkpoint, of the best student where there are several."""
    from rcd_ros.cli.output import print_choice
    from rcd_ros.evaluation.reward_choice import choose_reward
    from rcd_ros.training.export import assemble_checkpoint
    from rcd_ros.training.preflight import CHECKPOINT

    checkpoint = folder / CHECKPOINT
    if chosen.student.reward_choices:
        print_choice(choose_reward(chosen, material, folder, force))
    else:
        assemble_checkpoint(folder, checkpoint, chosen, material, force=force)
    typer.echo(f"checkpoint: {checkpoint}\nnext: rcd eval {checkpoint} --episodes 20")


def _default(task: str, overrides: list[str], save: Path | None, force: bool) -> Recipe:
    """The default recipe for a task and its data, printed so that it can be saved and changed."""
    from rcd_ros.data.storage.datasets import load_dataset
    from rcd_ros.data.storage.folders import dataset_folder
    from rcd_ros.outputs import claim_all
    from rcd_ros.tasks.catalogue import get_task
    from rcd_ros.training.default_recipe import default_recipe, describe_choice
    from rcd_ros.training.recipe_file import make_recipe

    names = [each.partition("=")[2] for each in overrides if each.startswith("dataset=")]
    files = [each for each in overrides if "=" not in each]
    if files:
        raise RcdError(f"give a recipe or --task, not both: got '{files[0]}' and --task {task}")
    if not names:
        raise RcdError("say what to learn from: dataset=NAME, one of `rcd data list`")
    spec, dataset = get_task(task).spec, load_dataset(names[-1])
    claim_all({"--save-recipe": save}, [task, dataset_folder(names[-1])], force)
    content = default_recipe(task, spec, dataset)
    text = describe_choice(spec, dataset, content)
    typer.echo(text, nl=False)
    if save is not None:
        save.write_text(text)
        typer.echo(f"\nwrote {save}; next: rcd train all {save}")
    return make_recipe(content, overrides, "default")


def _episodes(material: Material, horizon: int) -> str:
    """How many episodes are learned from, and how many are too short for that."""
    if not material.too_short:
        return f"{material.episodes} episodes"
    used = material.episodes - material.too_short
    return f"{used} of {material.episodes} episodes (the others are shorter than the horizon, {horizon} steps)"
