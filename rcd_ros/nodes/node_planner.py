"""What the planner node asks of whatever plans for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.manifest import NormalizerSpec
from rcd_ros.planning.spec import TaskSpec


class Engine(Protocol):
    """What evaluates the network."""

    @property
    def name(self) -> str:
        """As it is chosen by: "onnxruntime"."""

    @property
    def choice(self) -> Mapping[str, tuple[float, float]] | None:
        """Measured p50 and p99 (ms) of each engine among which it was chosen; None when it was asked for."""


class NodePlanner(Protocol):
    """Plans chunks for `spec` from histories of observations. The planning thread calls it, one call at a time."""

    @property
    def spec(self) -> TaskSpec:
        """The task it plans for."""

    @property
    def history(self) -> int:
        """Observations that it plans from."""

    @property
    def horizon(self) -> int:
        """Control periods that a chunk covers."""

    @property
    def normalizer(self) -> NormalizerSpec:
        """Statistics of what it was trained on."""

    @property
    def execute(self) -> int:
        """Control periods that its plans are followed by default."""

    @property
    def nfe(self) -> int:
        """Network evaluations a plan."""

    @property
    def seed(self) -> int:
        """Seed of its noise."""

    @property
    def counter(self) -> int:
        """Counter of the next plan's noise."""

    @property
    def sha256(self) -> str:
        """Hash of its checkpoint."""

    @property
    def engine(self) -> Engine:
        """What evaluates its network."""

    def warm_up(self) -> None:
        """Plan until the times settle, and leave seed and counter as they were."""

    def plan(self, history: NDArray[np.float64]) -> NDArray[np.float64]:
        """Commands (horizon, n_cmd) for observations (history, n_obs), both in physical units.

        Raises:
            RcdError: it has no plan for them.
        """

    def reset(self, seed: int) -> None:
        """Start the noise of another seed from its beginning."""

    def prepare(self) -> None:
        """Do ahead of time what the next plan needs and no observation is needed for."""

    def rehearse(self) -> None:
        """Touch what the next plan will need, just before it is needed, and change nothing."""

    def close(self) -> None:
        """Release what it holds."""
