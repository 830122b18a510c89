"""Gymnasium's planar runners behind the `Simulation` interface: joint torques in, the environment's observation out.

What is observed is what the environment observes: Hopper's and Walker2d's rates are clipped to 10 (rad/s, m/s), the
distance run is left out. A fall terminates the episode; HalfCheetah's episodes only run out of time.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.interface import StepResult
from rcd_ros.simulation.worlds.gymnasium_world import gymnasium, mujoco
from rcd_ros.simulation.worlds.mujoco_simulation import MujocoSimulation

from gymnasium.envs.mujoco import MujocoEnv  # isort: skip  # after `environments`

CAMERA = "track"
"""The models' own, which follows the robot from the side."""


class Locomotion(MujocoSimulation):
    """Hopper, Walker2d or HalfCheetah with the version and episode length of a task specification."""

    camera = CAMERA

    def __init__(self, spec: TaskSpec, environment: str) -> None:
        """Loads `environment`, such as `Hopper-v5`."""
        super().__init__(spec)
        self._scale = np.asarray(spec.command.scale)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # -v4 is asked for by name
            self._env = gymnasium.make(environment, max_episode_steps=spec.episode_steps, disable_env_checker=True)
        self._robot = cast(MujocoEnv, self._env.unwrapped)

    @property
    def model(self) -> mujoco.MjModel:
        """The compiled model."""
        return self._robot.model

    @property
    def data(self) -> mujoco.MjData:
        """Its present state."""
        return self._robot.data

    @property
    def mesh_folders(self) -> tuple[Path, ...]:
        """None: the robots are made of capsules."""
        return ()

    def reset(self, seed: int) -> NDArray[np.float64]:
        """Starts an episode; returns the first observation vector."""
        observation, _ = self._env.reset(seed=seed)
        return np.asarray(observation, np.float64)

    def set_state(self, observation: ArrayLike) -> NDArray[np.float64]:
        """Puts the robot where an observation vector says, at distance 0; returns it as observed now.

        Raises:
            RcdError: the vector has the wrong length or is not finite.
        """
        values = self._checked("state", observation, self.spec.observation_size)
        positions = self.model.nq - 1
        robot: Any = self._robot  # gymnasium's `set_state` has no types
        robot.set_state(np.concatenate(([0.0], values[:positions])), values[positions:])
        return self._observe()

    def step(self, command: ArrayLike) -> StepResult:
        """Applies torques (n_cmd,) in N m for one control period; those beyond the motors' are cut.

        Raises:
            RcdError: the command has the wrong shape or is not finite.
        """
        values = self._checked("command", command, self._scale.size)
        action = np.clip(values / self._scale, -1.0, 1.0).astype(np.float32)
        observation, reward, terminated, truncated, _ = self._env.step(action)
        return StepResult(
            observation=np.asarray(observation, np.float64),
            reward=float(reward),
            completed=(),
            terminated=bool(terminated),
            truncated=bool(truncated),
        )

    def close(self) -> None:
        """Frees the environment and the renderer."""
        super().close()
        self._env.close()

    def _observe(self) -> NDArray[np.float64]:
        robot: Any = self._robot  # each environment has its own `_get_obs`, their base class none
        return np.asarray(robot._get_obs(), np.float64)
