"""Checks received trajectories and selects the command that is due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.limits import CommandLimits
from rcd_ros.planning.spec import CommandChannel


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
    """

    names: Sequence[str]
    stamp: int
    time_from_start: ArrayLike
    commands: Sequence[Sequence[float]] | NDArray[np.float64]
    slopes: Sequence[Sequence[float]] | None = None


@dataclass(frozen=True)
class Due:
    """The command due now: (n_cmd,) physical units in the robot's order, and which point of which plan it is."""

    command: NDArray[np.float64]
    index: int
    stamp: int


@dataclass(frozen=True)
class _Track:
    """An accepted trajectory of some of the commanded values.

    Attributes:
        stamp: ns.
        columns: (k,) of the command that it has values of.
        ends: (points,) ns from the stamp.
        values: (points, k).
        slopes: (points, k) of positions, 1/s, or None.
        start: (k,) values before the first point, or None.
        on_grid: whether its points end one control period after another.
    """

    stamp: int
    columns: NDArray[np.intp]
    ends: NDArray[np.int64]
    values: NDArray[np.float64]
    slopes: NDArray[np.float64] | None
    start: NDArray[np.float64] | None
    on_grid: bool

    def over(self, passed: int, period: int) -> bool:
        """Whether its last point has passed `passed` ns after the stamp; a point at 0 alone holds for a period."""
        return passed >= (int(self.ends[-1]) or period)


class TrajectoryFollower:
    """Keeps the newest valid plan and returns its points when they are due.

    A plan belongs to the stamp of the observation it was made from: a late one is entered in the middle, one whose
    last point has passed is refused. Refusals are counted in `refused` under their reason.

    Where the points end one control period after another, each is the command of its period, as planners have it.
    Other points are way-points, interpolated as joint_trajectory_controller does: cubic where positions come with
    velocities, else linear. A position command is the one at the period's end; a velocity or effort command the mean
    over the period.

    A plan for some of the joints leaves the others what they have: their own plan, its last position, or rest. Nothing
    is due before every joint has been commanded.

    The newest valid plan is followed. With `execute` above 1 the current plan is kept for that many periods; newer ones
    are accepted, but not followed.
    """

    def __init__(self, channel: CommandChannel, period: int, execute: int = 1, ticks: int = 1) -> None:
        """Follow plans for `channel`.

        Args:
            channel: of the command.
            period: of control, ns.
            execute: control periods for which a plan is kept.
            ticks: how often in a control period a command is asked for: way-points are sampled as often.
        """
        self.refused: Counter[str] = Counter()
        self._channel = channel
        self._limits = CommandLimits(channel)
        self._period = period
        self._execute = execute
        self._tick = period // ticks
        self._stays = np.array(channel.stays, np.bool_)
        self.reset()

    def reset(self) -> None:
        """Discard the current plan."""
        self._stamp: int | None = None
        self._tracks: list[_Track] = []
        self._last: NDArray[np.float64] | None = None

    @property
    def stamp(self) -> int | None:
        """Stamp (ns) of the current plan."""
        return self._stamp

    def accept(self, plan: ReceivedPlan, now: int) -> str | None:
        """Take a plan at `now` (ns); returns why it is refused, or None when it is valid."""
        reason = self._problem(plan, now)
        if reason is not None:
            self.refused[reason.split(":")[0]] += 1
            return reason
        kept_until = 0 if self._stamp is None else self._stamp + self._execute * self._period
        whole = len(plan.names) == len(self._channel.joints)
        if whole and self._execute > 1 and plan.stamp < kept_until and self.due(now) is not None:
            return None
        self._stamp = plan.stamp
        track = self._track(plan)
        mine = set(track.columns.tolist())
        self._tracks = [other for other in self._tracks if not set(other.columns.tolist()) <= mine] + [track]
        return None

    def due(self, now: int) -> Due | None:
        """The point whose period holds `now` (ns); None when there is no plan or it is used up: hold position."""
        running = [track for track in self._tracks if not track.over(now - track.stamp, self._period)]
        if not running or any(now < track.stamp for track in running):
            return None
        command = np.full(self._channel.size, np.nan)
        index = 0
        for track in self._tracks:  # a later one replaces what it shares with an earlier one
            passed = now - track.stamp
            if track.over(passed, self._period):
                command[track.columns] = np.where(self._stays[track.columns], track.values[-1], 0.0)
                continue
            index = int(np.searchsorted(track.ends, passed, side="right"))
            if track.on_grid:
                index = min(index, len(track.ends) - 1)
                command[track.columns] = track.values[index]
            else:
                command[track.columns] = self._interpolated(track, passed)
        if np.isnan(command).any():
            return None
        self._last = command
        return Due(command.copy(), index, running[-1].stamp)

    def _track(self, plan: ReceivedPlan) -> _Track:
        columns, order = self._columns(plan.names)
        ends = np.asarray(plan.time_from_start, np.int64)
        values = np.asarray(plan.commands, np.float64)[:, order]
        values = np.clip(values, self._limits.lower[columns], self._limits.upper[columns])
        slopes = None if plan.slopes is None else np.asarray(plan.slopes, np.float64)[:, order]
        steps = np.diff(ends) if len(ends) > 1 else np.maximum(ends, self._period)
        gaps = np.concatenate((ends[:1] % self._period, steps - self._period))
        on_grid = bool((np.minimum(np.abs(gaps), np.abs(gaps - self._period)) <= _GRID_NS)[0])
        on_grid = on_grid and bool((np.abs(gaps[1:]) <= _GRID_NS).all())
        start = None if self._last is None else self._last[columns]
        return _Track(plan.stamp, columns, ends, values, slopes, start, on_grid)

    def _interpolated(self, track: _Track, passed: int) -> NDArray[np.float64]:
        """The command (k,) of the period or tick that begins `passed` ns after the stamp, between way-points."""
        end = min(passed + self._tick, int(track.ends[-1]))
        values, slopes = track.values, track.slopes
        times: NDArray[np.float64] = track.ends.astype(np.float64) * 1e-9
        if track.ends[0] > 0:
            start = track.values[0] if track.start is None else track.start
            times, values = np.insert(times, 0, 0.0), np.vstack((start, values))
            slopes = None if slopes is None else np.vstack((np.zeros_like(start), slopes))
        if self._stays[track.columns].all() or self._channel.interface == "state":
            moment = np.array([end * 1e-9])
            return _cubic(times, values, slopes, moment)[0] if slopes is not None else _linear(times, values, moment)[0]
        inside = times[(times > passed * 1e-9) & (times < end * 1e-9)]
        moments = np.concatenate(([passed * 1e-9], inside, [end * 1e-9]))
        if moments[-1] <= moments[0]:
            return values[-1].copy()
        rows = _linear(times, values, moments)
        spans = np.diff(moments)[:, None]
        mean: NDArray[np.float64] = (0.5 * (rows[1:] + rows[:-1]) * spans).sum(axis=0) / (moments[-1] - moments[0])
        return mean

    def _problem(self, plan: ReceivedPlan, now: int) -> str | None:
        names, stamp, commands = plan.names, plan.stamp, plan.commands
        if not names or len(set(names)) != len(names) or not set(names) <= set(self._channel.joints):
            return f"joint names differ: the robot has {list(self._channel.joints)}, the plan {list(names)}"
        ends = np.asarray(plan.time_from_start, np.int64)
        columns, order = self._columns(names)
        size = len(columns)
        if len(ends) == 0 or len(ends) != len(commands) or any(len(point) != size for point in commands):
            interface = self._channel.interface
            return f"wrong shape: every point needs {size} values for the {interface} interface"
        if ends[0] < 0 or (np.diff(ends) <= 0).any():
            return "times do not increase: time_from_start must not be negative and must strictly increase"
        values = np.asarray(commands, np.float64)
        if not np.isfinite(values).all() or (plan.slopes is not None and not np.isfinite(plan.slopes).all()):
            return "not finite: a command is NaN or infinite"
        every = np.tile(self._middle, (len(values), 1))
        every[:, columns] = values[:, order]
        outside = ~self._limits.contain(every)
        if outside.any():
            point, value = np.argwhere(outside)[0]
            return (
                f"outside the limits: {self._channel.joints[value % len(self._channel.joints)]} = "
                f"{every[point, value]:g} {self._channel.units[value]} at point {point}, allowed "
                f"{self._channel.lower[value]:g} to {self._channel.upper[value]:g}"
            )
        if stamp > now + self._period:
            return f"from the future: planned for {(stamp - now) * 1e-9:.3f} s from now"
        last = int(ends[-1]) or self._period
        if now - stamp >= last:
            return f"stale: its last point passed {(now - stamp - last) * 1e-9:.3f} s ago"
        newest = [t.stamp for t in self._tracks if set(t.columns.tolist()) & set(columns.tolist())]
        if newest and stamp < newest[-1] <= now:
            return "older than the plan in hand: it was overtaken"
        return None

    @property
    def _middle(self) -> NDArray[np.float64]:
        """A command within the limits."""
        return np.clip(np.zeros(self._channel.size), self._limits.lower, self._limits.upper)

    def _columns(self, names: Sequence[str]) -> tuple[NDArray[np.intp], list[int]]:
        """Commanded values of the named joints in the robot's order, and where a plan's points have them."""
        joints, given = self._channel.joints, list(names)
        mine = [i for i, joint in enumerate(joints) if joint in given]
        blocks = range(self._channel.size // len(joints))
        columns = [block * len(joints) + i for block in blocks for i in mine]
        order = [block * len(given) + given.index(joints[i]) for block in blocks for i in mine]
        return np.array(columns, np.intp), order


_GRID_NS = 1000
"""How far points may lie from the ends of control periods and still be meant for them."""


def _linear(times: NDArray[np.float64], values: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (m, k) at times `at` (m,), between the points (n,), (n, k); constant outside."""
    return np.stack([np.interp(at, times, column) for column in values.T], axis=1)


def _cubic(
    times: NDArray[np.float64], values: NDArray[np.float64], slopes: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """As `_linear`, by the cubic that has the points' values and slopes (Hermite)."""
    if len(times) == 1:
        return np.repeat(values, len(at), axis=0)
    right = np.clip(np.searchsorted(times, at, side="left"), 1, len(times) - 1)
    left, span = right - 1, (times[right] - times[right - 1])[:, None]
    s = np.clip((at - times[left])[:, None] / span, 0.0, 1.0)
    result: NDArray[np.float64] = (
        (1.0 + 2.0 * s) * (1.0 - s) ** 2 * values[left]
        + s * (1.0 - s) ** 2 * span * slopes[left]
        + s**2 * (3.0 - 2.0 * s) * values[right]
        + s**2 * (s - 1.0) * span * slopes[right]
    )
    return result
