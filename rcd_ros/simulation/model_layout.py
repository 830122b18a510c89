"""The layout of a compiled MuJoCo model: joints, free bodies and actuators, by name and address.

Every hinge and slide is observed, and every free body. An actuator is commanded in physical units: force or torque
where it is a motor, position or velocity where it is a servo of that kind, recognised by its gain and bias as
MuJoCo's compiler sets them. Ball joints are not observed: their position is not one number.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.channels import JOINT_UNITS, Interface
from rcd_ros.simulation.mujoco_library import mujoco

_FREE, _SLIDE, _HINGE = mujoco.mjtJoint.mjJNT_FREE, mujoco.mjtJoint.mjJNT_SLIDE, mujoco.mjtJoint.mjJNT_HINGE
_JOINT_TRANSMISSIONS = (mujoco.mjtTrn.mjTRN_JOINT, mujoco.mjtTrn.mjTRN_JOINTINPARENT)


@dataclass(frozen=True)
class Joint:
    """A hinge or a slide: its addresses in qpos and qvel, and its range (rad or m; infinite where it has none)."""

    name: str
    turns: bool
    position: int
    velocity: int
    lower: float
    upper: float

    @property
    def unit(self) -> str:
        """Of its position."""
        return "rad" if self.turns else "m"


@dataclass(frozen=True)
class FreeBody:
    """A body with a free joint: where its seven positions and six velocities begin in qpos and qvel."""

    name: str
    position: int
    velocity: int


@dataclass(frozen=True)
class Actuator:
    """One control: command = `scale` * control, in `unit`, between `lower` and `upper`.

    `name` is that of the joint (or tendon) that it alone drives, else its own.
    """

    name: str
    interface: Interface
    unit: str
    scale: float
    lower: float
    upper: float
    joint: Joint | None


@dataclass(frozen=True)
class ModelLayout:
    """A model's hinges and slides, free bodies and actuators, in the model's order."""

    joints: tuple[Joint, ...]
    bodies: tuple[FreeBody, ...]
    actuators: tuple[Actuator, ...]

    @classmethod
    def of(cls, model: mujoco.MjModel) -> ModelLayout:
        """That of a compiled model."""
        joints, bodies = [], []
        for index in range(model.njnt):
            position, velocity = int(model.jnt_qposadr[index]), int(model.jnt_dofadr[index])
            kind = model.jnt_type[index]
            if kind == _FREE:
                body = name_of(model, mujoco.mjtObj.mjOBJ_BODY, int(model.jnt_bodyid[index]))
                bodies.append(FreeBody(body, position, velocity))
            elif kind in (_SLIDE, _HINGE):
                low, high = model.jnt_range[index].tolist() if model.jnt_limited[index] else (-np.inf, np.inf)
                name = name_of(model, mujoco.mjtObj.mjOBJ_JOINT, index)
                joints.append(Joint(name, bool(kind == _HINGE), position, velocity, low, high))
        return cls(tuple(joints), tuple(bodies), _actuators(model, joints))

    def observe(self, data: mujoco.MjData) -> NDArray[np.float64]:
        """The state as one vector: joint positions, joint velocities, then each free body's pose (7) and twist (6)."""
        parts = [data.qpos[[joint.position for joint in self.joints]], data.qvel[[j.velocity for j in self.joints]]]
        for body in self.bodies:
            parts += [data.qpos[body.position : body.position + 7], data.qvel[body.velocity : body.velocity + 6]]
        return np.concatenate(parts, dtype=np.float64)

    def restore(self, data: mujoco.MjData, state: NDArray[np.float64]) -> None:
        """Write a vector of `observe` back into `data`."""
        count = len(self.joints)
        data.qpos[[joint.position for joint in self.joints]] = state[:count]
        data.qvel[[joint.velocity for joint in self.joints]] = state[count : 2 * count]
        for index, body in enumerate(self.bodies):
            begin = 2 * count + 13 * index
            data.qpos[body.position : body.position + 7] = state[begin : begin + 7]
            data.qvel[body.velocity : body.velocity + 6] = state[begin + 7 : begin + 13]


def name_of(model: mujoco.MjModel, kind: mujoco.mjtObj, index: int) -> str:
    """An element's name, or its kind and number where it has none."""
    name = mujoco.mj_id2name(model, kind, index)
    return str(name) if name else f"{kind.name.removeprefix('mjOBJ_').lower()}_{index}"


def _actuators(model: mujoco.MjModel, joints: list[Joint]) -> tuple[Actuator, ...]:
    driven = [_driven(model, index) for index in range(model.nu)]
    times = Counter(driven)
    by_name = {joint.name: joint for joint in joints}
    return tuple(
        _actuator(
            model,
            index,
            target if times[target] == 1 and target else name_of(model, mujoco.mjtObj.mjOBJ_ACTUATOR, index),
            by_name.get(target),
        )
        for index, target in enumerate(driven)
    )


def _driven(model: mujoco.MjModel, index: int) -> str:
    """Name of the hinge, slide or tendon that an actuator drives; empty where it drives something else."""
    target, kind = int(model.actuator_trnid[index, 0]), model.actuator_trntype[index]
    if kind in _JOINT_TRANSMISSIONS and model.jnt_type[target] in (_SLIDE, _HINGE):
        return name_of(model, mujoco.mjtObj.mjOBJ_JOINT, target)
    if kind == mujoco.mjtTrn.mjTRN_TENDON:
        return name_of(model, mujoco.mjtObj.mjOBJ_TENDON, target)
    return ""


def _actuator(model: mujoco.MjModel, index: int, name: str, joint: Joint | None) -> Actuator:
    interface, scale, is_physical = _transfer(model, index)
    turns = joint is not None and joint.turns
    low, high = -np.inf, np.inf
    if model.actuator_ctrllimited[index]:
        low, high = sorted((model.actuator_ctrlrange[index] * scale).tolist())
    elif interface == "position" and joint is not None:
        low, high = joint.lower, joint.upper
    elif interface == "effort" and model.actuator_forcelimited[index]:
        low, high = sorted((model.actuator_forcerange[index] * model.actuator_gear[index, 0]).tolist())
    return Actuator(name, interface, JOINT_UNITS[interface][turns] if is_physical else "1", scale, low, high, joint)


def _transfer(model: mujoco.MjModel, index: int) -> tuple[Interface, float, bool]:
    """What one actuator's control commands, command / control, and whether that is a physical quantity.

    Force = gain * control + b1 * length + b2 * velocity, of the transmission: length = gear * joint position. A servo
    comes to rest where its force is zero.
    """
    gain, (_, b1, b2) = float(model.actuator_gainprm[index, 0]), model.actuator_biasprm[index, :3].tolist()
    gear = float(model.actuator_gear[index, 0])
    fixed = model.actuator_gaintype[index] == mujoco.mjtGain.mjGAIN_FIXED
    servo = fixed and model.actuator_biastype[index] == mujoco.mjtBias.mjBIAS_AFFINE
    dynamics = model.actuator_dyntype[index]
    if servo and b1 != 0.0 and gear != 0.0:
        integrates = dynamics == mujoco.mjtDyn.mjDYN_INTEGRATOR
        return "velocity" if integrates else "position", -gain / (b1 * gear), True
    if servo and b2 != 0.0 and gear != 0.0:
        return "velocity", -gain / (b2 * gear), True
    passive = model.actuator_biastype[index] == mujoco.mjtBias.mjBIAS_NONE
    if fixed and passive and dynamics == mujoco.mjtDyn.mjDYN_NONE and gain * gear != 0.0:
        return "effort", gain * gear, True
    return "effort", 1.0, False
