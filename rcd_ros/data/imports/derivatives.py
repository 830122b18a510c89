"""Velocities that were not recorded: differences of the positions that were."""

from __future__ import annotations

import numpy as np

from rcd_ros.errors import RcdError
from rcd_ros.formats.recording import FloatArray
from rcd_ros.planning.channels import ObservationChannel
from rcd_ros.planning.spec import TaskSpec

DERIVED = ("joint_velocity", "body_twist")
"""Kinds of channels that need not be recorded."""


def differences(spec: TaskSpec, seen: FloatArray, period: float) -> FloatArray:
    """Observations (T, n_obs) in SI units whose unknown velocities (NaN) are filled in from the positions.

    A velocity at a moment is the way since the moment before by the period: what is known at that moment on a robot,
    too. The first moment's is the second's.

    Args:
        spec: of the task.
        seen: in the task's order, NaN in all rows of a channel that was not recorded.
        period: s between two rows.

    Raises:
        RcdError: a channel is neither recorded nor a velocity of recorded positions, or there is a single row.
    """
    filled: FloatArray = seen.copy()
    for channel, places in spec.placed():
        part = slice(places.start, places.stop)
        if not np.isnan(seen[:, part]).all():
            continue
        if channel.kind not in DERIVED:
            raise RcdError(f"it has no columns for channel '{channel.name}'")
        positions = _positions(spec, channel, seen)
        if len(seen) < 2:
            raise RcdError("it has a single observation")
        speeds = _twists(positions, period) if channel.kind == "body_twist" else np.diff(positions, axis=0) / period
        filled[:, part] = np.vstack((speeds[:1], speeds))
    return filled


def _positions(spec: TaskSpec, channel: ObservationChannel, seen: FloatArray) -> FloatArray:
    """Positions (T, joints) of a velocity channel's joints, or poses (T, 7) of a twist's body."""
    kind = "joint_position" if channel.kind == "joint_velocity" else "body_pose"
    where: dict[str, list[int]] = {}
    for other, places in spec.placed():
        if other.kind == kind:
            if kind == "body_pose":
                where[other.joints[0]] = list(places)
            else:
                where |= {joint: [place] for joint, place in zip(other.joints, places, strict=True)}
    missing = [joint for joint in channel.joints if joint not in where or np.isnan(seen[:, where[joint]]).any()]
    if missing:
        raise RcdError(f"it has no columns for channel '{channel.name}', nor positions of {', '.join(missing)}")
    return seen[:, [place for joint in channel.joints for place in where[joint]]]


def _twists(poses: FloatArray, period: float) -> FloatArray:
    """Twists (T - 1, 6; m/s, rad/s) between poses (T, 7; m, quaternion w, x, y, z).

    The linear velocity is in the world frame, the angular one in the body's, as MuJoCo has them for a free joint. The
    latter is the rotation vector of conj(q_t) q_{t+1} by the period, the shorter way round.
    """
    w, v = poses[:-1, 3], -poses[:-1, 4:7]
    u, s = poses[1:, 3], poses[1:, 4:7]
    real = w * u - (v * s).sum(1)
    imaginary = w[:, None] * s + u[:, None] * v + np.cross(v, s)
    flip = np.where(real < 0.0, -1.0, 1.0)  # q and -q are the same orientation
    length = np.linalg.norm(imaginary, axis=1)
    angle = 2.0 * np.arctan2(length, real * flip)
    axis = imaginary * flip[:, None] / np.maximum(length, 1e-12)[:, None]
    return np.hstack((np.diff(poses[:, :3], axis=0), axis * angle[:, None])) / period
