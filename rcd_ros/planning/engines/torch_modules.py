"""The networks of a checkpoint as torch modules, built from its manifest."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from rcd_ros.errors import RcdError
from rcd_ros.generative.consistency import OneStep
from rcd_ros.generative.edm import ConditionalDenoiser
from rcd_ros.networks.build import build_network
from rcd_ros.planning.checkpoint import Tensors
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.representation import OBSERVATION_CLIP, Normalizer

PlannerKind = Literal["student", "teacher"]


class PhysicalPlanner(nn.Module):
    """A normalised planner, from observations to commands in physical units.

    Inference engines differ in how they clip NaN: the caller checks for NaN before and after.
    """

    observation_mean: Tensor
    observation_std: Tensor
    command_mean: Tensor
    command_std: Tensor

    def __init__(self, planner: nn.Module, normalizer: Normalizer) -> None:
        super().__init__()
        self.planner = planner
        for name in ("observation_mean", "observation_std", "command_mean", "command_std"):
            self.register_buffer(name, torch.from_numpy(getattr(normalizer, name)))

    def forward(self, history: Tensor, noise: Tensor) -> Tensor:
        """history (B, h, n_obs), oldest first, and standard normal noise (B, H, A) -> commands (B, H, A)."""
        observation = (history - self.observation_mean) / self.observation_std
        observation = observation.clamp(-OBSERVATION_CLIP, OBSERVATION_CLIP).flatten(1)
        chunk: Tensor = self.planner(observation, noise)
        return chunk * self.command_std + self.command_mean


def build_planner(manifest: Manifest, kind: PlannerKind) -> nn.Module:
    """The raw network F that the manifest describes, untrained.

    Raises:
        RcdError: there is no such network in this version.
    """
    try:
        return build_network(
            manifest.network,
            horizon=manifest.horizon,
            actions=manifest.task.command.size,
            condition=manifest.history * manifest.task.observation_size,
            jumps=kind == "student",
        )
    except (ValueError, TypeError, RuntimeError, MemoryError, OverflowError) as error:  # torch's own: sizes, memory
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RcdError(
            f"the network in the manifest cannot be built ({reason}): use the version of rcd_ros that made the "
            "checkpoint, or train it again"
        ) from error


def restore_planner(manifest: Manifest, kind: PlannerKind, tensors: Tensors) -> nn.Module:
    """A checkpoint's raw student or teacher F, ready to evaluate.

    Raises:
        RcdError: the network in the manifest cannot be built, or the tensors do not fit it.
    """
    network = build_planner(manifest, kind)
    try:
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise RcdError(f"{kind}.safetensors does not fit the network in the manifest: {reason}") from error
    return network.eval()


def one_step(manifest: Manifest, student: Tensors) -> PhysicalPlanner:
    """A checkpoint's student with its normaliser.

    Raises:
        RcdError: as `restore_planner`.
    """
    noise = manifest.noise
    network = restore_planner(manifest, "student", student)
    planner = OneStep(network, noise.sigma_data, noise.sigma_min, noise.sigma_max)
    return PhysicalPlanner(planner, Normalizer(manifest.normalizer)).eval()


def denoiser(manifest: Manifest, teacher: Tensors) -> ConditionalDenoiser:
    """What a diffusion planner runs at every step: D(x (B, H, A), sigma (B,), observation (B, C)) -> (B, H, A).

    Raises:
        RcdError: as `restore_planner`.
    """
    return ConditionalDenoiser(restore_planner(manifest, "teacher", teacher), manifest.noise.sigma_data).eval()
