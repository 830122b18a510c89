"""Points of joint trajectories: of a chunk as it was planned, and chosen from a commanded motion.

A joint_trajectory_controller with `allow_trajectory_replacement: false` (older ones have no such parameter) counts
times from the stamp, also from one in the past: this is the way to drive one. With replacement (ros2_controllers #2401,
2026) it counts the times of a trajectory that replaces another from the stamp or from its arrival, whichever is later,
and delays the running motion by a cycle at each arrival.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import Interface
from rcd_ros.planning.execution.motion import Motion
from rcd_ros.planning.spec import TaskSpec

Sampling = Literal["period", "spline"]
Stamping = Literal["observation", "takeover"]

SAMPLINGS: tuple[str, ...] = get_args(Sampling)
STAMPINGS: tuple[str, ...] = get_args(Stamping)


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


@dataclass(frozen=True)
class ShapedPlan:
    """A trajectory to send: `points` count from `stamp` (ns); of a shaped one none is over by more than the lead."""

    stamp: int
    points: TrajectoryPoints


class TrajectoryMaker:
    """Makes points of chunks for one task."""

    def __init__(self, spec: TaskSpec) -> None:
        """Make them for `spec`."""
        self._period = spec.control_period
        self._interface = spec.command.interface
        self._observed = spec.observed_columns("joint_position")
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


@dataclass(frozen=True)
class PointChoice:
    """How the points are chosen.

    Attributes:
        sampling: "period": one point a control period, for receivers that execute one command a period. "spline": the
            motion from the lead before the moment of sending on, but not from before the stamp: that moment and all
            knots after it, so that cubic interpolation between the points is the motion.
        stamping: from when times count. "observation": the stamp of the observation that was planned from; the points
            begin with what is commanded until the plan takes over. "takeover": the moment at which it takes over; the
            first point is what is commanded then. For receivers that go on as before until the stamp.
        rests: whether the stop after the last command is sent. Without it trajectories end in motion: for receivers
            that stop by themselves.
    """

    sampling: Sampling = "period"
    stamping: Stamping = "observation"
    rests: bool = True

    def __post_init__(self) -> None:
        if self.sampling not in SAMPLINGS:
            raise RcdError(f"there is no sampling '{self.sampling}': take {' or '.join(SAMPLINGS)}")
        if self.stamping not in STAMPINGS:
            raise RcdError(f"there is no stamping '{self.stamping}': take {' or '.join(STAMPINGS)}")

    def times(
        self, motion: Motion, stamp: int, now: int, switch: int, last: int, period: int
    ) -> tuple[int, NDArray[np.int64]]:
        """The trajectory's stamp, and its points' times of day (m,), all in ns.

        Args:
            motion: commanded.
            stamp: of the observation that was planned from; a "period" of the points counts from there.
            now: when the trajectory is sent.
            switch: when its plan takes over.
            last: end of its last command's period; before `switch` for a plan that only stops.
            period: the control period.
        """
        # A controller's clock may be as much behind the planner's as a trajectory may be late.
        begin = max(stamp, now - (switch - now) if self.sampling == "spline" else now)
        rest = motion.end + motion.average
        end = rest if self.rests or last <= switch else last
        if self.sampling == "spline":
            times = motion.knots(after=begin)
            times = times[: int(times.searchsorted(end)) + 1]
        else:
            first, final = (begin - stamp) // period + 1, -((stamp - end) // period)
            times = stamp + np.arange(first, max(first, final) + 1, dtype=np.int64) * period
        takes_over = self.stamping == "takeover"
        # A controller enters a trajectory from what it commanded last, with a time that may be a cycle too early
        # (ros2_controllers #1306). With a first knot that is later, it does not have to.
        if takes_over or self.sampling == "spline" or begin < motion.known_since:
            start = switch if takes_over else max(begin, motion.known_since)
            times = np.concatenate(([start], times[times > start]))
        return switch if takes_over else stamp, times
