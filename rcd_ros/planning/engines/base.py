"""What a planner asks of an inference engine, and the proof that an engine computes what was trained."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.limits import CommandLimits
from rcd_ros.planning.manifest import Manifest

PARITY_TOLERANCE = 1e-4
"""Largest admissible deviation from the reference chunks, as a fraction of the command range."""


class Engine(Protocol):
    """Evaluates the one-step student."""

    @property
    def name(self) -> str:
        """As it is chosen by: "onnxruntime"."""

    def plan(self, observation: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[np.float32]:
        """One evaluation, all normalised.

        Args:
            observation: (history * n_obs,), oldest first.
            noise: (horizon, n_cmd) standard normal.

        Returns:
            The chunk (horizon, n_cmd).
        """

    def close(self) -> None:
        """Release what the engine holds."""


def check_parity(engine: Engine, manifest: Manifest, reference: dict[str, NDArray[np.float32]], source: str) -> float:
    """Compare an engine with reference pairs made in float32 torch: `observation`, `noise` and `chunk`, one per row.

    Returns:
        The largest deviation as a fraction of the command range.

    Raises:
        RcdError: the pairs do not fit the manifest, or the engine is off by more than `PARITY_TOLERANCE`.
    """
    commanded = manifest.task.command.size
    expected = {
        "observation": (manifest.history * manifest.task.observation_size,),
        "noise": (manifest.horizon, commanded),
        "chunk": (manifest.horizon, commanded),
    }
    shapes = {name: tensor.shape[1:] for name, tensor in reference.items()}
    if shapes != expected or len({len(tensor) for tensor in reference.values()}) != 1 or not len(reference["chunk"]):
        raise RcdError(f"{source}: reference pairs have shapes {shapes}, the manifest says {expected}: export it again")
    command_range = CommandLimits(manifest.task.command).range / np.asarray(manifest.normalizer.command_std)
    pairs = zip(reference["observation"], reference["noise"], reference["chunk"], strict=True)
    worst = max(float(np.max(np.abs(engine.plan(o, z) - chunk) / command_range)) for o, z, chunk in pairs)
    if not worst <= PARITY_TOLERANCE:
        raise RcdError(
            f"{source}: engine {engine.name} is off its reference chunks by {worst:.1e} of the command range "
            f"(at most {PARITY_TOLERANCE:.0e} allowed): export the checkpoint again or choose another engine"
        )
    return worst
