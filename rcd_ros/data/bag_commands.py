"""From recorded command messages to the trajectories that a robot received."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.bag_layout import CommandSource
from rcd_ros.data.bags import nanoseconds
from rcd_ros.planning.received_plan import PointFields, ReceivedPlan, received_plan
from rcd_ros.planning.spec import TaskSpec

_FIELDS = ("positions", "velocities", "accelerations", "effort")
_COMMAND_FIELD = {"position": "positions", "velocity": "velocities", "effort": "effort", "state": "positions"}
_OF_STATE = {"position": "position", "velocity": "velocity", "effort": "effort", "state": "position"}


class CommandReader:
    """Reads the messages of one topic of commands.

    A JointTrajectory is what it is. Of messages without times (a forwarding controller's Float64MultiArray, the
    JointState of an arm that leads) each value stays in force until the next one comes.
    """

    def __init__(self, spec: TaskSpec, source: CommandSource) -> None:
        """Read commands of `spec` from `source`."""
        self._source = source
        self._interface = spec.command.interface
        self._interfaces = dict.fromkeys(spec.command.joints, spec.command.interface)
        self._called = dict(zip(source.names, source.joints, strict=True))
        self._scale = dict(zip(source.joints, source.scale or (1.0,) * len(source.joints), strict=True))
        self._offset = dict(zip(source.joints, source.offset or (0.0,) * len(source.joints), strict=True))

    def read(self, message: Any, arrival: int, zero_is_now: bool = True) -> ReceivedPlan | str | None:
        """The trajectory of a message that came at `arrival` (ns); why it is none, or None where it is of other joints.

        With `zero_is_now` a trajectory without a stamp begins when it comes.
        """
        if self._source.message == "JointTrajectory":
            return self._trajectory(message, arrival, zero_is_now)
        if self._source.message == "Float64MultiArray":
            values = np.asarray(message.data, np.float64)
            if len(values) != len(self._source.names):
                return "wrong shape"
            return self._lasting(self._source.names, values, arrival)
        return self._state(message, arrival)

    def _trajectory(self, message: Any, arrival: int, zero_is_now: bool) -> ReceivedPlan:
        names = [self._called.get(name, name) for name in message.joint_names]
        points = message.points
        rows = [[self._converted(names, getattr(point, field), field) for point in points] for field in _FIELDS]
        ends = [nanoseconds(point.time_from_start) for point in points]
        stamp = nanoseconds(message.header.stamp)
        stamp = arrival if zero_is_now and stamp == 0 else stamp
        return received_plan(names, stamp, ends, PointFields(*rows), self._interfaces)

    def _state(self, message: Any, arrival: int) -> ReceivedPlan | str | None:
        names = list(message.name)
        there = [i for i, name in enumerate(names) if name in self._called]
        if not there:
            return None
        if len(set(names)) != len(names):
            return "duplicated names"
        values = np.asarray(getattr(message, _OF_STATE[self._interface]), np.float64)
        if len(values) != len(names):
            return "wrong shape"
        return self._lasting([names[i] for i in there], values[there], arrival)

    def _lasting(self, names: Sequence[str], values: NDArray[np.float64], arrival: int) -> ReceivedPlan:
        joints = [self._called[name] for name in names]
        commands = [self._converted(joints, values, _COMMAND_FIELD[self._interface])]
        return ReceivedPlan(joints, arrival, [0], commands, lasting=True)

    def _converted(self, joints: Sequence[str], values: Any, field: str) -> list[float]:
        """One point's values in SI units; as they are where their number is wrong."""
        numbers = np.asarray(values, np.float64)
        if len(numbers) == len(joints) and (self._source.scale or self._source.offset):
            numbers = numbers * np.array([self._scale.get(joint, 1.0) for joint in joints])
            if field == _COMMAND_FIELD[self._interface]:  # an offset of positions has no part in their rates
                numbers = numbers + np.array([self._offset.get(joint, 0.0) for joint in joints])
        converted: list[float] = numbers.tolist()
        return converted
