"""A Gymnasium environment on MuJoCo as a world: its own rewards, resets and ends.

Other modules import Gymnasium from here: MuJoCo is loaded before it, and the environments of gymnasium-robotics are
registered.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.simulation.mujoco_library import mujoco

import gymnasium  # isort: skip  # after MuJoCo

with contextlib.redirect_stderr(io.StringIO()):  # Farama prints notices about other environments
    import gymnasium_robotics

gymnasium.register_envs(gymnasium_robotics)

__all__ = ["GymnasiumWorld", "gymnasium", "gymnasium_robotics", "mujoco"]


class GymnasiumWorld:
    """An environment whose actions are the controls of its model's actuators."""

    def __init__(self, name: str, episode_steps: int = 0) -> None:
        """Make an environment.

        Args:
            name: registered with Gymnasium or gymnasium-robotics, such as `Hopper-v5`.
            episode_steps: control periods in an episode, 0: as many as the environment has.

        Raises:
            RcdError: there is no such environment, it is not on MuJoCo, or its actions are something else.
        """
        limit = {"max_episode_steps": episode_steps} if episode_steps else {}
        try:
            self._env = gymnasium.make(name, disable_env_checker=True, **limit)
        except (gymnasium.error.Error, ImportError) as error:
            raise RcdError(
                f"the environment '{name}' cannot be made: {' '.join(str(error.args[0]).split())}"
            ) from error
        inner: Any = self._env.unwrapped
        if not isinstance(getattr(inner, "model", None), mujoco.MjModel):
            raise RcdError(f"'{name}' is not a MuJoCo environment: it has no MuJoCo model")
        self.model: mujoco.MjModel = inner.model
        self._inner = inner
        file = getattr(
            inner, "fullpath", None
        )  # environments without a file have no meshes, or build their model in code
        self.mesh_folders = (Path(file).parent,) if file else ()
        self._check_actions(name)
        self.episode_steps = episode_steps or getattr(self._env.spec, "max_episode_steps", None) or 0
        """Control periods in an episode; 0 where it has no end."""
        self.control_period = self._measure_period()

    @property
    def data(self) -> mujoco.MjData:
        """The state."""
        data: mujoco.MjData = self._inner.data
        return data

    def reset(self, seed: int) -> None:
        """Start an episode."""
        self._env.reset(seed=seed)

    def step(self, control: NDArray[np.float64]) -> tuple[float, bool]:
        """One step of the environment; its time limit is counted by the simulation."""
        _, reward, terminated, _, _ = self._env.step(control.astype(self._env.action_space.dtype or np.float64))
        return float(reward), bool(terminated)

    def close(self) -> None:
        """Free the environment."""
        self._env.close()

    def _check_actions(self, name: str) -> None:
        space, model = self._env.action_space, self.model
        if not isinstance(space, gymnasium.spaces.Box) or space.shape != (model.nu,):
            raise RcdError(
                f"the actions of '{name}' ({space}) are not the controls of its {model.nu} actuators: it cannot be "
                "commanded joint by joint"
            )
        limited = model.actuator_ctrllimited.astype(bool)
        bounds = np.stack((space.low, space.high), axis=1)
        if not np.allclose(bounds[limited], model.actuator_ctrlrange[limited], rtol=1e-4):
            raise RcdError(
                f"the actions of '{name}' have another range than the controls of its actuators: they mean something "
                "else; is there a task of that name (task:=...)?"
            )

    def _measure_period(self) -> float:
        """The control period, s, from the clock: environments name it differently."""
        self._env.reset(seed=0)
        before = self.data.time
        self.step(np.zeros(self.model.nu))
        return round(float(self.data.time - before), 9)
