"""PointMaze behind the `Simulation` interface: planned states of a ball in, its state and the goal out.

A force of up to 100 N on each of two slides drives a ball of 4.2 kg; its speed is clipped at 5 m/s along each. `step`
follows a planned state with a `TrackingLaw`; `drive` takes forces, as the data's behaviour gives them. An observation
is PointMaze's dictionary in a row: x, y, v_x, v_y; then what was achieved, x, y; then the goal, x, y.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.interface import StepResult
from rcd_ros.simulation.tracking import TrackingLaw
from rcd_ros.simulation.worlds.gymnasium_world import mujoco
from rcd_ros.simulation.worlds.maze_layout import GOAL_RADIUS, LAYOUTS, Cell
from rcd_ros.simulation.worlds.mujoco_simulation import MujocoSimulation

from gymnasium_robotics.envs.maze.point_maze import PointMazeEnv  # isort: skip  # after `environments`

TRACKING_FREQUENCY = 25.0  # rad/s
POSITION_NOISE = 0.25  # m, about the middle of a cell: PointMaze's
VALUES = 8


class Maze(MujocoSimulation):
    """PointMaze with the maze and episode length of a task specification."""

    def __init__(
        self,
        spec: TaskSpec,
        goal: Sequence[float] | Literal["benchmark", "random"] = "benchmark",
        start: Sequence[float] | Literal["random"] = "random",
    ) -> None:
        """Builds the maze.

        Args:
            spec: one of the maze tasks.
            goal: the benchmark's own, another one in every episode, or a position (x, y) in m.
            start: in a random cell but the goal's, or at a position (x, y) in m.

        Raises:
            RcdError: goal or start is no free place in this maze, or the start is at the goal.
        """
        super().__init__(spec)
        self.layout = LAYOUTS[spec.name]
        width, height = self.image_size
        self.camera = {
            "lookat": (0.0, 0.0, 0.0),
            "distance": 1.3 * max(self.layout.width * height / width, self.layout.height),
            "azimuth": 90.0,
            "elevation": -90.0,
        }
        self._fixed_goal = self._place(goal, "the goal", ("benchmark", "random"))
        self._fixed_start = self._place(start, "the start", ("random",))
        if goal == "benchmark":
            self._fixed_goal = self.layout.center(self.layout.goal_cell)
        if self._fixed_start is not None and self._fixed_goal is not None:
            distance = float(np.linalg.norm(self._fixed_start - self._fixed_goal))
            if distance <= GOAL_RADIUS:
                raise RcdError(
                    f"the start is {distance:g} m from the goal, which counts as reached within {GOAL_RADIUS:g} m: "
                    "nothing is left to do; move one of them"
                )
        self._env = PointMazeEnv(maze_map=self.layout.walls, continuing_task=True, reset_target=False)
        Path(self._env.tmp_xml_file_path).unlink(missing_ok=True)
        self._point = self._env.point_env
        ball = self._point.model.body("particle").id
        self._mass = float(self._point.model.body_mass[ball])
        self._force = float(self._point.model.actuator_gear[0, 0])
        self._law = TrackingLaw.critically_damped(TRACKING_FREQUENCY, self._force / self._mass)
        self._random = np.random.default_rng(0)
        self._steps = 0
        self._reached = False
        self._put_goal(self.layout.center(self.layout.goal_cell))

    @property
    def model(self) -> mujoco.MjModel:
        """The compiled model."""
        return self._point.model

    @property
    def data(self) -> mujoco.MjData:
        """Its present state; to be read only."""
        return self._point.data

    def reset(self, seed: int) -> NDArray[np.float64]:
        """Starts an episode, the ball at rest; returns the observation vector (8,)."""
        self._random = np.random.default_rng(seed)
        goal = self._fixed_goal
        while goal is None or self._is_at(goal, self._fixed_start):
            goal = self._draw(self.layout.free_cells)
        start = self._fixed_start
        while start is None or self._is_at(goal, start):
            start = self._draw([cell for cell in self.layout.free_cells if cell != self.layout.cell_at(goal)])
        self._point.reset(seed=seed)
        return self._begin(start, np.zeros(2), goal)

    def go_on(self) -> NDArray[np.float64]:
        """Starts an episode where the last one ended, with another random goal; returns the observation vector."""
        position, velocity = self._point.data.qpos.copy(), self._point.data.qvel.copy()
        goal = position
        while self._is_at(goal, position):
            goal = self._draw(self.layout.free_cells)
        return self._begin(position, velocity, goal)

    def move_goal(self, goal: ArrayLike) -> None:
        """Moves the goal to a position (2,) in m, also in the middle of an episode.

        Raises:
            RcdError: it is no free place in this maze.
        """
        self._put_goal(np.asarray(goal, np.float64))
        self._reached = False

    def set_state(self, observation: ArrayLike) -> NDArray[np.float64]:
        """Puts ball and goal where an observation vector (8,) says; returns it as observed now.

        Raises:
            RcdError: the vector has the wrong length, is not finite, or puts the goal into a wall.
        """
        values = self._checked("state", observation, VALUES)
        self._put_goal(values[6:8])
        self._point.set_state(values[0:2], values[2:4])
        return self._observe()

    def step(self, command: ArrayLike) -> StepResult:
        """Follows a planned state (x, y, v_x, v_y) in m and m/s, due at the end of this control period."""
        state = self._checked("command", command, 4)
        acceleration = self._law.acceleration(state, self._observe()[:4])
        return self.drive(acceleration * self._mass / self._force)

    def drive(self, action: ArrayLike) -> StepResult:
        """Pushes the ball for a control period; `action` (2,) in [-1, 1] of the largest force, 100 N."""
        _, reward, _, _, _ = self._env.step(np.asarray(action, np.float64))
        self._steps += 1
        newly = bool(reward) and not self._reached
        self._reached |= bool(reward)
        return StepResult(
            observation=self._observe(),
            reward=float(reward),
            completed=self.spec.score.goals if newly else (),
            terminated=False,
            truncated=self._steps >= self.spec.episode_steps,
        )

    def achieved(self, observation: ArrayLike) -> tuple[str, ...]:
        """The goal, where the ball of this vector (8,) is within its radius."""
        values = np.asarray(observation, np.float64)
        return self.spec.score.goals if self._is_at(values[6:8], values[4:6]) else ()

    def close(self) -> None:
        """Frees the environment and the renderer."""
        super().close()
        self._env.close()

    def _begin(
        self, position: NDArray[np.float64], velocity: NDArray[np.float64], goal: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        self._put_goal(goal)
        self._point.set_state(position, velocity)
        self._steps = 0
        observation = self._observe()
        self._reached = bool(self.achieved(observation))
        return observation

    def _put_goal(self, goal: NDArray[np.float64]) -> None:
        self.layout.check_free(goal, "the goal")
        self._env.goal = goal.copy()
        self._env.update_target_site_pos()

    def _observe(self) -> NDArray[np.float64]:
        position = self._point.data.qpos
        return np.concatenate((position, self._point.data.qvel, position, self._env.goal))

    def _place(self, value: Sequence[float] | str, what: str, known: tuple[str, ...]) -> NDArray[np.float64] | None:
        if isinstance(value, str):
            if value not in known:
                raise RcdError(f"{what} must be {', '.join(known)} or a position [x, y] in m, got '{value}'")
            return None
        self.layout.check_free(value, what)
        return np.array(value, np.float64)

    def _draw(self, cells: list[Cell]) -> NDArray[np.float64]:
        cell = cells[int(self._random.integers(len(cells)))]
        return self.layout.center(cell) + self._random.uniform(-POSITION_NOISE, POSITION_NOISE, 2)

    @staticmethod
    def _is_at(goal: NDArray[np.float64], position: NDArray[np.float64] | None) -> bool:
        return position is not None and bool(np.linalg.norm(goal - position) <= GOAL_RADIUS)
