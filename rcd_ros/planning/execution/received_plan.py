"""Trajectories as a robot receives them, in plain numbers, with the task's joint names and units.

Messages are read by their fields alone, so that those of rclpy and those of a bag are read alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.channels import CommandOutput, Interface

if TYPE_CHECKING:
    from builtin_interfaces.msg import Duration, Time
    from sensor_msgs.msg import JointState
    from std_msgs.msg import Float64MultiArray
    from trajectory_msgs.msg import JointTrajectory

SETPOINT_PERIODS = 3
"""Control periods for which a single set of values counts: positions stay after them, the others are zero then."""
_FIELDS = ("positions", "velocities", "accelerations", "effort")
_POINT_FIELDS: dict[Interface, str] = {
    "position": "positions",
    "velocity": "velocities",
    "effort": "effort",
    "state": "positions",
}
"""Interface -> the field of a trajectory's points that has its commands; of states the first of two."""
_STATE_FIELDS: dict[Interface, str] = {
    "position": "position",
    "velocity": "velocity",
    "effort": "effort",
    "state": "position",
}

Rows = Sequence[Sequence[float]] | NDArray[np.float64]
"""Per point one value for each joint, or none."""


@dataclass(frozen=True)
class ReceivedPlan:
    """A trajectory as it arrived, not yet checked.

    Attributes:
        names: joint names, in any order; of some joints only, the others go on as they are.
        stamp: of the observation it was made from, ns.
        time_from_start: (points,) ns at which each point's period ends.
        commands: per point one value per name, in the field that the command's interface reads; of the interface
            `state`, positions, then velocities.
        slopes: of positions, the points' velocities in the same order, where every point has them.
        positions: of velocities, the points' positions in the same order, where every point has them.
        accelerations: the points' accelerations in the same order; read only with positions and velocities.
        lasting: whether the last command stays in force until another one comes, as a forwarding controller has it.
    """

    names: Sequence[str]
    stamp: int
    time_from_start: ArrayLike
    commands: Rows
    slopes: Rows | None = None
    positions: Rows | None = None
    accelerations: Rows | None = None
    lasting: bool = False


@dataclass(frozen=True)
class PointFields:
    """The fields of the points of a `trajectory_msgs/JointTrajectory`, each per point one value per name, or none."""

    positions: Rows
    velocities: Rows
    accelerations: Rows
    efforts: Rows

    def of(self, interface: Interface) -> Rows:
        """The field that an interface reads; of `state` the positions."""
        return {"velocity": self.velocities, "effort": self.efforts}.get(interface, self.positions)


def received_plan(
    names: Sequence[str],
    stamp: int,
    time_from_start: ArrayLike,
    fields: PointFields,
    interfaces: Mapping[str, Interface],
) -> ReceivedPlan:
    """A trajectory's values, each in the field that its joint's interface reads.

    Joints that are not among the `interfaces` are read from any field: such a plan is refused anyway. States are read
    from two: positions, then velocities.

    Args:
        names: of the joints.
        stamp: ns; what 0 means is the receiver's to say.
        time_from_start: (points,) ns.
        fields: of the points.
        interfaces: of each joint of the robot.
    """
    kinds: list[Interface] = [interfaces.get(name, "position") for name in names]
    known = set(kinds) if "state" not in interfaces.values() else {"state"}
    count, size = len(fields.positions), len(names)
    if known == {"state"}:
        commands: Rows = [[*fields.positions[i], *fields.velocities[i]] for i in range(count)]
    elif len(known) == 1:
        commands = fields.of(kinds[0])
    else:
        commands = [_mixed(fields, kinds, i) for i in range(count)]
    alike = len(known) == 1
    return ReceivedPlan(
        names=names,
        stamp=stamp,
        time_from_start=time_from_start,
        commands=commands,
        slopes=fields.velocities if alike and known == {"position"} and _whole(fields.velocities, size) else None,
        positions=fields.positions if alike and known == {"velocity"} and _whole(fields.positions, size) else None,
        accelerations=fields.accelerations if alike and _whole(fields.accelerations, size) else None,
    )


def _whole(rows: Rows, size: int) -> bool:
    return all(len(row) == size for row in rows)


def _mixed(fields: PointFields, kinds: Sequence[Interface], point: int) -> Sequence[float]:
    """One value for each joint; what a field holds, where it holds a wrong number of them."""
    columns = {kind: fields.of(kind)[point] for kind in kinds}
    misfit = next((column for column in columns.values() if len(column) != len(kinds)), None)
    return [columns[kind][i] for i, kind in enumerate(kinds)] if misfit is None else misfit


class CommandReader:
    """Reads the messages of one controller."""

    def __init__(
        self, output: CommandOutput, interfaces: Mapping[str, Interface], period: int, lasting: bool = False
    ) -> None:
        """Read for a controller.

        Args:
            output: its topic, message, joints and units.
            interfaces: of all commanded joints.
            period: ns between two commands.
            lasting: a single set of values counts until the next one comes, as a real controller has it.
        """
        self._output, self._period, self._lasting = output, period, lasting
        self._interfaces = dict(interfaces)
        self._called = dict(zip(output.topic_names, output.joints, strict=True))
        size = len(output.joints)
        self._scaled = bool(output.topic_scale or output.topic_offset)
        self._factors = dict(zip(output.joints, output.topic_scale or (1.0,) * size, strict=True))
        self._offsets = dict(zip(output.joints, output.topic_offset or (0.0,) * size, strict=True))

    def read(self, message: JointTrajectory | JointState | Float64MultiArray, now: int) -> ReceivedPlan | None:
        """The plan of a message that came at `now` (ns); None where it is of other joints alone."""
        if self._output.message == "JointTrajectory":
            return self._trajectory(message)
        if self._output.message == "Float64MultiArray":
            return self._setpoints(self._output.joints, np.array(message.data, np.float64), now)
        return self._state(message, now)

    def _trajectory(self, message: JointTrajectory) -> ReceivedPlan:
        names = [self._called.get(name, name) for name in message.joint_names]
        return trajectory_plan(message, self._interfaces, names, partial(self._converted, names))

    def _state(self, message: JointState, now: int) -> ReceivedPlan | None:
        kinds = {_STATE_FIELDS[self._interfaces[joint]] for joint in self._output.joints}
        given = dict(zip(message.name, getattr(message, kinds.pop()), strict=False))
        joints = [joint for name, joint in self._called.items() if name in given]
        if not joints and not set(self._called) & set(message.name):
            return None
        return self._setpoints(joints, np.array([given[n] for n in self._called if n in given], np.float64), now)

    def _setpoints(self, joints: Sequence[str], values: NDArray[np.float64], now: int) -> ReceivedPlan:
        commands = self._converted(joints, values, _POINT_FIELDS[self._interfaces[self._output.joints[0]]])
        if self._lasting:
            return ReceivedPlan(joints, now, [0], [commands], lasting=True)
        return ReceivedPlan(joints, now, [0, SETPOINT_PERIODS * self._period], [commands, commands])

    def _converted(
        self, joints: Sequence[str], values: Sequence[float] | NDArray[np.float64], field: str
    ) -> list[float]:
        """One point's values in the task's units; as they are where their number is wrong."""
        if not self._scaled or len(values) != len(joints):
            return list(values)
        numbers = np.asarray(values, np.float64) * [self._factors.get(joint, 1.0) for joint in joints]
        for place, joint in enumerate(joints):  # an offset of positions has no part in their rates
            if field == _POINT_FIELDS[self._interfaces.get(joint, "position")]:
                numbers[place] += self._offsets.get(joint, 0.0)
        converted: list[float] = numbers.tolist()
        return converted


def trajectory_plan(
    message: JointTrajectory,
    interfaces: Mapping[str, Interface],
    names: Sequence[str] | None = None,
    convert: Callable[[Sequence[float], str], list[float]] | None = None,
) -> ReceivedPlan:
    """The plan of a `trajectory_msgs/JointTrajectory`.

    Args:
        message: the trajectory.
        interfaces: of each joint of the robot.
        names: the task's names of its joints; None: those of the message.
        convert: turns one point's values of the named field into the task's units; None: they are in them.
    """
    points = message.points
    rows: list[Rows] = [
        [convert(getattr(point, field), field) if convert else list(getattr(point, field)) for point in points]
        for field in _FIELDS
    ]
    ends = [_nanoseconds(point.time_from_start) for point in points]
    stamp = _nanoseconds(message.header.stamp)
    return received_plan(names or list(message.joint_names), stamp, ends, PointFields(*rows), interfaces)


def _nanoseconds(stamp: Time | Duration) -> int:
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
