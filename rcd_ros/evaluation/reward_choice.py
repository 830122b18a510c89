"""The weight of the reward, chosen by the data: a student with each, the best in a model of the dynamics is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

from rcd_ros.choices import ROLLOUTS
from rcd_ros.data.storage.datasets import load_dataset
from rcd_ros.evaluation.choice import Choice, check_alike, judge_planners
from rcd_ros.outputs import write_json
from rcd_ros.planning.checkpoint import verify
from rcd_ros.progress import progress_bar
from rcd_ros.training.dynamics import FitSettings
from rcd_ros.training.export import assemble_checkpoint
from rcd_ros.training.material import Material
from rcd_ros.training.preflight import CHECKPOINT
from rcd_ros.training.processes import Processes
from rcd_ros.training.recipe import Recipe
from rcd_ros.training.stages import train_stage

REPORT = "reward_choice.json"
"""What the choice was made by, beside the checkpoint."""


def train_choices(recipe: Recipe, material: Material, folder: Path, processes: Processes, resume: bool) -> None:
    """Train a student with each of `student.reward_choices`, in a folder of its own.

    Args:
        recipe: with choices.
        material: what it learns from.
        folder: which has teacher and critic.
        processes: that train together.
        resume: go on where an interrupted training stopped.

    Raises:
        RcdError: teacher or critic have not been trained, or training fails.
    """
    for weight in dict.fromkeys(recipe.student.reward_choices):
        own = folder / choice_name(weight)
        if processes.leads:
            own.mkdir(exist_ok=True)
            for stage in ("teacher", "critic"):
                if (trained := folder / f"{stage}.safetensors").is_file():
                    shutil.copy2(trained, own)
        processes.wait()
        train_stage("student", recipe.with_reward(weight), material, own, processes, resume)


def choose_reward(recipe: Recipe, material: Material, folder: Path, force: bool) -> Choice:
    """Let the students of `train_choices` drive a model of the dynamics, and make the best one's checkpoint.

    Of weights that return the same the smallest is chosen.

    Raises:
        RcdError: the data cannot be learned from, or there is a checkpoint and `force` is false.
    """
    weights = {choice_name(weight): weight for weight in sorted(set(recipe.student.reward_choices))}
    checkpoints = {name: folder / name / CHECKPOINT for name in weights}
    manifests = {
        checkpoint: assemble_checkpoint(
            checkpoint.parent, checkpoint, recipe.with_reward(weights[name]), material, True
        )
        for name, checkpoint in checkpoints.items()
    }
    check_alike(manifests, recipe.execute)
    settings = FitSettings(seed=recipe.seed)
    with progress_bar(total=settings.steps, desc="learning the dynamics", unit="step") as bar:
        choice = judge_planners(
            {name: [checkpoint] for name, checkpoint in checkpoints.items()},
            {checkpoint: verify(checkpoint) for checkpoint in manifests},
            load_dataset(recipe.dataset),
            recipe.execute,
            ROLLOUTS,
            settings,
            bar.update,
        )
    chosen = choice.chosen.label
    shutil.copy2(folder / chosen / "student.safetensors", folder)
    assemble_checkpoint(folder, folder / CHECKPOINT, recipe.with_reward(weights[chosen]), material, force)
    write_json(folder / REPORT, choice.as_json())
    return choice


def choice_name(weight: float) -> str:
    """Of a choice's folder."""
    return f"reward-{weight:g}"
