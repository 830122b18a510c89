"""Where a planned joint motion leads the end effector: forward kinematics of a trajectory's points."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.simulation.body_frames import body_name
from rcd_ros.simulation.model_layout import Joint, ModelLayout
from rcd_ros.simulation.mujoco_library import mujoco
from rcd_ros.suggest import did_you_mean

TIPS = ("tip", "end_effector", "attachment_site")
"""Sites that are taken for the end effector where none is named."""


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
