"""Coordinate frames and the transforms between them, as tf has them. NumPy and plain floats only."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from rcd_ros.planning.rotations import product, rotate

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

_KEPT = 200
"""Transforms kept per moving frame: two seconds at 100 Hz."""


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
