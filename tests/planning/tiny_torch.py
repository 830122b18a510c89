"""A checkpoint of an untrained torch network with random weights, exported as training does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from rcd_ros.planning.checkpoint import write_checkpoint
from rcd_ros.planning.engines.choose import STUDENT
from rcd_ros.planning.engines.torch_modules import build_planner, one_step
from rcd_ros.planning.manifest import Manifest
from rcd_ros.training.export import reference_pairs, student_graph
from tests.planning.tiny import tiny_manifest

RESIDUAL_MLP: dict[str, Any] = {"kind": "residual_mlp", "width": 16, "blocks": 2, "embedding": 8}
TEMPORAL_UNET: dict[str, Any] = {"kind": "temporal_unet", "widths": [8, 16], "embedding": 8}


def write_torch(folder: Path, network: dict[str, Any]) -> Manifest:
    """Write a checkpoint of `network`; every weight is random, so that none is left out unnoticed."""
    manifest = tiny_manifest().model_copy(update={"network": network})
    raw = build_planner(manifest, "student")
    generator = torch.Generator().manual_seed(0)
    weights = {key: 0.2 * torch.randn(value.shape, generator=generator) for key, value in raw.state_dict().items()}
    tensors = {key: value.numpy() for key, value in weights.items()}
    planner = one_step(manifest, tensors)
    return write_checkpoint(
        folder,
        manifest,
        {"student": tensors, "reference": reference_pairs(planner, manifest)},
        {STUDENT: student_graph(planner, manifest)},
    )
