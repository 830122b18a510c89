"""A checkpoint whose teacher is a real, if tiny and untrained, network beside the linear student."""

from __future__ import annotations

from pathlib import Path

import torch

from rcd_ros.networks.build import build_network
from rcd_ros.planning.checkpoint import add_files
from rcd_ros.planning.manifest import Manifest
from tests.planning.tiny import write_tiny

NETWORK = {"kind": "residual_mlp", "width": 8, "blocks": 1, "embedding": 8}


def write_tiny_with_teacher(folder: Path, manifest: Manifest) -> Manifest:
    """Write the checkpoint; its student moves a kitchen's arm a little and completes nothing."""
    manifest = manifest.model_copy(update={"network": NETWORK})
    write_tiny(folder, manifest, gain=0.01)
    torch.manual_seed(0)
    teacher = build_network(
        NETWORK,
        horizon=manifest.horizon,
        actions=manifest.task.command.size,
        condition=manifest.history * manifest.task.observation_size,
        jumps=False,
    )
    weights = {name: torch.randn_like(value).numpy() for name, value in teacher.state_dict().items()}
    return add_files(folder, tensors={"teacher": weights})
