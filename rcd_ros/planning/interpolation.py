"""A trajectory between its points, as ros2_control's joint_trajectory_controller executes it.

Between two points it goes in straight lines where they have positions alone, along cubics where they have velocities,
along quintics where they have accelerations, too; to the first point it comes from what it commands when the trajectory
arrives; behind the last one it stands still. Points that have velocities alone are integrated (ros2_controllers,
joint_trajectory_controller, doc/trajectory.rst).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.limits import CommandLimits
from rcd_ros.planning.spec import CommandChannel

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Waypoints:
    """A `trajectory_msgs/JointTrajectory` as it arrived, not yet checked.

    Attributes:
        names: joint names, in any order.
        stamp: ns; 0: it begins when it arrives.
        time_from_start: (points,) ns; the first may be 0.
        positions, velocities, accelerations: per point one value per name, or none.
    """

    names: Sequence[str]
    stamp: int
    time_from_start: Sequence[int]
    positions: Sequence[Sequence[float]]
    velocities: Sequence[Sequence[float]]
    accelerations: Sequence[Sequence[float]]


def steps(time_from_start: Sequence[int], period: int) -> bool:
    """Whether points are one command a control period (ns) each, the first for the period that begins at the stamp."""
    times = np.asarray(time_from_start, np.int64)
    return times.size > 0 and bool((times % period == 0).all() and times[0] > 0 and (np.diff(times) == period).all())


@dataclass(frozen=True)
class _Segment:
    """Positions (n,) from `begin` to `end` (ns): a polynomial (6, n) in the s since `begin`, lowest power first."""

    begin: int
    end: int
    powers: FloatArray

    def position(self, time: int) -> FloatArray:
        s = (time - self.begin) * 1e-9
        return np.asarray(s ** np.arange(6) @ self.powers)

    def velocity(self, time: int) -> FloatArray:
        s = (time - self.begin) * 1e-9
        return np.asarray(np.arange(1, 6) * s ** np.arange(5) @ self.powers[1:])


class InterpolatingFollower:
    """Which command was executed in a control period, by a controller that interpolates.

    A position command is the one at the period's end, a velocity command the period's mean: what the joints are told to
    move. Refusals are counted in `refused` under their reason.
    """

    def __init__(self, channel: CommandChannel) -> None:
        """Follow trajectories for `channel`, whose interface is position or velocity."""
        self.refused: Counter[str] = Counter()
        self._channel = channel
        self._limits = CommandLimits(channel)
        self.reset()

    def reset(self) -> None:
        """Forget the trajectory in hand."""
        self._segments: list[_Segment] = []

    def accept(self, waypoints: Waypoints, now: int, position: FloatArray | None) -> str | None:
        """Take a trajectory that arrives at `now` (ns), or say why it is refused; None when it is valid.

        Args:
            waypoints: the trajectory; it may hold points that have passed.
            now: ns.
            position: (n_cmd,) of the joints, where nothing is commanded yet; None where it is not known.
        """
        reason = self._problem(waypoints, now)
        if reason is not None:
            self.refused[reason.split(":")[0]] += 1
            return reason
        order = [list(waypoints.names).index(joint) for joint in self._channel.joints]
        times = (waypoints.stamp or now) + np.asarray(waypoints.time_from_start, np.int64)
        positions, velocities, accelerations = (
            np.asarray(rows, np.float64)[:, order] if len(rows) and len(rows[0]) else None
            for rows in (waypoints.positions, waypoints.velocities, waypoints.accelerations)
        )
        before = self._state(now)
        if positions is None and velocities is not None:
            accelerations = None
            positions = _integrated(times, velocities)
        if positions is None:
            raise AssertionError("a trajectory without positions and velocities has been refused")
        self._segments = [s for s in self._segments if s.begin < now]
        if self._segments and self._segments[-1].end > now:
            self._segments[-1] = _Segment(self._segments[-1].begin, now, self._segments[-1].powers)
        if times[0] > now:
            start = before[0] if before is not None else position
            if start is not None and len(waypoints.positions[0]):
                speed = np.zeros(self._channel.size) if before is None else before[1]
                to = None if velocities is None else velocities[0]
                self._segments.append(_segment(now, int(times[0]), start, positions[0], speed, to))
        for k in range(len(times) - 1):
            ends = [None if rows is None else rows[k : k + 2] for rows in (velocities, accelerations)]
            self._segments.append(_between(int(times[k]), int(times[k + 1]), positions[k : k + 2], *ends))
        rest = np.zeros((6, self._channel.size))
        rest[0] = positions[-1]
        self._segments.append(_Segment(int(times[-1]), np.iinfo(np.int64).max, rest))
        return None

    def command(self, begin: int, end: int) -> tuple[FloatArray, bool] | None:
        """The command (n_cmd,) of the period from `begin` to `end` (ns), and whether the last point has passed by then.

        None where nothing has been executed so far.
        """
        there = [s for s in self._segments if s.begin < end and s.end > begin]
        if not there:
            return None
        rests = len(there) == 1 and there[0] is self._segments[-1] and there[0].begin <= begin
        if self._channel.interface == "position":
            return self._limits.clamp(there[-1].position(min(end, there[-1].end))), rests
        moved = sum(s.position(min(end, s.end)) - s.position(max(begin, s.begin)) for s in there)
        return self._limits.clamp(np.asarray(moved) / ((end - begin) * 1e-9)), rests

    def _state(self, time: int) -> tuple[FloatArray, FloatArray] | None:
        """Position and velocity (n_cmd,) commanded at `time` (ns)."""
        for segment in reversed(self._segments):
            if segment.begin <= time:
                inside = min(time, segment.end)
                return segment.position(inside), segment.velocity(inside)
        return None

    def _problem(self, waypoints: Waypoints, now: int) -> str | None:
        channel = self._channel
        if sorted(waypoints.names) != sorted(channel.joints):
            return f"joint names differ: expected {list(channel.joints)}, the trajectory has {list(waypoints.names)}"
        times = np.asarray(waypoints.time_from_start, np.int64)
        if len(times) == 0:
            return "wrong shape: it has no point"
        size = len(channel.joints)
        fields = (waypoints.positions, waypoints.velocities, waypoints.accelerations)
        if any(len(rows) != len(times) or len({len(row) for row in rows}) != 1 for rows in fields) or any(
            len(rows[0]) not in (0, size) for rows in fields
        ):
            return f"wrong shape: every point needs {size} values in the same fields"
        if not len(waypoints.positions[0]) and not len(waypoints.velocities[0]):
            return "wrong shape: its points have neither positions nor velocities"
        if times[0] < 0 or (np.diff(times) <= 0).any():
            return "times do not increase: time_from_start must be strictly increasing, from 0 on"
        if not all(np.isfinite(np.asarray(rows, np.float64)).all() for rows in fields):
            return "not finite: a value is NaN or infinite"
        if waypoints.stamp and waypoints.stamp + int(times[-1]) < now:
            return f"stale: its last point passed {(now - waypoints.stamp - times[-1]) * 1e-9:.3f} s ago"
        return None


def _between(
    begin: int, end: int, positions: FloatArray, velocities: FloatArray | None, accelerations: FloatArray | None
) -> _Segment:
    """From one point to the next, each row of the arrays (2, n) one of them."""
    if velocities is None:
        return _segment(begin, end, positions[0], positions[1], None, None)
    if accelerations is None:
        return _segment(begin, end, positions[0], positions[1], velocities[0], velocities[1])
    d = (end - begin) * 1e-9
    (p0, p1), (v0, v1), (a0, a1) = positions, velocities, accelerations
    way = p1 - p0 - v0 * d - 0.5 * a0 * d**2
    speed, change = (v1 - v0 - a0 * d) * d, (a1 - a0) * d**2
    powers = np.stack(
        (
            p0,
            v0,
            0.5 * a0,
            (10.0 * way - 4.0 * speed + 0.5 * change) / d**3,
            (-15.0 * way + 7.0 * speed - change) / d**4,
            (6.0 * way - 3.0 * speed + 0.5 * change) / d**5,
        )
    )
    return _Segment(begin, end, powers)


def _segment(
    begin: int, end: int, p0: FloatArray, p1: FloatArray, v0: FloatArray | None, v1: FloatArray | None
) -> _Segment:
    """A straight line, or, where the velocities at both ends are known, a cubic."""
    d = (end - begin) * 1e-9
    powers = np.zeros((6, len(p0)))
    powers[0] = p0
    if v0 is None or v1 is None:
        powers[1] = (p1 - p0) / d
    else:
        mean = (p1 - p0) / d
        powers[1] = v0
        powers[2] = (3.0 * mean - 2.0 * v0 - v1) / d
        powers[3] = (v0 + v1 - 2.0 * mean) / d**2
    return _Segment(begin, end, powers)


def _integrated(times: NDArray[np.int64], velocities: FloatArray) -> FloatArray:
    """Positions (m, n) from 0 on that linearly changing velocities (m, n) lead to, by the trapezoidal rule."""
    lengths = np.diff(times)[:, None] * 1e-9
    ways = 0.5 * lengths * (velocities[:-1] + velocities[1:])
    return np.vstack((np.zeros(velocities.shape[1]), ways.cumsum(axis=0)))
