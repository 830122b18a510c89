"""A planner fed with one observation after the other, so that its plans can be timed without a robot."""

from __future__ import annotations

import itertools
from collections.abc import Callable
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


def rehearsal(planner: TimedPlanner, observations: NDArray[np.float64]) -> Callable[[], NDArray[np.float64]]:
    """What makes a whole plan when called, from each of the observations (count, history, n_obs) in turn."""
    turns = itertools.cycle(list(observations))
    return lambda: planner.plan(next(turns))


def varied_observations(manifest: Manifest, count: int = 256, seed: int = 0) -> NDArray[np.float64]:
    """Observations (count, history, n_obs), as widely spread about the mean of the training data as those are."""
    normal = np.random.default_rng(seed).standard_normal((count, manifest.history, manifest.task.observation_size))
    return np.asarray(manifest.normalizer.observation_mean) + normal * np.asarray(manifest.normalizer.observation_std)
