"""Rotations and coordinate frames: quaternions (w, x, y, z), and transforms between frames as tf has them.

Quaternions are multiplied and applied here only. That is written out because `planning` depends on NumPy alone: neither
SciPy's `Rotation` nor MuJoCo is on a robot. For a single vector plain floats are faster than NumPy.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

_KEPT = 200
"""Transforms kept per moving frame: two seconds at 100 Hz."""


def to_world(quaternion: ArrayLike, vector: ArrayLike) -> NDArray[np.float64]:
    """A body-frame vector (3,) in the world frame; the quaternion (4,) need not have length one, but not zero."""
    w, x, y, z = np.asarray(quaternion, np.float64).tolist()
    a, b, c = np.asarray(vector, np.float64).tolist()
    return np.array(rotate(w, x, y, z, a, b, c))


def rotate(w: float, x: float, y: float, z: float, a: float, b: float, c: float) -> Vector:
    """`to_world` of (a, b, c) in plain floats, which is faster than NumPy for a single vector."""
    norm = math.sqrt(w * w + x * x + y * y + z * z)
    w, x, y, z = w / norm, x / norm, y / norm, z / norm
    p, q, r = y * c - z * b + w * a, z * a - x * c + w * b, x * b - y * a + w * c
    return a + 2.0 * (y * r - z * q), b + 2.0 * (z * p - x * r), c + 2.0 * (x * q - y * p)


def to_body(quaternion: ArrayLike, vector: ArrayLike) -> NDArray[np.float64]:
    """A world-frame vector (3,) in the body frame: the inverse of `to_world`."""
    return to_world(conjugate_quaternions(np.asarray(quaternion, np.float64)), vector)


def conjugate_quaternions(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Conjugates of quaternions (..., 4): the inverse rotations of unit quaternions."""
    return np.asarray(quaternion * np.array([1.0, -1.0, -1.0, -1.0]))


def rotate_vectors(quaternion: NDArray[np.float64], vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors (..., 3) rotated by unit quaternions (..., 4)."""
    w, v = quaternion[..., :1], quaternion[..., 1:]
    across = 2.0 * np.cross(v, vector)
    return np.asarray(vector + w * across + np.cross(v, across))


def multiply_quaternions(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products of quaternions (..., 4): the rotation `right`, followed by `left`."""
    w, v = left[..., :1], left[..., 1:]
    other_w, other_v = right[..., :1], right[..., 1:]
    real = w * other_w - (v * other_v).sum(axis=-1, keepdims=True)
    return np.concatenate((real, w * other_v + other_w * v + np.cross(v, other_v)), axis=-1)


def product(first: Quaternion, second: Quaternion) -> Quaternion:
    """`multiply_quaternions` of two in plain floats: the rotation `second`, then `first`."""
    a, b, c, d = first
    w, x, y, z = second
    return (
        a * w - b * x - c * y - d * z,
        a * x + b * w + c * z - d * y,
        a * y - b * z + c * w + d * x,
        a * z + b * y - c * x + d * w,
    )


def canonical(w: float, x: float, y: float, z: float) -> Quaternion:
    """Of the two quaternions of one rotation, q and -q, the one whose first component that is not zero is positive."""
    first = next((value for value in (w, x, y, z) if value != 0.0), 1.0)
    return (w, x, y, z) if first > 0.0 else (-w, -x, -y, -z)


@dataclass(frozen=True)
class Transform:
    """A child frame seen from its parent: translation (3,) in m, rotation as a unit quaternion (w, x, y, z).

    `stamp` (ns) is when it held; None for one that always holds.
    """

    stamp: int | None
    translation: Vector
    rotation: Quaternion

    def after(self, inner: Transform) -> Transform:
        """This transform applied after `inner`: a -> b after b -> c is a -> c; its stamp is the older one."""
        x, y, z = self.apply(inner.translation)
        stamps = [stamp for stamp in (self.stamp, inner.stamp) if stamp is not None]
        return Transform(min(stamps, default=None), (x, y, z), product(self.rotation, inner.rotation))

    def apply(self, point: Sequence[float]) -> Vector:
        """A point (3,) of the child frame in the parent's."""
        x, y, z = rotate(*self.rotation, *point)
        a, b, c = self.translation
        return x + a, y + b, z + c

    def inverse(self) -> Transform:
        """The parent seen from the child."""
        w, x, y, z = self.rotation
        back = (w, -x, -y, -z)
        a, b, c = rotate(*back, *self.translation)
        return Transform(self.stamp, (-a, -b, -c), back)


IDENTITY = Transform(None, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0))


def same_frame(one: str, other: str) -> bool:
    """Whether two names are of one frame; ROS 1 drivers begin them with a slash."""
    return one.lstrip("/") == other.lstrip("/")


class FrameTree:
    """Transforms by child frame, the newest ones of each kept."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._transforms: dict[str, deque[Transform]] = {}

    def set(self, parent: str, child: str, transform: Transform) -> None:
        """Take a transform; one from another parent replaces what was known of the child."""
        parent, child = parent.lstrip("/"), child.lstrip("/")
        if self._parents.get(child) != parent or transform.stamp is None:
            self._parents[child] = parent
            self._transforms[child] = deque(maxlen=_KEPT)
        known = self._transforms[child]
        if known and known[-1].stamp is not None and transform.stamp is not None and transform.stamp < known[-1].stamp:
            known.clear()  # a clock that began again, or a message that was overtaken
        known.append(transform)

    def lookup(self, target: str, source: str, stamp: int | None = None) -> Transform | None:
        """`source` seen from `target`, by the transforms nearest to `stamp` (ns; None: the newest).

        Returns:
            None where the two frames are not connected.
        """
        up, down = self._path(source.lstrip("/")), self._path(target.lstrip("/"))
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            return None
        return self._from(common, down, stamp).inverse().after(self._from(common, up, stamp))

    def _path(self, frame: str) -> list[str]:
        path = [frame]
        while path[-1] in self._parents and self._parents[path[-1]] not in path:
            path.append(self._parents[path[-1]])
        return path

    def _from(self, ancestor: str, path: list[str], stamp: int | None) -> Transform:
        """The first frame of a path seen from an ancestor in it."""
        result = IDENTITY
        for frame in path[: path.index(ancestor)]:
            result = _nearest(self._transforms[frame], stamp).after(result)
        return result


def _nearest(known: deque[Transform], stamp: int | None) -> Transform:
    if stamp is None or known[-1].stamp is None:
        return known[-1]
    moment = stamp
    return min(known, key=lambda transform: abs((transform.stamp or 0) - moment))
