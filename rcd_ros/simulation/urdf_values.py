"""Places and orientations as URDF writes them."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

import numpy as np
from numpy.typing import NDArray


def numbers(values: NDArray[np.float64]) -> str:
    """Numbers with spaces between them."""
    return " ".join(f"{value:.9g}" for value in values)


def add_origin(element: Element, position: NDArray[np.float64], orientation: NDArray[np.float64]) -> None:
    """Say where an element is: position (3,) in m, orientation (4,) as w, x, y, z."""
    SubElement(element, "origin", xyz=numbers(position), rpy=numbers(roll_pitch_yaw(orientation)))


def roll_pitch_yaw(orientation: NDArray[np.float64]) -> NDArray[np.float64]:
    """A quaternion (4,) as w, x, y, z in URDF's fixed-axis angles (3,): first about x, then y, then z."""
    w, x, y, z = orientation / np.linalg.norm(orientation)
    # Not SciPy's Rotation: it warns where roll and yaw are one rotation, and MuJoCo converts no Euler angles back.
    sine = np.clip(2.0 * (w * y - z * x), -1.0, 1.0)
    if abs(sine) > 1.0 - 1e-12:  # straight up or down: roll and yaw are one rotation
        return np.array([0.0, np.copysign(np.pi / 2, sine), -2.0 * np.copysign(np.arctan2(x, w), sine)])
    roll = np.arctan2(2.0 * (w * x + y * z), 1.0 - 2.0 * (x * x + y * y))
    yaw = np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    return np.array([roll, np.arcsin(sine), yaw])
