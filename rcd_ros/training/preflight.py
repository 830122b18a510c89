"""Everything that can be known is checked before the first step of the first stage.

A training takes hours: what would end it, or keep its checkpoint from being written, is said at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from rcd_ros.errors import RcdError
from rcd_ros.networks.build import start_from
from rcd_ros.outputs import check_folder, keep_apart
from rcd_ros.planning.checkpoint import check_target
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.training.critic import CriticObjective
from rcd_ros.training.loop import LAST
from rcd_ros.training.objective import Objective
from rcd_ros.training.pipeline import (
    Material,
    build_critic,
    build_planner_network,
    fingerprint,
    refuse_occupied,
    reward_unit,
    step_weights,
)
from rcd_ros.training.recipe import Recipe
from rcd_ros.training.state import read_metadata
from rcd_ros.training.student import StudentObjective
from rcd_ros.training.teacher import TeacherObjective

MOST_PARAMETERS = 1_000_000_000
"""Of one network: with its average and the optimiser's state, that is 16 GB."""
CHECKPOINT = "checkpoint"


def check_output(
    folder: Path, stages: Sequence[str], inputs: Sequence[str | Path | None], resume: bool, force: bool
) -> None:
    """Make sure that the stages can be written to a folder, and the checkpoint where there will be one.

    Args:
        folder: of the training.
        stages: what will be trained.
        inputs: files and folders that are read.
        resume: an earlier training is continued.
        force: an earlier training is replaced.

    Raises:
        RcdError: an output is an input, an earlier training is neither continued nor replaced, a stage that another
            one builds on is missing, or the folder cannot be written.
    """
    written = [*stages, *(f"{stage}.safetensors" for stage in stages)]
    written += [CHECKPOINT] if "student" in stages else []
    keep_apart({f"--output ({name})": folder / name for name in written}, inputs)
    check_folder(folder)
    if not resume and not force:
        refuse_occupied(folder, stages)
    for name in written:
        path, is_file = folder / name, name.endswith(".safetensors")
        if path.exists() and path.is_file() != is_file:
            raise RcdError(f"'{path}' is no {'file' if is_file else 'folder'}: choose another --output")
    if "student" in stages:
        check_target(folder / CHECKPOINT, force or resume)
        if "teacher" not in stages and not (folder / "teacher.safetensors").is_file():
            raise RcdError(f"no teacher in '{folder}': run `rcd train teacher` with this recipe first")


def check_training(
    recipe: Recipe, material: Material, stages: Sequence[str], folder: Path, resume: bool = False
) -> None:
    """Take every stage's loss once, of two windows and untrained networks; nothing is changed by it.

    Raises:
        RcdError: a network cannot be built or is too large, a loss cannot be computed or is not finite, a reward is
            weighed that no episode has, or the state to resume from belongs to another recipe.
    """
    if resume:
        for stage in stages:
            _check_state(folder / stage / LAST, fingerprint(stage, recipe, material))
    _check_sizes(recipe, material.spec)
    if "student" in stages or recipe.teacher.advantage:
        _check_returns(recipe, material)
    if "student" in stages:
        import onnxscript  # noqa: F401  the graph is exported at the very end: what is missing for it is said now
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for stage in stages:
            _check_loss(stage, recipe, material)


def _check_returns(recipe: Recipe, material: Material) -> None:
    student, teacher = recipe.student, recipe.teacher
    weights = {
        "student.reward": student.reward,
        "student.advantage": student.advantage,
        "teacher.advantage": teacher.advantage,
    }
    low, high = material.return_range
    weighed = [f"{name}={weight:g}" for name, weight in weights.items() if weight]
    if weighed and high == low:
        raise RcdError(
            f"recipe '{recipe.name}' has {' and '.join(weighed)}, but all steps of '{recipe.dataset}' have the same "
            "return: nothing is better than anything else; label what succeeded (`rcd data import --success`), or set "
            "0 to imitate"
        )


def _check_loss(stage: str, recipe: Recipe, material: Material) -> None:
    windows = material.scored if stage == "critic" else material.training
    try:
        loss, _ = _untrained(stage, recipe, material)(windows.select(torch.arange(min(2, len(windows)))))
    except (ValueError, RuntimeError, TypeError, OverflowError, MemoryError) as error:
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise RcdError(f"recipe '{recipe.name}': the {stage} cannot be trained: {reason}") from error
    if not bool(torch.isfinite(loss.detach())):
        raise RcdError(
            f"recipe '{recipe.name}': the loss of the {stage} is {float(loss.detach())} before the first step: look "
            "for very large or very small values in the recipe and in the data"
        )


def _untrained(stage: str, recipe: Recipe, material: Material) -> Objective:
    spec = material.spec
    if stage == "critic":
        return CriticObjective(build_critic(recipe, spec), recipe.critic)
    teacher = build_planner_network(recipe, spec, jumps=False)
    if stage == "teacher":
        return TeacherObjective(teacher, recipe.noise, build_critic(recipe, spec), recipe.teacher.advantage)
    student = build_planner_network(recipe, spec, jumps=True)
    start_from(student, teacher)
    return StudentObjective(
        student,
        teacher,
        build_critic(recipe, spec),
        recipe.student,
        recipe.noise,
        material.bounds,
        step_weights(recipe),
        reward_unit(recipe, material.return_range),
    )


def _check_sizes(recipe: Recipe, spec: TaskSpec) -> None:
    """Refuse networks that no machine of this trade trains, before they take its memory."""
    with torch.device("meta"):
        networks: dict[str, nn.Module] = {"critic": build_critic(recipe, spec)}
        if recipe.network.kind != "spline_mlp":  # it fits splines when it is made, which needs values
            networks["network"] = build_planner_network(recipe, spec, jumps=True)
    for name, network in networks.items():
        count = sum(parameter.numel() for parameter in network.parameters())
        if count > MOST_PARAMETERS:
            raise RcdError(f"recipe '{recipe.name}': its {name} has {count:,} parameters: make it smaller")


def _check_state(path: Path, expected: str) -> None:
    if path.is_file() and read_metadata(path).get("fingerprint") != expected:
        raise RcdError(
            f"'{path}' was made by another recipe or data set: continue with the same one, or choose another --output"
        )
