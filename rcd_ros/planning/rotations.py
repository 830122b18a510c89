"""Unit quaternions (w, x, y, z) turning vectors between the world's frame and a body's."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def to_world(quaternion: ArrayLike, vector: ArrayLike) -> NDArray[np.float64]:
    """A body-frame vector (3,) in the world frame; the quaternion (4,) need not have length one, but not zero."""
    rotation = np.asarray(quaternion, np.float64)
    # Plain floats: NumPy's cross product takes longer than a small network's layer.
    w, x, y, z = (rotation / np.linalg.norm(rotation)).tolist()
    a, b, c = np.asarray(vector, np.float64).tolist()
    p, q, r = y * c - z * b + w * a, z * a - x * c + w * b, x * b - y * a + w * c
    return np.array([a + 2.0 * (y * r - z * q), b + 2.0 * (z * p - x * r), c + 2.0 * (x * q - y * p)])


def to_body(quaternion: ArrayLike, vector: ArrayLike) -> NDArray[np.float64]:
    """A world-frame vector (3,) in the body frame: the inverse of `to_world`."""
    return to_world(np.asarray(quaternion, np.float64) * [1.0, -1.0, -1.0, -1.0], vector)
