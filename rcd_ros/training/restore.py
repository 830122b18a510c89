"""A checkpoint's recipe, and the critic that is built from it."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import ValidationError

from rcd_ros.errors import RcdError
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.planning.checkpoint import Tensors
from rcd_ros.planning.manifest import Manifest
from rcd_ros.training.pipeline import build_critic
from rcd_ros.training.recipe import Recipe, describe_errors


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
            f"the checkpoint's critic cannot be built from the recipe in its manifest ({problem}): "
            "use the version of rcd_ros that made it, or train it again"
        ) from error


def restore_critic(manifest: Manifest, tensors: Tensors) -> CriticEnsemble:
    """A checkpoint's critic, ready to evaluate.

    Raises:
        RcdError: the recipe in the manifest cannot be used, or the tensors do not fit it.
    """
    critic = build_critic(recipe_of(manifest), manifest.task)
    try:
        critic.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise RcdError(f"critic.safetensors does not fit the recipe in the manifest: {reason}") from error
    return critic.eval()
