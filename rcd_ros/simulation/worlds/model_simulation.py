"""Any MuJoCo world behind the `Simulation` interface: a model file, a Gymnasium environment, a suite task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.channels import Interface
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.interface import StepResult
from rcd_ros.simulation.model_layout import ModelLayout, name_of
from rcd_ros.simulation.mujoco_library import mujoco
from rcd_ros.simulation.worlds.mujoco_simulation import MujocoSimulation


class World(Protocol):
    """What moves a MuJoCo state on, and what it counts as reward."""

    @property
    def model(self) -> mujoco.MjModel:
        """The compiled model; the same object for as long as the world lives."""

    @property
    def data(self) -> mujoco.MjData:
        """Its state; the same object for as long as the world lives."""

    @property
    def mesh_folders(self) -> tuple[Path, ...]:
        """Folders below which the files of its meshes are."""

    def reset(self, seed: int) -> None:
        """Put the state to the beginning that follows from `seed`."""

    def step(self, control: NDArray[np.float64]) -> tuple[float, bool]:
        """One control period under a control (nu,): its reward, and whether the episode has ended for good."""

    def close(self) -> None:
        """Free what it holds."""


class ModelSimulation(MujocoSimulation):
    """A world whose observations are those of its model (`ModelLayout`), and whose commands go to its actuators."""

    def __init__(
        self, spec: TaskSpec, world: World, layout: ModelLayout, actuators: Sequence[int] | None = None
    ) -> None:
        """Show `world` as `spec`; `actuators` are the commanded ones, by default all of `layout`."""
        super().__init__(spec)
        self._world, self._layout = world, layout
        self._actuators = list(range(len(layout.actuators)) if actuators is None else actuators)
        self._scale = np.array([layout.actuators[index].scale for index in self._actuators])
        model = world.model
        limited = model.actuator_ctrllimited.astype(bool)
        self._lower = np.where(limited, model.actuator_ctrlrange[:, 0], -np.inf)
        self._upper = np.where(limited, model.actuator_ctrlrange[:, 1], np.inf)
        self._steps = 0

    @property
    def model(self) -> mujoco.MjModel:
        """The compiled model."""
        return self._world.model

    @property
    def data(self) -> mujoco.MjData:
        """Its present state."""
        return self._world.data

    @property
    def mesh_folders(self) -> tuple[Path, ...]:
        """Where the model's meshes are."""
        return self._world.mesh_folders

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """How each commanded joint is commanded."""
        return tuple(self._layout.actuators[index].interface for index in self._actuators)

    @property
    def keyframes(self) -> tuple[str, ...]:
        """Names of the model's keyframes."""
        return tuple(name_of(self.model, mujoco.mjtObj.mjOBJ_KEY, index) for index in range(self.model.nkey))

    def reset(self, seed: int) -> NDArray[np.float64]:
        """Begins an episode; returns the first observation vector."""
        self._world.reset(seed)
        return self._begin()

    def reset_to(self, keyframe: str) -> NDArray[np.float64]:
        """Begins an episode from a keyframe of the model; returns the first observation vector."""
        self._world.reset(0)
        mujoco.mj_resetDataKeyframe(self.model, self.data, self.keyframes.index(keyframe))
        mujoco.mj_forward(self.model, self.data)
        return self._begin()

    def set_state(self, observation: ArrayLike) -> NDArray[np.float64]:
        """Puts joints and free bodies where an observation vector says; the rest stays. Returns it as observed now.

        Raises:
            RcdError: the vector has the wrong length or is not finite.
        """
        self._restore(self._checked("state", observation, self.spec.observation_size))
        mujoco.mj_forward(self.model, self.data)
        return self._observe()

    def step(self, command: ArrayLike) -> StepResult:
        """Commands (n_cmd,) in the units of the specification for one control period.

        Raises:
            RcdError: the command has the wrong shape or is not finite.
        """
        reward, terminated = self._advance(command)
        return StepResult(
            observation=self._observe(),
            reward=reward,
            completed=(),
            terminated=terminated,
            truncated=self._steps >= self.spec.episode_steps,
        )

    def close(self) -> None:
        """Frees the world and the renderer."""
        super().close()
        self._world.close()

    def _begin(self) -> NDArray[np.float64]:
        """Starts counting an episode's steps."""
        self._steps = 0
        return self._observe()

    def _advance(self, command: ArrayLike) -> tuple[float, bool]:
        """Steps the world under a command; actuators that are not commanded keep their control."""
        control = self.data.ctrl.copy()
        control[self._actuators] = self._checked("command", command, self._scale.size) / self._scale
        outcome = self._world.step(np.clip(control, self._lower, self._upper))
        self._steps += 1
        return outcome

    def _observe(self) -> NDArray[np.float64]:
        return self._layout.observe(self.data)

    def _restore(self, state: NDArray[np.float64]) -> None:
        self._layout.restore(self.data, state)
