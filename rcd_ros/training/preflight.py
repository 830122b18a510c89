"""What is checked before the first step of the first stage: output folder, networks, losses, known hazards.

A training takes hours: what would end it, or keep its checkpoint from being written, is found first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from rcd_ros.errors import RcdError
from rcd_ros.outputs import check_folder, keep_apart
from rcd_ros.planning.checkpoint import check_target
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.training.loop import LAST
from rcd_ros.training.material import Material, critic_steps
from rcd_ros.training.method import Objective, TeacherObjective, executed_weight, reward_unit
from rcd_ros.training.recipe import Recipe
from rcd_ros.training.stages import (
    build_critic,
    build_planner_network,
    critic_objective,
    fingerprint,
    student_objective,
)
from rcd_ros.training.state import read_metadata

MOST_PARAMETERS = 1_000_000_000
"""Of one network: with its average and the optimiser's state, that is 16 GB."""
CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class KnownPull:
    """How hard a critic's gradient can pull a student before it is exploited.

    Attributes:
        largest: `pull` that raised the score on every Hopper data set tried; 0: none did.
        measured: what was seen around it.
    """

    largest: float
    measured: str


KNOWN_PULLS = {
    "returns": KnownPull(0.1, "33.9 points at 0.066, 15.1 at 0.22, 18.6 without reward"),
    "expectile": KnownPull(0.3, "28.7 points at 0.3, 21.6 at 1, 17.9 without reward"),
    "policy": KnownPull(0.0, "8.6 points at 0.1, 17.9 without reward"),
}
"""By the critic's target."""


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
        _check_unoccupied(folder, stages)
    for name in written:
        path, is_file = folder / name, name.endswith(".safetensors")
        if path.exists() and path.is_file() != is_file:
            raise RcdError(f"'{path}' is no {'file' if is_file else 'folder'}: choose another --output")
    if "student" in stages:
        check_target(folder / CHECKPOINT, force or resume)
        if "teacher" not in stages and not (folder / "teacher.safetensors").is_file():
            raise RcdError(f"no teacher in '{folder}': run `rcd train teacher` with this recipe first")


def _check_unoccupied(folder: Path, stages: Sequence[str]) -> None:
    checkpoint = (CHECKPOINT,) if "student" in stages else ()
    for name in (*stages, *checkpoint):
        if (folder / name).exists():
            raise RcdError(
                f"'{folder / name}' holds an earlier training: pass --resume to continue it, --force to replace it, "
                "or another --output"
            )


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
        loss, _ = _untrained(stage, recipe, material)(windows.draw(torch.arange(min(2, len(windows)))))
    except (ValueError, RuntimeError, TypeError, OverflowError, MemoryError) as error:
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise RcdError(f"recipe '{recipe.name}': the {stage} cannot be trained: {reason}") from error
    if not bool(torch.isfinite(loss.detach())):
        raise RcdError(
            f"recipe '{recipe.name}': the loss of the {stage} is {float(loss.detach())} before the first step: look "
            "for very large or very small values in the recipe and in the data"
        )


def _untrained(stage: str, recipe: Recipe, material: Material) -> Objective[nn.Module]:
    if stage == "critic":
        return critic_objective(recipe, material)
    critic = build_critic(recipe, material.spec)
    teacher = build_planner_network(recipe, material.spec, jumps=False)
    if stage == "teacher":
        return TeacherObjective(teacher, recipe.noise, critic, recipe.teacher.advantage)
    return student_objective(recipe, material, teacher, critic)


def _check_sizes(recipe: Recipe, spec: TaskSpec) -> None:
    """Refuse networks that are too large to train, before they are allocated."""
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


def known_hazards(recipe: Recipe, material: Material) -> list[str]:
    """What is known to go wrong with a recipe's student on these data, one sentence each."""
    return hazards(recipe, reward_unit(recipe, material.return_range), executed_weight(recipe))


def pull(recipe: Recipe, unit: float, executed_weight: float) -> float:
    """The reward's weight, in standard deviations of the return, beside that of DSM on an executed step.

    Args:
        recipe: with `student.dsm` above 0.
        unit: weight of the standardised return that `student.reward` = 1 stands for.
        executed_weight: how much an executed step counts in DSM where the mean over the chunk is 1.
    """
    return recipe.student.reward * unit / (recipe.student.dsm * executed_weight)


def hazards(recipe: Recipe, unit: float, executed_weight: float) -> list[str]:
    """One sentence for each setting that is known to be exploited: which one, what was measured, what to do.

    Args:
        recipe: to be trained.
        unit: as for `pull`; NaN where it follows from a critic that is not trained yet.
        executed_weight: likewise.
    """
    student, steps = recipe.student, critic_steps(recipe)
    if not student.reward:
        return []
    found = []
    if steps > 1 and not student.trust_region:
        found.append(
            f"student.reward {student.reward:g} follows the gradient of a critic that sees {steps} actions "
            f"(critic.chunk_steps), which students exploit: on Hopper 2.2 points with 16, 28.3 with 1; set "
            "critic.chunk_steps=1, or student.reward=0 and student.advantage"
        )
    if not student.dsm:
        found.append(
            "student.dsm 0 leaves nothing to hold a rewarded student near the data: the paper measured 1.5 points in "
            "place of 108; set student.dsm=1"
        )
    else:
        found += _too_hard(recipe, pull(recipe, unit, executed_weight))
    return found


def _too_hard(recipe: Recipe, found: float) -> list[str]:
    """A sentence where a pull, NaN where it is not known yet, is harder than any that is known to work."""
    known, reward = KNOWN_PULLS[recipe.critic.target], recipe.student.reward
    if known.largest and not found > known.largest:
        return []
    strength = "" if math.isnan(found) else f" {found:.2g} times as hard as student.dsm holds it"
    advice = (
        f"student.reward={known.largest / found * reward:.2g} or less" if known.largest else "critic.target=expectile"
    )
    return [
        f"student.reward {reward:g} pulls an executed step{strength}, which students may exploit: on Hopper, with "
        f"critic.target={recipe.critic.target}, {known.measured}; set {advice}"
    ]
