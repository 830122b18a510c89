"""FrankaKitchen behind the `Simulation` interface: physical joint velocities in, 59 observed values out.

The environment clips normalised velocities to [-1, 1], adds them to the joint positions it *observed* last (with
their noise), and sends the sum to the arm's position servos. These lag: a constant command moves a joint at about
half its velocity, as it did when the demonstrations were recorded. Every reset starts from the same state; only the
sensor noise is random.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.drawing.rendering import Camera
from rcd_ros.simulation.interface import StepResult
from rcd_ros.simulation.worlds.gymnasium_world import gymnasium, gymnasium_robotics, mujoco
from rcd_ros.simulation.worlds.mujoco_simulation import MujocoSimulation

from gymnasium_robotics.envs.franka_kitchen.kitchen_env import (  # isort: skip  # after `environments`
    BONUS_THRESH,
    OBS_ELEMENT_GOALS,
    OBS_ELEMENT_INDICES,
    KitchenEnv,
)

ENVIRONMENT = "FrankaKitchen-v1"
CAMERA: Camera = {"lookat": (-0.2, 0.5, 2.0), "distance": 2.2, "azimuth": 70.0, "elevation": -35.0}


class Kitchen(MujocoSimulation):
    """FrankaKitchen-v1 with the goals and episode length of a task specification."""

    camera = CAMERA

    def __init__(self, spec: TaskSpec) -> None:
        """Loads the model."""
        super().__init__(spec)
        self._scale = np.asarray(spec.command.scale)
        self._env = gymnasium.make(
            ENVIRONMENT,
            max_episode_steps=spec.episode_steps,
            tasks_to_complete=list(spec.score.goals),
            disable_env_checker=True,
        )
        self._kitchen = cast(KitchenEnv, self._env.unwrapped)
        self._robot = self._kitchen.robot_env

    @property
    def model(self) -> mujoco.MjModel:
        """The kitchen's compiled model."""
        return self._kitchen.model

    @property
    def data(self) -> mujoco.MjData:
        """Its present state."""
        return self._kitchen.data

    @property
    def mesh_folders(self) -> tuple[Path, ...]:
        """Where the meshes of arm and kitchen are."""
        return (Path(gymnasium_robotics.__file__).parent / "envs" / "assets" / "kitchen_franka",)

    def reset(self, seed: int) -> NDArray[np.float64]:
        """Starts an episode; returns the observation vector (59,)."""
        observation, _ = self._env.reset(seed=seed)
        return np.asarray(observation["observation"], dtype=np.float64)

    def set_state(self, observation: ArrayLike) -> NDArray[np.float64]:
        """Puts arm and scene where an observation vector (59,) says; returns it as observed now.

        Goals completed before stay completed: reset first to forget them.

        Raises:
            RcdError: the vector has the wrong length or is not finite.
        """
        values = self._checked("state", observation, 59)
        self._robot.set_state(
            np.concatenate((values[0:9], values[18:39])), np.concatenate((values[9:18], values[39:59]))
        )
        # Observing the robot also stores what the next velocity command is added to.
        return np.asarray(self._kitchen._get_obs(self._robot._get_obs())["observation"], dtype=np.float64)

    def step(self, command: ArrayLike) -> StepResult:
        """Commands joint velocities (9,) in rad/s (fingers m/s) for 0.08 s."""
        velocities = self._checked("command", command, self._scale.size)
        observation, reward, terminated, truncated, info = self._env.step(velocities / self._scale)
        newly = info["step_task_completions"]
        return StepResult(
            observation=np.asarray(observation["observation"], dtype=np.float64),
            reward=float(reward),
            completed=tuple(goal for goal in self.spec.score.goals if goal in newly),
            terminated=bool(terminated),
            truncated=bool(truncated),
        )

    def achieved(self, observation: ArrayLike) -> tuple[str, ...]:
        """Goals whose joints are within the environment's distance of the goal in this vector (59,)."""
        values = np.asarray(observation, dtype=np.float64)
        positions = np.concatenate((values[0:9], values[18:39]))
        return tuple(
            goal
            for goal in self.spec.score.goals
            if np.linalg.norm(positions[OBS_ELEMENT_INDICES[goal]] - OBS_ELEMENT_GOALS[goal]) < BONUS_THRESH
        )

    def close(self) -> None:
        """Frees the environment and the renderer."""
        super().close()
        self._env.close()
