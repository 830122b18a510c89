"""A planner fed with one observation after the other, so that its plans can be timed without a robot."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.manifest import Manifest


class TimedPlanner(Protocol):
    """What can be timed: from observations to checked commands, everything in physical units."""

    def prepare(self) -> None:
        """Draws the next plan's noise."""

    def plan(self, history: NDArray[np.float64]) -> NDArray[np.float64]:
        """(history, n_obs), oldest first -> (horizon, n_cmd)."""


class Rehearsal:
    """Plans from each of some observations in turn: `prepare` the next plan, then `plan`.

    Args:
        planner: who plans.
        observations: (count, history, n_obs).
    """

    def __init__(self, planner: TimedPlanner, observations: NDArray[np.float64]) -> None:
        self._planner = planner
        self._observations = observations
        self._next = 0

    def prepare(self) -> None:
        """What a node does while it waits for an observation, and the observation's coming."""
        self._next = (self._next + 1) % len(self._observations)
        self._planner.prepare()

    def plan(self) -> NDArray[np.float64]:
        """The whole plan, from the observation to commands (horizon, n_cmd) inside their limits."""
        return self._planner.plan(self._observations[self._next])


def varied_observations(manifest: Manifest, count: int = 256, seed: int = 0) -> NDArray[np.float64]:
    """Observations (count, history, n_obs), as widely spread about the mean of the training data as those are."""
    normal = np.random.default_rng(seed).standard_normal((count, manifest.history, manifest.task.observation_size))
    return np.asarray(manifest.normalizer.observation_mean) + normal * np.asarray(manifest.normalizer.observation_std)
