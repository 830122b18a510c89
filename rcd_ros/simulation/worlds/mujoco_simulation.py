"""What all simulations on MuJoCo share: checks of states and commands, images, keyframes."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.drawing.rendering import Camera, SceneRenderer
from rcd_ros.simulation.mujoco_library import mujoco


class MujocoSimulation(ABC):
    """Base of the classes that follow the protocol `Simulation` with a compiled model and its state."""

    image_size: tuple[int, int] = (640, 480)
    """Width and height of what `render` draws, pixels."""
    camera: Camera = None

    def __init__(self, spec: TaskSpec) -> None:
        """Simulate the task of `spec`."""
        self.spec = spec
        self._renderer: SceneRenderer | None = None

    @property
    @abstractmethod
    def model(self) -> mujoco.MjModel:
        """The compiled model."""

    @property
    @abstractmethod
    def data(self) -> mujoco.MjData:
        """Its present state; to be read only."""

    def achieved(self, observation: ArrayLike) -> tuple[str, ...]:
        """Goals that hold in an observation vector; empty for tasks without goals."""
        return ()

    def render(self) -> NDArray[np.uint8]:
        """The scene through `camera`, as an RGB image (height, width, 3).

        Raises:
            RcdError: this machine has no OpenGL to draw with, or the model has no such camera.
        """
        if self._renderer is None:
            self._renderer = SceneRenderer(self.model, self.camera, *self.image_size)
        return self._renderer.draw(self.data)

    def close(self) -> None:
        """Frees the renderer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _checked(self, what: str, values: ArrayLike, size: int) -> NDArray[np.float64]:
        """A state or command as a vector (size,).

        Raises:
            RcdError: it has another shape, or is not finite.
        """
        vector = np.asarray(values, np.float64)
        if vector.shape != (size,):
            raise RcdError(f"a {what} of '{self.spec.name}' is {size} finite values, got shape {vector.shape}")
        if not np.isfinite(vector).all():
            raise RcdError(f"a {what} of '{self.spec.name}' is {size} finite values, got {vector.tolist()}")
        return vector
