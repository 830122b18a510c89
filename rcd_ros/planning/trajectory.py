"""A planned chunk as the points of a joint trajectory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.spec import ChannelKind, Interface, TaskSpec


@dataclass(frozen=True)
class TrajectoryPoints:
    """The fields of `trajectory_msgs/JointTrajectory`'s points; empty ones have no columns.

    `positions`, `velocities` and `efforts` are (horizon, n_cmd), `time_from_start` (horizon,) in ns: the end of
    each point's control period, counted from the observation's stamp.
    """

    time_from_start: NDArray[np.int64]
    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    efforts: NDArray[np.float64]

    def commands(self, interface: Interface) -> NDArray[np.float64]:
        """What a receiver with this command interface executes (horizon, n_cmd)."""
        if interface == "state":
            return np.hstack((self.positions, self.velocities))
        return {"position": self.positions, "velocity": self.velocities, "effort": self.efforts}[interface]

    def since(self, passed: int) -> TrajectoryPoints:
        """The same points counted from a moment `passed` ns later, without those that are over by then."""
        left = self.time_from_start > passed
        return TrajectoryPoints(
            self.time_from_start[left] - passed, self.positions[left], self.velocities[left], self.efforts[left]
        )


class TrajectoryMaker:
    """Makes points of chunks for one task."""

    def __init__(self, spec: TaskSpec) -> None:
        """Make them for `spec`."""
        self._period = spec.control_period
        self._interface = spec.command.interface
        self._observed = observed_columns(spec, "joint_position")
        self._ends = np.empty(0, np.int64)

    def points(self, chunk: NDArray[np.float64], observation: NDArray[np.float64]) -> TrajectoryPoints:
        """Points for a chunk (horizon, n_cmd) that was planned from a newest observation (n_obs,).

        Velocity commands are accompanied by the positions they lead to, where the joints' positions are observed, and
        position commands by the velocities between them: a joint_trajectory_controller needs both. Planned states are
        both.
        """
        if len(self._ends) != len(chunk):
            self._ends = np.arange(1, len(chunk) + 1, dtype=np.int64) * round(self._period * 1e9)
        nothing = np.empty((len(chunk), 0))
        if self._interface == "state":
            positions, velocities = np.hsplit(chunk, 2)
            return TrajectoryPoints(self._ends, positions, velocities, nothing)
        start = None if self._observed is None else observation[self._observed]
        if self._interface == "effort":
            return TrajectoryPoints(self._ends, nothing, nothing, chunk)
        if self._interface == "velocity":
            positions = nothing if start is None else start + chunk.cumsum(axis=0) * self._period
            return TrajectoryPoints(self._ends, positions, chunk, nothing)
        velocities = nothing if start is None else np.diff(chunk, axis=0, prepend=start[None]) / self._period
        return TrajectoryPoints(self._ends, chunk, velocities, nothing)


def trajectory_points(spec: TaskSpec, chunk: NDArray[np.float64], observation: NDArray[np.float64]) -> TrajectoryPoints:
    """`TrajectoryMaker.points`, for one chunk alone."""
    return TrajectoryMaker(spec).points(chunk, observation)


def position_columns(spec: TaskSpec) -> list[int | None]:
    """Column of each commanded joint's position in an observation; None where it is not observed."""
    return _columns(spec, "joint_position")


def observed_columns(spec: TaskSpec, kind: ChannelKind) -> NDArray[np.intp] | None:
    """Columns of this kind of value of all commanded joints (n_cmd,); None when one is not observed."""
    columns = _columns(spec, kind)
    return None if None in columns else np.array(columns, np.intp)


def _columns(spec: TaskSpec, kind: ChannelKind) -> list[int | None]:
    where: dict[str, int] = {}
    for channel, places in spec.placed():
        if channel.kind == kind:
            where.update(zip(channel.joints, places, strict=True))
    return [where.get(joint) for joint in spec.command.joints]
