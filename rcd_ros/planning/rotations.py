"""Unit quaternions (w, x, y, z) turning vectors between the world's frame and a body's."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def to_world(quaternion: ArrayLike, vector: ArrayLike) -> NDArray[np.float64]:
    """A body-frame vector (3,) in the world frame; the quaternion (4,) need not have length one, but not zero."""
    w, *axis = np.asarray(quaternion, np.float64) / np.linalg.norm(np.asarray(quaternion, np.float64))
    body = np.asarray(vector, np.float64)
    return body + 2.0 * np.cross(axis, np.cross(axis, body) + w * body)


def to_body(quaternion: ArrayLike, vector: ArrayLike) -> NDArray[np.float64]:
    """A world-frame vector (3,) in the body frame: the inverse of `to_world`."""
    return to_world(np.asarray(quaternion, np.float64) * [1.0, -1.0, -1.0, -1.0], vector)
