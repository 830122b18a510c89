"""Quaternions (w, x, y, z): the only place where they are multiplied and applied.

Written out because `planning` depends on NumPy alone: neither SciPy's `Rotation` nor MuJoCo is on a robot.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray


def to_world(quaternion: ArrayLike, vector: ArrayLike) -> NDArray[np.float64]:
    """A body-frame vector (3,) in the world frame; the quaternion (4,) need not have length one, but not zero."""
    w, x, y, z = np.asarray(quaternion, np.float64).tolist()
    a, b, c = np.asarray(vector, np.float64).tolist()
    return np.array(rotate(w, x, y, z, a, b, c))


def rotate(w: float, x: float, y: float, z: float, a: float, b: float, c: float) -> tuple[float, float, float]:
    """`to_world` of (a, b, c) in plain floats, which is faster than NumPy for a single vector."""
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    w, x, y, z = w / norm, x / norm, y / norm, z / norm
    p, q, r = y * c - z * b + w * a, z * a - x * c + w * b, x * b - y * a + w * c
    return a + 2.0 * (y * r - z * q), b + 2.0 * (z * p - x * r), c + 2.0 * (x * q - y * p)


def to_body(quaternion: ArrayLike, vector: ArrayLike) -> NDArray[np.float64]:
    """A world-frame vector (3,) in the body frame: the inverse of `to_world`."""
    return to_world(np.asarray(quaternion, np.float64) * [1.0, -1.0, -1.0, -1.0], vector)


def turn(quaternion: NDArray[np.float64], vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors (..., 3) rotated by unit quaternions (..., 4)."""
    w, v = quaternion[..., :1], quaternion[..., 1:]
    across = 2.0 * np.cross(v, vector)
    return np.asarray(vector + w * across + np.cross(v, across))


def multiply(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products of quaternions (..., 4): the rotation `right`, followed by `left`."""
    w, v = left[..., :1], left[..., 1:]
    other_w, other_v = right[..., :1], right[..., 1:]
    real = w * other_w - (v * other_v).sum(axis=-1, keepdims=True)
    return np.concatenate((real, w * other_v + other_w * v + np.cross(v, other_v)), axis=-1)


def product(
    first: tuple[float, float, float, float], second: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """The product of two quaternions: the rotation `second`, then `first`."""
    a, b, c, d = first
    w, x, y, z = second
    return (
        a * w - b * x - c * y - d * z,
        a * x + b * w + c * z - d * y,
        a * y - b * z + c * w + d * x,
        a * z + b * y - c * x + d * w,
    )


def canonical(w: float, x: float, y: float, z: float) -> tuple[float, float, float, float]:
    """Of the two quaternions of one rotation, q and -q, the one whose first component that is not zero is positive."""
    first = next((value for value in (w, x, y, z) if value != 0.0), 1.0)
    return (w, x, y, z) if first > 0.0 else (-w, -x, -y, -z)
