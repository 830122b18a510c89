"""What a robot understands of its controllers' messages: plans for joints by the task's names, in its units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.nodes.ros.messages import received_plan
from rcd_ros.planning.execution import ReceivedPlan
from rcd_ros.planning.spec import CommandMessage, CommandOutput, Interface

SETPOINT_PERIODS = 3
"""Control periods for which a single set of values counts: positions stay behind them, the others are zero then."""


class CommandReader(Protocol):
    """Reads the messages of one controller."""

    message_type: ClassVar[Any]

    def __init__(self, output: CommandOutput, interfaces: Mapping[str, Interface], period: int) -> None:
        """Read for `output`; `interfaces` of all commanded joints, `period` (ns) between two commands."""

    def read(self, message: Any, now: int) -> ReceivedPlan:
        """The plan of a message that came at `now` (ns)."""


class _TrajectoryCommands:
    """Whole trajectories."""

    message_type: ClassVar[Any] = JointTrajectory

    def __init__(self, output: CommandOutput, interfaces: Mapping[str, Interface], period: int) -> None:
        self._joints = dict(zip(output.topic_names, output.joints, strict=True))
        theirs = {theirs: interfaces[ours] for theirs, ours in self._joints.items()}
        others = {name: interface for name, interface in interfaces.items() if name not in output.joints}
        self._interfaces = others | theirs
        size = len(output.joints)
        self._renamed = bool(output.names)
        self._scaled = bool(output.topic_scale or output.topic_offset)
        self._factors = dict(zip(output.joints, output.topic_scale or (1.0,) * size, strict=True))
        self._offsets = dict(zip(output.joints, output.topic_offset or (0.0,) * size, strict=True))

    def read(self, message: JointTrajectory, now: int) -> ReceivedPlan:
        plan = received_plan(message, self._interfaces)
        if self._renamed:
            plan = replace(plan, names=[self._joints.get(name, name) for name in plan.names])
        return self._in_our_units(plan) if self._scaled else plan

    def _in_our_units(self, plan: ReceivedPlan) -> ReceivedPlan:
        """Of planned states the velocities behind the positions have the same factors, and no offset."""
        width = len(plan.names)
        scale = np.array([self._factors.get(name, 1.0) for name in plan.names])
        offset = np.array([self._offsets.get(name, 0.0) for name in plan.names])
        commands = []
        for point in plan.commands:
            if len(point) not in (width, 2 * width):
                return plan  # of a wrong shape: it is refused for that
            blocks = np.asarray(point, np.float64).reshape(-1, width) * scale
            blocks[0] += offset
            commands.append(blocks.ravel().tolist())
        slopes = None if plan.slopes is None else (np.asarray(plan.slopes) * scale).tolist()
        return replace(plan, commands=commands, slopes=slopes)


class _Setpoints:
    """One set of values at a time, which begins when it comes."""

    def __init__(self, output: CommandOutput, interfaces: Mapping[str, Interface], period: int) -> None:
        self._output, self._period = output, period
        self._interface = interfaces[output.joints[0]]
        self._scale = np.asarray(output.topic_scale or (1.0,) * len(output.joints))
        self._offset = np.asarray(output.topic_offset or (0.0,) * len(output.joints))

    def _plan(self, numbers: NDArray[np.float64], now: int) -> ReceivedPlan:
        fits = numbers.shape == self._scale.shape
        values = (numbers * self._scale + self._offset if fits else numbers).tolist()
        ends = [0, SETPOINT_PERIODS * self._period]
        return ReceivedPlan(self._output.joints, now, ends, [values, values])


class _ArrayCommands(_Setpoints):
    message_type: ClassVar[Any] = Float64MultiArray

    def read(self, message: Float64MultiArray, now: int) -> ReceivedPlan:
        return self._plan(np.array(message.data, np.float64), now)


class _StateCommands(_Setpoints):
    message_type: ClassVar[Any] = JointState

    def read(self, message: JointState, now: int) -> ReceivedPlan:
        told = dict(zip(message.name, getattr(message, self._interface), strict=False))
        return self._plan(np.array([told[name] for name in self._output.topic_names if name in told]), now)


_READERS: dict[CommandMessage, type[CommandReader]] = {
    "JointTrajectory": _TrajectoryCommands,
    "Float64MultiArray": _ArrayCommands,
    "JointState": _StateCommands,
}


def command_reader(output: CommandOutput, interfaces: Mapping[str, Interface], period: int) -> CommandReader:
    """What reads the messages of a controller; see `CommandReader`."""
    return _READERS[output.message](output, interfaces, period)
