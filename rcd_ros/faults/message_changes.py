"""What an injection does to a message on its way: each change is one thing gone wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from builtin_interfaces.msg import Time
from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.nodes.ros.messages import nanoseconds, time_message
from rcd_ros.nodes.ros.raw import serialize

Message: TypeAlias = JointState | JointTrajectory | Odometry | Clock
Passed: TypeAlias = Message | bytes
"""A message, or bytes in the place of one."""
Change = Callable[[Message], Iterable[Passed]]
"""One message -> what is passed on in its place: none, one or several."""
JointValues = tuple[Sequence[str], Sequence[float], Sequence[float]]
"""Names, positions and velocities of a JointState."""


def edited(edit: Callable[[Message], None]) -> Change:
    """Every message, changed in place by `edit`."""

    def change(message: Message) -> Iterable[Passed]:
        edit(message)
        return (message,)

    return change


def dropped(message: Message) -> Iterable[Passed]:
    """No message is passed on."""
    return ()


def lost(share: float, seed: int = 0) -> Change:
    """A share of the messages is lost, at random."""
    rng = random.Random(seed)
    return lambda message: () if rng.random() < share else (message,)


def repeated(count: int) -> Change:
    """Every message is passed on `count` times."""
    return lambda message: (message,) * count


def garbled(message: JointState | JointTrajectory) -> Iterable[Passed]:
    """Joint names that are not UTF-8: the middleware passes these bytes on, and no reader finds a joint in them."""
    names = message.joint_names if isinstance(message, JointTrajectory) else message.name
    data = serialize(message)
    for name in names:
        data = data.replace(name.encode(), b"\xff" * len(name))
    return (data,)


class Burst:
    """The first message is passed on `count` times, the others once."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __call__(self, message: Message) -> Iterable[Passed]:
        """All copies at once, then one each."""
        count, self._count = self._count, 1
        return (message,) * count


class SwappedPairs:
    """Every second message is passed on before its predecessor."""

    def __init__(self) -> None:
        self._held: Message | None = None

    def __call__(self, message: Message) -> Iterable[Passed]:
        """Keep one, or pass two on."""
        if self._held is None:
            self._held = message
            return ()
        first, self._held = self._held, None
        return (message, first)


class FrozenStamp:
    """All messages have the stamp of the first one."""

    def __init__(self) -> None:
        self._stamp: Time | None = None

    def __call__(self, message: JointState | JointTrajectory | Odometry) -> Iterable[Passed]:
        """Keep or write the stamp."""
        self._stamp = self._stamp or message.header.stamp
        message.header.stamp = self._stamp
        return (message,)


def shifted(seconds: float) -> Change:
    """Stamps (of a clock: its time) are off by `seconds`, and at least 0."""

    def edit(message: Message) -> None:
        owner, field = (message, "clock") if isinstance(message, Clock) else (message.header, "stamp")
        stamp = nanoseconds(getattr(owner, field)) + round(seconds * 1e9)
        setattr(owner, field, time_message(max(stamp, 0)))

    return edited(edit)


def one_position(value: float) -> Change:
    """The first joint's position becomes `value`."""
    return _joint_state(lambda names, positions, velocities: (names, [value, *positions[1:]], velocities))


def moved(offset: float) -> Change:
    """All positions are off by `offset` (rad, m)."""
    return _joint_state(lambda names, positions, velocities: (names, [p + offset for p in positions], velocities))


def without_first_joint() -> Change:
    """The first joint is missing."""
    return _joint_state(lambda names, positions, velocities: (names[1:], positions[1:], velocities[1:]))


def with_extra_joints() -> Change:
    """Two joints of another robot come first."""
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
    """Names without positions and velocities."""
    return _joint_state(lambda names, positions, velocities: (names, [], []))


def without_orientation() -> Change:
    """A body's quaternion is all zeros."""

    def edit(message: Odometry) -> None:
        orientation = message.pose.pose.orientation
        orientation.x = orientation.y = orientation.z = orientation.w = 0.0

    return edited(edit)


def one_command(value: float) -> Change:
    """The first joint's command becomes `value` in a trajectory's first point."""

    def edit(message: JointTrajectory) -> None:
        for field in ("positions", "velocities", "effort"):
            values = list(getattr(message.points[0], field))
            if values:
                setattr(message.points[0], field, [value, *values[1:]])

    return edited(edit)


def with_other_joints(message: JointTrajectory) -> Iterable[Passed]:
    """A trajectory for a robot whose joints have other names."""
    message.joint_names = [f"other_{name}" for name in message.joint_names]
    return (message,)


def with_times_reversed(message: JointTrajectory) -> Iterable[Passed]:
    """The points' times decrease."""
    times = [point.time_from_start for point in message.points]
    for point, moment in zip(message.points, reversed(times), strict=True):
        point.time_from_start = moment
    return (message,)


def without_points(message: JointTrajectory) -> Iterable[Passed]:
    """A trajectory without points."""
    message.points = []
    return (message,)


def _joint_state(edit: Callable[[list[str], list[float], list[float]], JointValues]) -> Change:
    def change(message: JointState) -> Iterable[Passed]:
        values = edit(list(message.name), list(message.position), list(message.velocity))
        message.name, message.position, message.velocity = map(list, values)
        return (message,)

    return change
