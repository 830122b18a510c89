"""A planned chunk as the points of a joint trajectory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.spec import TaskSpec


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


def observed_positions(spec: TaskSpec, observation: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Positions (n_cmd,) of the commanded joints in an observation (n_obs,); None when they are not all observed."""
    where: dict[str, int] = {}
    begin = 0
    for channel in spec.observations:
        if channel.kind == "joint_position":
            where.update({joint: begin + i for i, joint in enumerate(channel.joints)})
        begin += channel.size
    if not set(spec.command.joints) <= set(where):
        return None
    return observation[[where[joint] for joint in spec.command.joints]]


def trajectory_points(spec: TaskSpec, chunk: NDArray[np.float64], observation: NDArray[np.float64]) -> TrajectoryPoints:
    """Points for a chunk (horizon, n_cmd) that was planned from a newest observation (n_obs,).

    Velocity commands are accompanied by the positions they lead to, where the joints' positions are observed, and
    position commands by the velocities between them: a joint_trajectory_controller needs both.
    """
    horizon, nothing = len(chunk), np.empty((len(chunk), 0))
    period = spec.control_period
    ends = np.arange(1, horizon + 1, dtype=np.int64) * round(period * 1e9)
    start = observed_positions(spec, observation)
    if spec.command.interface == "effort":
        return TrajectoryPoints(ends, nothing, nothing, chunk)
    if spec.command.interface == "velocity":
        positions = nothing if start is None else start + np.cumsum(chunk, axis=0) * period
        return TrajectoryPoints(ends, positions, chunk, nothing)
    velocities = nothing if start is None else np.diff(chunk, axis=0, prepend=start[None]) / period
    return TrajectoryPoints(ends, chunk, velocities, nothing)
