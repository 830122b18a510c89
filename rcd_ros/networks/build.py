"""From a recipe's or manifest's network section to a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from rcd_ros.networks.residual_mlp import ResidualMLP
from rcd_ros.networks.spline_mlp import SplineMLP
from rcd_ros.networks.temporal_unet import TemporalUnet

NETWORKS: dict[str, type[nn.Module]] = {
    "residual_mlp": ResidualMLP,
    "spline_mlp": SplineMLP,
    "temporal_unet": TemporalUnet,
}


def build_network(
    description: Mapping[str, Any], *, horizon: int, actions: int, condition: int, jumps: bool
) -> nn.Module:
    """Build F for chunks (horizon, actions) and a flattened observation history of length `condition`.

    Args:
        description: `kind` and that network's own arguments.
        jumps: True for a student, which also takes the level it lands on.

    Raises:
        ValueError: an unknown kind, or a shape that the network cannot serve.
    """
    arguments = dict(description)
    kind = arguments.pop("kind", None)
    if kind not in NETWORKS:
        raise ValueError(f"unknown network kind '{kind}'; known: {', '.join(NETWORKS)}")
    return NETWORKS[kind](horizon=horizon, actions=actions, condition=condition, jumps=jumps, **arguments)


def start_from(student: nn.Module, teacher: nn.Module) -> None:
    """Load a student with its teacher's weights; only the landing level's embedding keeps its own (zero) start."""
    missing, unexpected = student.load_state_dict(teacher.state_dict(), strict=False)
    foreign = [name for name in missing if ".landing." not in name] + list(unexpected)
    if foreign:
        raise ValueError(f"teacher and student differ beyond the landing embedding: {foreign[:3]}")
