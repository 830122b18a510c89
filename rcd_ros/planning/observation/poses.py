"""Poses of bodies and positions of goals, in the task's frames: as they come, or transformed, or refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.channels import AXES, ObservationChannel
from rcd_ros.planning.observation.sources import Group
from rcd_ros.planning.transforms import FrameTree, Quaternion, canonical, product, rotate, same_frame

_ONES, _ZEROS = (1.0,) * 3, (0.0,) * 3


class PosePlacement:
    """Brings poses into SI units, then into the frame of their channel.

    Attributes:
        frames: transforms between frames.
        problems: topic -> why its newest pose is not in the task's frame, as a sentence.
    """

    def __init__(self) -> None:
        """No transform is known yet."""
        self.frames = FrameTree()
        self.problems: dict[str, str] = {}

    def place(
        self,
        topic: str,
        channel: ObservationChannel,
        stamp: int | None,
        position: Iterable[float],
        orientation: Quaternion,
        frame: str,
    ) -> tuple[float, ...] | None:
        """A pose of a message in the channel's frame: position (3,) in m, quaternion (w, x, y, z).

        Args:
            topic: of the message.
            channel: that the pose is for.
            stamp: ns, of the transform to use; None: the newest.
            position: (3,) in the unit of the topic.
            orientation: quaternion (w, x, y, z).
            frame: of the message's header.

        Returns:
            None where it is in another frame and no transform is known: it may not be used.
        """
        if channel.topic_scale or channel.topic_offset:
            position = _in_metres(channel, position)
        if not channel.frame or channel.message_type == "tf" or same_frame(frame, channel.frame):
            if self.problems:
                self.problems.pop(topic, None)
            return (*position, *orientation)
        way = self.frames.lookup(channel.frame, frame, stamp) if frame else None
        if way is None:
            self.problems[topic] = (
                f"'{topic}' is in frame '{frame}', the task's frame is '{channel.frame}', and no transform between "
                "them has come on /tf or /tf_static"
            )
            return None
        self.problems.pop(topic, None)
        return (*way.apply(tuple(position)), *product(way.rotation, orientation))

    def body(
        self,
        group: Group,
        stamp: int,
        position: Iterable[float],
        orientation: Quaternion,
        frame: str,
        twist: tuple[Sequence[float], Sequence[float]] | None,
    ) -> NDArray[np.float64] | str:
        """Values (k,) of a group's channels that one message brings; the reason for which it cannot be used.

        Args:
            group: channels of a body's pose and twist.
            stamp: ns.
            position: (3,) in the unit of the topic.
            orientation: quaternion (w, x, y, z).
            frame: of the message's header.
            twist: linear and angular velocity (3,) in the body's frame; None: the message has none.
        """
        values: list[float] = []
        for channel in group.channels:
            pose = self.place(group.topic, channel, stamp, position, orientation, frame)
            if pose is None:
                return "another frame"
            if channel.kind == "body_pose":
                values += (*pose[:3], *canonical(*pose[3:]))
            elif twist is None:
                return "no velocity"
            else:
                values += (*rotate(*pose[3:], *twist[0]), *twist[1])
        return np.array(values)


@dataclass
class Goal:
    """A goal's channel, where an observation has it, and the goal in force: (axes,) m, None before the first."""

    channel: ObservationChannel
    places: slice
    values: NDArray[np.float64] | None = None

    def take(self, placement: PosePlacement, position: Sequence[float], frame: str) -> bool | str:
        """Take a position (3,) in the unit of the topic, in `frame`.

        Returns:
            Whether it is another goal than before; the reason for which it cannot be used.
        """
        placed = placement.place(self.channel.topic_key, self.channel, None, position, (1.0, 0.0, 0.0, 0.0), frame)
        if placed is None:
            return "another frame"
        values = np.array([placed[AXES.index(axis)] for axis in self.channel.joints], np.float64)
        if not np.isfinite(values).all():
            return "not finite"
        if self.values is not None and np.array_equal(values, self.values):
            return False
        self.values = values
        return True


def _in_metres(channel: ObservationChannel, position: Iterable[float]) -> list[float]:
    """A message's position (3,); of a goal, axes that it does not name have the factor of the first one it does."""
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    if channel.kind == "goal_position":
        factors = dict(zip(channel.joints, channel.topic_scale, strict=False))
        shifts = dict(zip(channel.joints, channel.topic_offset, strict=False))
        usual = next(iter(factors.values()), 1.0)
        scale = tuple(factors.get(axis, usual) for axis in AXES)
        offset = tuple(shifts.get(axis, 0.0) for axis in AXES)
    else:
        scale, offset = channel.topic_scale[:3] or _ONES, channel.topic_offset[:3] or _ZEROS
    return [a * number + b for a, number, b in zip(scale, position, offset, strict=True)]
