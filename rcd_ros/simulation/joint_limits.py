"""What a URDF or a MuJoCo model says about its joints: kind, range, speed, effort."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from rcd_ros.errors import RcdError


@dataclass(frozen=True)
class JointLimits:
    """What a model file says about one joint: SI units; None where it says nothing."""

    turns: bool = True
    continuous: bool = False
    lower: float | None = None
    upper: float | None = None
    velocity: float | None = None
    effort: float | None = None
    command: tuple[float, float] | None = None
    """Range of the actuator that drives it alone."""


def urdf_joints(path: Path) -> dict[str, JointLimits]:
    """The movable joints of a URDF.

    Raises:
        RcdError: the file cannot be read, is no URDF, or has a limit that is no number.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RcdError(f"the URDF '{path}' cannot be read: {reason}") from error
    if root.tag != "robot":
        raise RcdError(f"'{path}' is no URDF: its root is <{root.tag}>, not <robot>")
    joints = {}
    for joint in root.iter("joint"):
        kind, name = joint.get("type", ""), joint.get("name", "")
        if kind not in ("revolute", "continuous", "prismatic") or joint.find("mimic") is not None:
            continue
        limit = joint.find("limit")
        try:
            values = {} if limit is None else {key: float(value) for key, value in limit.attrib.items()}
        except ValueError as error:
            raise RcdError(f"the URDF '{path}' has a limit of joint '{name}' that is no number: {error}") from error
        bounded = kind != "continuous"
        joints[name] = JointLimits(
            turns=kind != "prismatic",
            continuous=not bounded,
            lower=values.get("lower", 0.0) if bounded else None,
            upper=values.get("upper", 0.0) if bounded else None,
            velocity=values.get("velocity") or None,
            effort=values.get("effort") or None,
        )
    return joints


def model_joints(path: Path) -> dict[str, JointLimits]:
    """The hinges and slides of a MuJoCo model.

    Raises:
        RcdError: MuJoCo is not installed, or the model does not compile.
    """
    try:
        from rcd_ros.simulation.model_layout import ModelLayout
        from rcd_ros.simulation.worlds.model_file import load_model
    except ImportError as error:
        raise RcdError(f"reading '{path.name}' needs MuJoCo ({error}): pip install 'rcd_ros[sim]'") from error
    layout = ModelLayout.of(load_model(path))
    ranges = {
        actuator.joint.name: (actuator.lower, actuator.upper)
        for actuator in layout.actuators
        if actuator.joint is not None and actuator.joint.name == actuator.name
    }
    return {
        joint.name: JointLimits(
            turns=joint.turns,
            continuous=joint.turns and not math.isfinite(joint.lower),
            lower=joint.lower if math.isfinite(joint.lower) else None,
            upper=joint.upper if math.isfinite(joint.upper) else None,
            command=ranges.get(joint.name),
        )
        for joint in layout.joints
    }
