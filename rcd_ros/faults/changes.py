"""What can happen to messages on their way: changes for `wire.Tampering`, each one thing gone wrong."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from typing import Any

from rcd_ros.faults.wire import Change
from rcd_ros.nodes.ros.messages import nanoseconds, time_message
from rcd_ros.nodes.ros.raw import serialize

Edit = Callable[[Any], None]
"""Changes a message in place."""


def edited(edit: Edit) -> Change:
    """Every message, changed by `edit`."""

    def change(message: Any) -> Iterable[Any]:
        edit(message)
        return (message,)

    return change


def swallowed(message: Any) -> Iterable[Any]:
    """Nothing comes through."""
    return ()


def lost(share: float, seed: int = 0) -> Change:
    """A share of the messages is lost, at random."""
    rng = random.Random(seed)
    return lambda message: () if rng.random() < share else (message,)


def repeated(count: int) -> Change:
    """Every message comes `count` times."""
    return lambda message: (message,) * count


def garbled(message: Any) -> Iterable[Any]:
    """Joint names that are no text: the middleware passes these bytes on, and no reader can make names of them."""
    names = message.joint_names if hasattr(message, "joint_names") else message.name
    data = serialize(message)
    for name in names:
        data = data.replace(name.encode(), b"\xff" * len(name))
    return (data,)


class Burst:
    """The first message comes `count` times, the others as they are."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __call__(self, message: Any) -> Iterable[Any]:
        """All copies at once, then one each."""
        count, self._count = self._count, 1
        return (message,) * count


class SwappedPairs:
    """Every second message comes before the one that it followed."""

    def __init__(self) -> None:
        self._held: Any = None

    def __call__(self, message: Any) -> Iterable[Any]:
        """Hold one back, or let two go."""
        if self._held is None:
            self._held = message
            return ()
        first, self._held = self._held, None
        return (message, first)


class FrozenStamp:
    """The first message's stamp stands on all that follow."""

    def __init__(self) -> None:
        self._stamp: Any = None

    def __call__(self, message: Any) -> Iterable[Any]:
        """Keep or write the stamp."""
        self._stamp = self._stamp or message.header.stamp
        message.header.stamp = self._stamp
        return (message,)


def shifted(seconds: float) -> Change:
    """Stamps (of a clock: its time) are off by so much; none becomes negative."""

    def edit(message: Any) -> None:
        owner, field = (message.header, "stamp") if hasattr(message, "header") else (message, "clock")
        stamp = nanoseconds(getattr(owner, field)) + round(seconds * 1e9)
        setattr(owner, field, time_message(max(stamp, 0)))

    return edited(edit)


def one_position(value: float) -> Change:
    """The first joint's position becomes `value`."""
    return _joint_state(lambda names, positions, velocities: (names, [value, *positions[1:]], velocities))


def moved(offset: float) -> Change:
    """All positions are off by so much (rad, m)."""
    return _joint_state(lambda names, positions, velocities: (names, [p + offset for p in positions], velocities))


def without_first_joint() -> Change:
    """The first joint is missing."""
    return _joint_state(lambda names, positions, velocities: (names[1:], positions[1:], velocities[1:]))


def with_extra_joints() -> Change:
    """Two joints of somebody else stand in front."""
    return _joint_state(
        lambda names, positions, velocities: (["lift", "head", *names], [9.0, 9.0, *positions], [9.0, 9.0, *velocities])
    )


def reversed_joints() -> Change:
    """The same joints from the last to the first."""
    return _joint_state(lambda names, positions, velocities: (names[::-1], positions[::-1], velocities[::-1]))


def with_a_joint_twice() -> Change:
    """The first joint comes again at the end."""
    return _joint_state(
        lambda names, positions, velocities: ([*names, names[0]], [*positions, 0.0], [*velocities, 0.0])
    )


def with_short_positions() -> Change:
    """One position less than there are names."""
    return _joint_state(lambda names, positions, velocities: (names, positions[:-1], velocities))


def without_numbers() -> Change:
    """Names alone."""
    return _joint_state(lambda names, positions, velocities: (names, [], []))


def without_orientation() -> Change:
    """A body's quaternion is all zero."""

    def edit(message: Any) -> None:
        orientation = message.pose.pose.orientation
        orientation.x = orientation.y = orientation.z = orientation.w = 0.0

    return edited(edit)


def one_command(value: float) -> Change:
    """The first joint's command becomes `value` in a trajectory's first point."""

    def edit(message: Any) -> None:
        for field in ("positions", "velocities", "effort"):
            values = list(getattr(message.points[0], field))
            if values:
                setattr(message.points[0], field, [value, *values[1:]])

    return edited(edit)


def with_other_joints(message: Any) -> Iterable[Any]:
    """A trajectory for a robot whose joints have other names."""
    message.joint_names = [f"other_{name}" for name in message.joint_names]
    return (message,)


def with_times_reversed(message: Any) -> Iterable[Any]:
    """The points' times run backwards."""
    times = [point.time_from_start for point in message.points]
    for point, moment in zip(message.points, reversed(times), strict=True):
        point.time_from_start = moment
    return (message,)


def without_points(message: Any) -> Iterable[Any]:
    """A trajectory without points."""
    message.points = []
    return (message,)


NOT_A_NUMBER, INFINITE = math.nan, math.inf


def _joint_state(
    remake: Callable[[list[str], list[float], list[float]], tuple[list[str], list[float], list[float]]],
) -> Change:
    def edit(message: Any) -> None:
        made = remake(list(message.name), list(message.position), list(message.velocity))
        message.name, message.position, message.velocity = made

    return edited(edit)
