"""Plans on given observations, for timing without a robot."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.execution.stream import CommandStream, StreamSettings
from rcd_ros.planning.execution.trajectory import ShapedPlan
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.planner import Policy
from rcd_ros.planning.spec import TaskSpec


def rehearsal(planner: Policy, observations: NDArray[np.float64]) -> Callable[[], NDArray[np.float64]]:
    """A function that makes one plan per call, from each of the observations (count, history, n_obs) in turn."""
    turns = itertools.cycle(list(observations))
    return lambda: planner.plan(next(turns))


def shaped_rehearsal(planner: Policy, spec: TaskSpec, observations: NDArray[np.float64]) -> Callable[[], ShapedPlan]:
    """As `rehearsal`, up to the trajectory within the motion limits of `spec`: one plan a control period.

    It starts from the measured positions, which takes longer than from the commanded ones.

    Raises:
        RcdError: the limits cannot be used.
    """
    stream = CommandStream(spec, StreamSettings(shape=True, anchor="measured"))
    turns, stamps = itertools.cycle(list(observations)), itertools.count(0, round(spec.control_period * 1e9))

    def plan() -> ShapedPlan:
        history, stamp = next(turns), next(stamps)
        return stream.next(planner.plan(history), history[-1], stamp, stamp)

    return plan


def varied_observations(manifest: Manifest, count: int = 256, seed: int = 0) -> NDArray[np.float64]:
    """Observations (count, history, n_obs) with the mean and standard deviation of the training data."""
    normal = np.random.default_rng(seed).standard_normal((count, manifest.history, manifest.task.observation_size))
    return np.asarray(manifest.normalizer.observation_mean) + normal * np.asarray(manifest.normalizer.observation_std)
