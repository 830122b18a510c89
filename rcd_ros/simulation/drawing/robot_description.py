"""A MuJoCo model as URDF, so that RViz, Foxglove and other ROS tools can draw it.

Links are bodies, joints are joints: with positions as `joint_states` has them, the URDF's links are where the model's
bodies are. What URDF cannot express is approximated: several joints of one body become a chain of empty links, a ball
or free joint a floating one, an ellipsoid a sphere, and a mesh without a file the box around it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.transforms import multiply_quaternions, rotate_vectors
from rcd_ros.simulation.drawing.visuals import add_origin, add_visuals, numbers
from rcd_ros.simulation.kinematics import body_name
from rcd_ros.simulation.model_layout import name_of
from rcd_ros.simulation.mujoco_library import mujoco

_BALL, _HINGE = mujoco.mjtJoint.mjJNT_BALL, mujoco.mjtJoint.mjJNT_HINGE
_TINY = 1e-9
UNLIMITED = 1e3
"""Written where a model has no limit of force or speed (N, N m; m/s, rad/s): URDF requires a number."""


@dataclass(frozen=True)
class _Pose:
    """A place and an orientation (w, x, y, z) in a frame."""

    position: NDArray[np.float64]
    orientation: NDArray[np.float64]

    def then(self, inner: _Pose) -> _Pose:
        """A pose that is given in the frame of this one."""
        position = self.position + rotate_vectors(self.orientation, inner.position)
        return _Pose(position, multiply_quaternions(self.orientation, inner.orientation))

    @property
    def is_identity(self) -> bool:
        return bool(np.abs(self.position).max() < _TINY and np.abs(self.orientation[1:]).max() < _TINY)


_HERE = _Pose(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))


def robot_description(model: mujoco.MjModel, mesh_folders: Sequence[Path] = ()) -> str:
    """The URDF of a compiled model; meshes are looked for below `mesh_folders` and named by their files."""
    robot = Element("robot", name=re.sub(r"\W+", "_", _model_name(model)) or "robot")
    SubElement(robot, "link", name=body_name(model, 0))
    add_visuals(robot[-1], model, 0, mesh_folders)
    for body in range(1, model.nbody):
        _add_body(robot, model, body)
        add_visuals(robot[-1], model, body, mesh_folders)
    indent(robot)
    return tostring(robot, encoding="unicode")


def _model_name(model: mujoco.MjModel) -> str:
    return bytes(model.names).split(b"\0", 1)[0].decode()


def _add_body(robot: Element, model: mujoco.MjModel, body: int) -> None:
    """The joints that lead to a body, then its link, which is the last element afterwards."""
    name, link = body_name(model, body), body_name(model, int(model.body_parentid[body]))
    pending = _Pose(model.body_pos[body], model.body_quat[body])
    first, number = int(model.body_jntadr[body]), int(model.body_jntnum[body])
    for joint in range(first, first + number):
        anchor = _Pose(model.jnt_pos[joint], _HERE.orientation)
        back = _Pose(-model.jnt_pos[joint], _HERE.orientation)
        if model.jnt_type[joint] in (mujoco.mjtJoint.mjJNT_SLIDE, _HINGE):
            origin = pending.then(anchor).then(_unreferenced(model, joint))
        else:
            origin = _HERE if model.jnt_type[joint] != _BALL else pending.then(anchor)
        pending = back
        last = joint == first + number - 1 and pending.is_identity
        child = name if last else f"{name}_{_joint_name(model, joint)}"
        _add_joint(robot, model, joint, link, child, origin)
        if last:
            _add_link(robot, model, body, name)
            return
        SubElement(robot, "link", name=child)
        link = child
    fixed = SubElement(robot, "joint", name=f"{name}_fixed", type="fixed")
    _add_ends(fixed, link, name, pending)
    _add_link(robot, model, body, name)


def _joint_name(model: mujoco.MjModel, joint: int) -> str:
    return name_of(model, mujoco.mjtObj.mjOBJ_JOINT, joint)


def _unreferenced(model: mujoco.MjModel, joint: int) -> _Pose:
    """From where a joint is at its model's reference position to where it is at zero."""
    back, axis = -float(model.qpos0[model.jnt_qposadr[joint]]), model.jnt_axis[joint]
    if model.jnt_type[joint] == _HINGE:
        return _Pose(np.zeros(3), np.concatenate(([np.cos(back / 2)], np.sin(back / 2) * axis)))
    return _Pose(back * axis, _HERE.orientation)


def _add_joint(robot: Element, model: mujoco.MjModel, joint: int, parent: str, child: str, origin: _Pose) -> None:
    hinge, limited = model.jnt_type[joint] == _HINGE, bool(model.jnt_limited[joint])
    kind = ("revolute" if limited else "continuous") if hinge else "prismatic"
    if model.jnt_type[joint] in (mujoco.mjtJoint.mjJNT_FREE, _BALL):
        kind = "floating"
    element = SubElement(robot, "joint", name=_joint_name(model, joint), type=kind)
    _add_ends(element, parent, child, origin)
    if kind == "floating":
        return
    SubElement(element, "axis", xyz=numbers(model.jnt_axis[joint]))
    low, high = model.jnt_range[joint].tolist() if limited else (-UNLIMITED, UNLIMITED)
    limit = {"effort": f"{UNLIMITED:g}", "velocity": f"{UNLIMITED:g}"}
    if kind != "continuous":
        limit |= {"lower": f"{low:.9g}", "upper": f"{high:.9g}"}
    SubElement(element, "limit", limit)
    damping = float(model.dof_damping[model.jnt_dofadr[joint]].flat[0])
    SubElement(element, "dynamics", damping=f"{damping:.9g}")


def _add_ends(joint: Element, parent: str, child: str, origin: _Pose) -> None:
    SubElement(joint, "parent", link=parent)
    SubElement(joint, "child", link=child)
    add_origin(joint, origin.position, origin.orientation)


def _add_link(robot: Element, model: mujoco.MjModel, body: int, name: str) -> None:
    link = SubElement(robot, "link", name=name)
    if model.body_mass[body] <= 0.0:
        return
    inertial = SubElement(link, "inertial")
    add_origin(inertial, model.body_ipos[body], model.body_iquat[body])
    SubElement(inertial, "mass", value=f"{model.body_mass[body]:.9g}")
    ixx, iyy, izz = (f"{value:.9g}" for value in model.body_inertia[body])
    SubElement(inertial, "inertia", ixx=ixx, iyy=iyy, izz=izz, ixy="0", ixz="0", iyz="0")
