"""A task of dm-control's suite as a world."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.simulation.mujoco_library import mujoco
from rcd_ros.suggest import did_you_mean

logging.getLogger("absl").setLevel(logging.WARNING)  # it logs OpenGL and MuJoCo at every start
with warnings.catch_warnings():  # GLFW warns where there is no screen
    warnings.simplefilter("ignore")
    from dm_control import suite


class SuiteWorld:
    """A task by the name `domain/task`, such as `walker/walk`."""

    def __init__(self, name: str) -> None:
        """Load a task; raises `RcdError` where there is none of that name."""
        known = ["/".join(task) for task in suite.ALL_TASKS]
        if name not in known:
            raise RcdError(
                f"dm-control's suite has no task '{name}'{did_you_mean(name, known)}; write domain/task, as walker/walk"
            )
        self._env: Any = suite.load(*name.split("/"))
        self.model: mujoco.MjModel = self._env.physics.model.ptr
        self.mesh_folders = (Path(suite.__file__).parent,)
        self.control_period = float(self._env.control_timestep())
        limit = float(self._env._step_limit)
        self.episode_steps = int(limit) if np.isfinite(limit) else 0
        """Control periods in an episode; 0 where it has no end."""

    @property
    def data(self) -> mujoco.MjData:
        """The state."""
        data: mujoco.MjData = self._env.physics.data.ptr
        return data

    def reset(self, seed: int) -> None:
        """Start an episode."""
        self._env.task.random.seed(seed)
        self._env.reset()

    def step(self, control: NDArray[np.float64]) -> tuple[float, bool]:
        """One step of the task; its time limit is counted by the simulation."""
        step = self._env.step(control)
        return float(step.reward or 0.0), bool(step.last() and step.discount == 0.0)

    def close(self) -> None:
        """Free the environment."""
        self._env.close()
