"""The controller that made D4RL's maze data, restated: a way over the maze's cells, followed from middle to middle.

    u = clip(k_p (w - p) - k_d v, -1, 1),  then, with noise,  u = clip(u + noise eps, -1, 1)

with u in parts of the largest force, the waypoint w and the position p in m, v in m/s, k_p = 10 1/m, k_d = 1 s/m. The
next waypoint comes when the ball is within 0.1 m of one; the last one is the goal itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.maze_layout import LAYOUTS

POSITION_GAIN = 10.0
VELOCITY_GAIN = 1.0
ARRIVED = 0.1


class WaypointController:
    """Drives a maze's ball to its goal; see `simulation.simulation.Controller`."""

    def __init__(self, spec: TaskSpec, noise: float = 0.0) -> None:
        """Drive in the maze of `spec`; `noise`: standard deviation of what is added to each action.

        Raises:
            RcdError: the noise is not a number >= 0.
        """
        if not (np.isfinite(noise) and noise >= 0.0):
            raise RcdError(f"noise must be a number >= 0, got {noise}")
        self._layout = LAYOUTS[spec.name]
        self._noise = noise
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Forget the way; all noise from here on follows from `seed`."""
        self._random = np.random.default_rng(seed)
        self._goal: NDArray[np.float64] | None = None

    def act(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The action (2,) for an observation vector (8,); a goal that has moved begins a new way."""
        position, velocity, goal = observation[0:2], observation[2:4], observation[6:8]
        if self._goal is None or not np.array_equal(goal, self._goal):
            self._goal = goal.copy()
            cells = self._layout.route(self._layout.cell_at(position), self._layout.cell_at(goal))
            self._waypoints = [*(self._layout.center(cell) for cell in cells[1:-1]), self._goal]
        while len(self._waypoints) > 1 and np.linalg.norm(self._waypoints[0] - position) < ARRIVED:
            del self._waypoints[0]
        action = np.clip(POSITION_GAIN * (self._waypoints[0] - position) - VELOCITY_GAIN * velocity, -1.0, 1.0)
        if self._noise:
            action = np.clip(action + self._noise * self._random.standard_normal(2), -1.0, 1.0)
        return np.asarray(action)
