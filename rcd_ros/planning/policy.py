"""What plans: the one protocol for a student, a teacher, replayed demonstrations and whatever a user brings."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.spec import TaskSpec


class Policy(Protocol):
    """Plans chunks of commands from observations, everything in physical units.

    `planning.planner.Planner` is the policy of a checkpoint; the planner node and the benchmarks run that class.

    Attributes:
        spec: the task it plans for, with the channels that it observes.
        history: number of observations that it plans from (n_obs_steps).
        horizon: number of control periods in a chunk.
        nfe: network evaluations per plan.
    """

    spec: TaskSpec
    history: int
    horizon: int
    nfe: int

    def reset(self, seed: int) -> None:
        """Starts an episode; all randomness of its plans follows from `seed`."""

    def plan(self, history: NDArray[np.float64]) -> NDArray[np.float64]:
        """Observations (history, n_obs), oldest first -> commands (horizon, n_cmd)."""
