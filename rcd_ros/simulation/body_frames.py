"""Where a model's bodies are in relation to each other: each in the frame of the body that it is fastened to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.rotations import multiply, turn
from rcd_ros.simulation.model_layout import name_of
from rcd_ros.simulation.mujoco_library import mujoco

WORLD = "world"


@dataclass(frozen=True)
class BodyPoses:
    """Bodies in the frames of their parents: positions (n, 3) in m, orientations (n, 4) as w, x, y, z."""

    parents: tuple[str, ...]
    bodies: tuple[str, ...]
    positions: NDArray[np.float64]
    orientations: NDArray[np.float64]


class BodyFrames:
    """The bodies of one model: those that move in relation to their parents, and those that never do."""

    def __init__(self, model: mujoco.MjModel) -> None:
        """Look at a compiled model."""
        self._parent = model.body_parentid.copy()
        self._names = [body_name(model, index) for index in range(model.nbody)]
        moves = (model.body_dofnum > 0) | (model.body_mocapid >= 0)
        moves[0] = False
        self._moving = np.flatnonzero(moves)
        self._still = np.flatnonzero(~moves)[1:]
        self._offsets = model.body_pos.copy(), model.body_quat.copy()

    def still(self) -> BodyPoses:
        """The bodies that never move in relation to their parents."""
        positions, orientations = self._offsets
        return self._poses(self._still, positions[self._still], orientations[self._still])

    def moving(self, data: mujoco.MjData) -> BodyPoses:
        """The others, as they are now."""
        moving, parents = self._moving, self._parent[self._moving]
        turned_back = data.xquat[parents] * np.array([1.0, -1.0, -1.0, -1.0])
        away = data.xpos[moving] - data.xpos[parents]
        return self._poses(moving, turn(turned_back, away), multiply(turned_back, data.xquat[moving]))

    def _poses(
        self, bodies: NDArray[np.intp], positions: NDArray[np.float64], orientations: NDArray[np.float64]
    ) -> BodyPoses:
        names = self._names
        return BodyPoses(
            tuple(names[self._parent[body]] for body in bodies),
            tuple(names[body] for body in bodies),
            positions,
            orientations,
        )


def body_name(model: mujoco.MjModel, index: int) -> str:
    """A body's name, as its frame is called."""
    return WORLD if index == 0 else name_of(model, mujoco.mjtObj.mjOBJ_BODY, index)
