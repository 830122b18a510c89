"""The networks of a checkpoint in torch, as they were trained."""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np
import torch
from pydantic import ValidationError
from torch import nn

from rcd_ros.errors import RcdError
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.planning.checkpoint import Tensors
from rcd_ros.planning.manifest import Manifest
from rcd_ros.training.pipeline import build_critic, build_planner_network
from rcd_ros.training.recipe import Recipe, describe_errors

PlannerKind = Literal["student", "teacher"]
NetworkT = TypeVar("NetworkT", bound=nn.Module)


def recipe_of(manifest: Manifest) -> Recipe:
    """The recipe that a checkpoint was made by.

    Raises:
        RcdError: the manifest's copy of it is incomplete, or of a version that this rcd_ros does not know.
    """
    try:
        return Recipe.model_validate(manifest.provenance.recipe)
    except ValidationError as error:
        problem = describe_errors(error, Recipe)
        raise RcdError(
            f"the checkpoint's networks cannot be built from the recipe in its manifest ({problem}): "
            "use the version of rcd_ros that made it, or train it again"
        ) from error


def restore_planner(manifest: Manifest, kind: PlannerKind, tensors: Tensors) -> nn.Module:
    """A checkpoint's student or teacher, ready to evaluate.

    Raises:
        RcdError: the recipe in the manifest cannot be used, or the tensors do not fit it.
    """
    network = build_planner_network(recipe_of(manifest), manifest.task, jumps=kind == "student")
    return _load(network, kind, tensors)


def restore_critic(manifest: Manifest, tensors: Tensors) -> CriticEnsemble:
    """A checkpoint's critic, ready to evaluate.

    Raises:
        RcdError: the recipe in the manifest cannot be used, or the tensors do not fit it.
    """
    return _load(build_critic(recipe_of(manifest), manifest.task), "critic", tensors)


def _load(network: NetworkT, stem: str, tensors: Tensors) -> NetworkT:
    try:
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise RcdError(f"{stem}.safetensors does not fit the recipe in the manifest: {reason}") from error
    return network.eval()
