"""The stages of a training, from windows to weights: teacher, critic, student, each built on those before it."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from rcd_ros.data.windows.batches import SAMPLED
from rcd_ros.errors import RcdError
from rcd_ros.networks.build import build_network, start_from
from rcd_ros.networks.critic import CriticEnsemble, DeterministicActor
from rcd_ros.planning.manifest import CriticSpec
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.training.actor_critic import ActorCritic, ActorCriticObjective
from rcd_ros.training.critic import CriticObjective
from rcd_ros.training.loop import train
from rcd_ros.training.material import Material, critic_steps
from rcd_ros.training.method import (
    Objective,
    StudentObjective,
    TeacherObjective,
    critic_slope,
    reward_unit,
    step_weights,
)
from rcd_ros.training.processes import Processes
from rcd_ros.training.recipe import Recipe
from rcd_ros.training.state import read_tensors, save_tensors

NetworkT = TypeVar("NetworkT", bound=nn.Module)


def train_stage(
    stage: str, recipe: Recipe, material: Material, folder: Path, processes: Processes, resume: bool
) -> None:
    """Train one stage into `folder/<stage>/` and write its averaged weights to `folder/<stage>.safetensors`.

    Raises:
        RcdError: a stage that this one builds on has not been trained, or training fails.
    """
    torch.manual_seed(recipe.seed)
    objective = _load_objective(stage, recipe, material, folder)
    optimizers = {"teacher": recipe.teacher.optimizer, "critic": recipe.critic.optimizer}
    options = optimizers.get(stage, recipe.student.optimizer)
    stage_folder = folder / stage
    stage_folder.mkdir(parents=True, exist_ok=True)
    judged = stage == "critic"
    kept = train(
        objective,
        material.scored if judged else material.training,
        material.scored_held_out if judged else material.held_out,
        options,
        stage_folder,
        seed=recipe.seed,
        fingerprint=fingerprint(stage, recipe, material),
        label=stage,
        processes=processes,
        resume=resume,
    )
    if processes.leads:
        save_tensors(folder / f"{stage}.safetensors", kept.state_dict(), {})
    processes.wait()


def build_planner_network(recipe: Recipe, spec: TaskSpec, jumps: bool) -> nn.Module:
    """The recipe's network F for the task's chunks; with `jumps`, a student's."""
    try:
        return build_network(
            recipe.network.model_dump(),
            horizon=recipe.horizon,
            actions=spec.command.size,
            condition=recipe.history * spec.observation_size,
            jumps=jumps,
        )
    except ValueError as error:
        raise RcdError(f"recipe '{recipe.name}', network: {error}") from error


def build_critic(recipe: Recipe, spec: TaskSpec) -> CriticEnsemble:
    """The recipe's critic ensemble, untrained."""
    condition = recipe.history * spec.observation_size
    return CriticEnsemble(condition, spec.command.size, **critic_spec(recipe).architecture())


def critic_spec(recipe: Recipe) -> CriticSpec:
    """The recipe's critic as a manifest describes it."""
    critic = recipe.critic
    return CriticSpec(
        members=critic.members,
        steps=critic_steps(recipe),
        stride=critic.chunk_stride,
        widths=critic.widths,
        dropout=critic.dropout,
        discount=recipe.discount,
    )


def load_stage(folder: Path, stage: str, network: NetworkT) -> NetworkT:
    """Load what an earlier stage left in `folder`.

    Raises:
        RcdError: it left nothing, or something of another shape.
    """
    path = folder / f"{stage}.safetensors"
    if not path.is_file():
        raise RcdError(f"no {stage} in '{folder}': run `rcd train {stage}` with this recipe first")
    tensors, _ = read_tensors(path)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise RcdError(f"the {stage} in '{folder}' was made by another recipe: {reason}") from error
    return network.eval()


def fingerprint(stage: str, recipe: Recipe, material: Material) -> str:
    """Identifies what a stage's weights follow from: its part of the recipe, the stages below it and the data."""
    below = recipe.stages[: recipe.stages.index(stage) + 1]
    above = {s for s in recipe.stages if s not in below}
    unused = {"name", "notes", *above}
    if stage != "student" or recipe.student.executed_share is None:
        unused.add("execute")
    sections = recipe.model_dump(mode="json", exclude=unused)
    return hashlib.sha256(json.dumps([sections, material.dataset_hash], sort_keys=True).encode()).hexdigest()


def critic_objective(recipe: Recipe, material: Material) -> CriticObjective | ActorCriticObjective:
    """What trains the critic, and the policy that it follows where it follows one."""
    critic = build_critic(recipe, material.spec)
    critic.calibrate(material.return_mean, material.return_std)
    if recipe.critic.target != "policy":
        return CriticObjective(critic, recipe.critic)
    condition = recipe.history * material.spec.observation_size
    actor = DeterministicActor(condition, material.bounds, critic_steps(recipe), recipe.critic.widths)
    return ActorCriticObjective(ActorCritic(critic, actor), recipe.critic)


def student_objective(
    recipe: Recipe, material: Material, teacher: nn.Module, critic: CriticEnsemble | None
) -> StudentObjective:
    """What trains a student that starts from the teacher's weights; `critic` None: nothing is rewarded."""
    student = build_planner_network(recipe, material.spec, jumps=True)
    start_from(student, teacher)
    slope = math.nan
    if critic is not None and recipe.student.reward_scale == "shift":
        windows = material.training
        slope = critic_slope(critic.eval(), windows.draw(torch.randint(0, len(windows), (SAMPLED,))))
    return StudentObjective(
        student,
        teacher,
        critic,
        recipe.student,
        recipe.noise,
        material.bounds,
        step_weights(recipe),
        reward_unit(recipe, material.return_range, slope),
    )


def _load_objective(stage: str, recipe: Recipe, material: Material, folder: Path) -> Objective[nn.Module]:
    """What trains a stage, on top of the stages that `folder` holds."""
    if stage == "critic":
        return critic_objective(recipe, material)
    teacher = build_planner_network(recipe, material.spec, jumps=False)
    if stage == "teacher":
        weigher = None
        if recipe.teacher.advantage:
            weigher = load_stage(folder, "critic", build_critic(recipe, material.spec))
        return TeacherObjective(teacher, recipe.noise, weigher, recipe.teacher.advantage)
    load_stage(folder, "teacher", teacher)
    judge = None
    if recipe.student.reward or recipe.student.advantage or (folder / "critic.safetensors").is_file():
        judge = load_stage(folder, "critic", build_critic(recipe, material.spec))
    return student_objective(recipe, material, teacher, judge)
