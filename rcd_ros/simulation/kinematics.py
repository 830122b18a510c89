"""Where a model's bodies are, and where a planned joint motion leads the end effector."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.transforms import conjugate_quaternions, multiply_quaternions, rotate_vectors
from rcd_ros.simulation.model_layout import Joint, ModelLayout, name_of
from rcd_ros.simulation.mujoco_library import mujoco
from rcd_ros.suggest import did_you_mean

WORLD = "world"
TIPS = ("tip", "end_effector", "attachment_site")
"""Sites that are taken for the end effector where none is named."""


@dataclass(frozen=True)
class BodyPoses:
    """Bodies in the frames of their parents: positions (n, 3) in m, orientations (n, 4) as w, x, y, z."""

    parents: tuple[str, ...]
    bodies: tuple[str, ...]
    positions: NDArray[np.float64]
    orientations: NDArray[np.float64]


class BodyFrames:
    """The bodies of a model in the frames of their parents, parted into moving and fixed ones."""

    def __init__(self, model: mujoco.MjModel) -> None:
        """Find the bodies of a compiled model."""
        self._parent = model.body_parentid.copy()
        self._names = [body_name(model, index) for index in range(model.nbody)]
        moves = (model.body_dofnum > 0) | (model.body_mocapid >= 0)
        moves[0] = False
        self._moving = np.flatnonzero(moves)
        self._still = np.flatnonzero(~moves)[1:]
        self._offsets = model.body_pos.copy(), model.body_quat.copy()

    def still(self) -> BodyPoses:
        """The bodies that are fixed to their parents."""
        positions, orientations = self._offsets
        return self._poses(self._still, positions[self._still], orientations[self._still])

    def moving(self, data: mujoco.MjData) -> BodyPoses:
        """The bodies that move relative to their parents, in the state `data`."""
        moving, parents = self._moving, self._parent[self._moving]
        turned_back = conjugate_quaternions(data.xquat[parents])
        away = data.xpos[moving] - data.xpos[parents]
        return self._poses(
            moving, rotate_vectors(turned_back, away), multiply_quaternions(turned_back, data.xquat[moving])
        )

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


class PlannedPath:
    """Forward kinematics of one model in a copy of its state."""

    def __init__(self, model: mujoco.MjModel, joints: Sequence[str], end_effector: str = "") -> None:
        """Follow a site or body.

        Args:
            model: the compiled model.
            joints: that are commanded; those that are no hinges or slides of the model do not move here.
            end_effector: name of a site or body; empty: a site of `TIPS`, else the last body that the joints drive.

        Raises:
            RcdError: there is no such site or body.
        """
        self._model, self._data = model, mujoco.MjData(model)
        self._joints = _by_name(ModelLayout.of(model).joints)
        driven = [self._joints[name] for name in joints if name in self._joints]
        self._site, self._body = _find(model, driven, end_effector)

    def points(self, data: mujoco.MjData, names: Sequence[str], positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """The end effector's places (points, 3) in the world for `positions` (points, joints) of the named joints.

        All else is where it is in `data`.
        """
        known = [(column, self._joints[name].position) for column, name in enumerate(names) if name in self._joints]
        columns, addresses = [column for column, _ in known], [address for _, address in known]
        self._data.qpos[:] = data.qpos
        self._data.mocap_pos[:], self._data.mocap_quat[:] = data.mocap_pos, data.mocap_quat
        places = np.empty((len(positions), 3))
        for row, values in enumerate(positions):
            self._data.qpos[addresses] = values[columns]
            mujoco.mj_kinematics(self._model, self._data)
            places[row] = self._data.xpos[self._body] if self._site < 0 else self._data.site_xpos[self._site]
        return places


def _by_name(joints: Sequence[Joint]) -> dict[str, Joint]:
    """Joints by their names, and by these without what stands before a colon or slash: whose they are."""
    short = {re.split("[:/]", joint.name)[-1]: joint for joint in joints}
    return short | {joint.name: joint for joint in joints}


def _find(model: mujoco.MjModel, driven: Sequence[Joint], end_effector: str) -> tuple[int, int]:
    """The site (-1: none) and the body whose way is shown."""
    names = (end_effector,) if end_effector else TIPS
    site = max(mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, name) for name in names)
    if site >= 0:
        return site, int(model.site_bodyid[site])
    if end_effector:
        body = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, end_effector)
        if body < 0:
            bodies = [body_name(model, index) for index in range(model.nbody)]
            raise RcdError(f"the model has no site or body '{end_effector}'{did_you_mean(end_effector, bodies)}")
        return -1, body
    return -1, max((int(model.dof_bodyid[joint.velocity]) for joint in driven), default=0)
