"""Any MuJoCo world behind the `Simulation` interface: a model file, a Gymnasium environment, a suite task."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import Interface, TaskSpec
from rcd_ros.simulation.drawing.rendering import SceneRenderer
from rcd_ros.simulation.interface import StepResult
from rcd_ros.simulation.model_layout import ModelLayout, name_of
from rcd_ros.simulation.mujoco_library import mujoco

IMAGE_SIZE = (640, 480)


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


class ModelSimulation:
    """A world whose commands and observations are those of its model (`ModelLayout`)."""

    def __init__(self, spec: TaskSpec, world: World, layout: ModelLayout) -> None:
        """Show `world` as `spec`, which was made from `layout`."""
        self.spec = spec
        self._world, self._layout = world, layout
        self._steps = 0
        self._scale = np.array([actuator.scale for actuator in layout.actuators])
        model = world.model
        limited = model.actuator_ctrllimited.astype(bool)
        self._lower = np.where(limited, model.actuator_ctrlrange[:, 0], -np.inf)
        self._upper = np.where(limited, model.actuator_ctrlrange[:, 1], np.inf)
        self._renderer: SceneRenderer | None = None

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
        return tuple(actuator.interface for actuator in self._layout.actuators)

    @property
    def keyframes(self) -> tuple[str, ...]:
        """Names of the model's keyframes."""
        return tuple(name_of(self.model, mujoco.mjtObj.mjOBJ_KEY, index) for index in range(self.model.nkey))

    def reset(self, seed: int) -> NDArray[np.float64]:
        """Begins an episode; returns the first observation vector."""
        self._steps = 0
        self._world.reset(seed)
        return self._layout.observe(self.data)

    def reset_to(self, keyframe: str) -> NDArray[np.float64]:
        """Begins an episode from a keyframe of the model; returns the first observation vector."""
        index = self.keyframes.index(keyframe)
        self.reset(0)
        mujoco.mj_resetDataKeyframe(self.model, self.data, index)
        mujoco.mj_forward(self.model, self.data)
        return self._layout.observe(self.data)

    def set_state(self, observation: ArrayLike) -> NDArray[np.float64]:
        """Puts joints and free bodies where an observation vector says; returns it as observed now.

        Raises:
            RcdError: the vector has the wrong length or is not finite.
        """
        state = np.asarray(observation, np.float64)
        size = self.spec.observation_size
        if state.shape != (size,) or not np.isfinite(state).all():
            raise RcdError(f"a state of '{self.spec.name}' is {size} finite values, got shape {state.shape}")
        self._layout.restore(self.data, state)
        mujoco.mj_forward(self.model, self.data)
        return self._layout.observe(self.data)

    def step(self, command: ArrayLike) -> StepResult:
        """Commands (n_cmd,) in the units of the specification for one control period."""
        values = np.asarray(command, np.float64)
        if values.shape != self._scale.shape or not np.isfinite(values).all():
            raise RcdError(f"a command of '{self.spec.name}' is {self._scale.size} finite values, got {values}")
        control = np.clip(values / self._scale, self._lower, self._upper)
        reward, terminated = self._world.step(control)
        self._steps += 1
        return StepResult(
            observation=self._layout.observe(self.data),
            reward=reward,
            completed=(),
            terminated=terminated,
            truncated=self._steps >= self.spec.episode_steps,
        )

    def achieved(self, observation: ArrayLike) -> tuple[str, ...]:
        """None: such a task has no goals."""
        return ()

    def render(self) -> NDArray[np.uint8]:
        """The model through its default free camera: (height, width, 3)."""
        if self._renderer is None:
            self._renderer = SceneRenderer(self.model, None, *IMAGE_SIZE)
        return self._renderer.draw(self.data)

    def close(self) -> None:
        """Frees the world and the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
        self._world.close()
