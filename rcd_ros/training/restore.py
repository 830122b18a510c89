"""A checkpoint's critic, built from its manifest."""

from __future__ import annotations

import numpy as np
import torch

from rcd_ros.errors import RcdError
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.planning.checkpoint import Tensors
from rcd_ros.planning.manifest import Manifest


def restore_critic(manifest: Manifest, tensors: Tensors) -> CriticEnsemble:
    """A checkpoint's critic, ready to evaluate.

    Raises:
        RcdError: the manifest does not describe the critic, or the tensors do not fit it.
    """
    if manifest.critic is None:
        raise RcdError(
            "the manifest does not describe the checkpoint's critic (field 'critic'), and neither does its recipe: "
            "train it again"
        )
    condition = manifest.history * manifest.task.observation_size
    critic = CriticEnsemble(condition, manifest.task.command.size, **manifest.critic.architecture())
    try:
        critic.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise RcdError(f"critic.safetensors does not fit the critic in the manifest: {reason}") from error
    return critic.eval()
