"""Checks received trajectories and selects the command that is due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.channels import CommandChannel, Interface
from rcd_ros.planning.execution.interpolation import Knots, Path
from rcd_ros.planning.execution.received_plan import ReceivedPlan
from rcd_ros.planning.limits import CommandLimits


@dataclass(frozen=True)
class Due:
    """The command due now: (n_cmd,) physical units in the robot's order, and which point of which plan it is."""

    command: NDArray[np.float64]
    index: int
    stamp: int


@dataclass(frozen=True)
class _Track:
    """An accepted trajectory of some of the commanded values, all of one interface.

    Attributes:
        stamp: ns.
        columns: (k,) of the command that it has values of.
        ends: (points,) ns from the stamp.
        values: (points, k).
        stays: (k,) whether a value stays as it is when the last point has passed; the others are zero then.
        interface: of its values.
        path: between its points; None: each point is the command of a control period.
        lasting: whether its last values stay in force.
    """

    stamp: int
    columns: NDArray[np.intp]
    ends: NDArray[np.int64]
    values: NDArray[np.float64]
    stays: NDArray[np.bool_]
    interface: Interface
    path: Path | None
    lasting: bool

    def over(self, now: int, period: int) -> bool:
        """Whether its last point has passed at `now` (ns); a point at 0 alone holds for a period."""
        return not self.lasting and now - self.stamp >= (int(self.ends[-1]) or period)

    def at(self, now: int, period: int, tick: int) -> tuple[NDArray[np.float64], int]:
        """The command (k,) of the `tick` of a control period that begins at `now`, and the point that it leads to."""
        passed = now - self.stamp
        index = min(int(np.searchsorted(self.ends, passed, side="right")), len(self.ends) - 1)
        if self.over(now, period):
            return np.where(self.stays, self.values[-1], 0.0), index
        if self.path is None:
            return self.values[index], index
        if self.interface == "position":
            return self.path.position(now + tick), index
        if self.interface == "state":
            return np.concatenate((self.path.position(now + tick), self.path.velocity(now + tick))), index
        return self.path.mean(now, now + tick), index


class TrajectoryFollower:
    """Keeps the newest valid plan and returns its points when they are due.

    A plan belongs to the stamp of the observation it was made from: a late one is entered in the middle, one whose
    last point has passed is refused. Refusals are counted in `refused` under their reason.

    Where the points end one control period after another, the first one due, each is the command of its period, as
    planners have it.
    Other points are waypoints, between which `Path` goes as joint_trajectory_controller does. A position command is
    the one at the period's end; a velocity or effort command the mean over the period.

    A plan for some of the joints leaves the others what they have: their own plan, its last position, or rest.

    The newest valid plan is followed. With `execute` above 1 the current plan is kept for that many periods; newer ones
    are accepted, but not followed.
    """

    def __init__(
        self,
        channel: CommandChannel,
        period: int,
        execute: int = 1,
        interfaces: Sequence[Interface] | None = None,
        ticks: int = 1,
    ) -> None:
        """Follow plans for `channel`.

        Args:
            channel: what is commanded.
            period: control period, ns.
            execute: control periods that a plan is kept.
            interfaces: of each joint, where they differ.
            ticks: how often in a control period a command is asked for: waypoints are sampled as often.
        """
        self.refused: Counter[str] = Counter()
        self._channel = channel
        self._limits = CommandLimits(channel)
        self._period = period
        self._execute = execute
        self._tick = period // ticks
        self._stays = np.array(channel.stays, np.bool_)
        self._interfaces = tuple(interfaces or (channel.interface,) * len(channel.joints))
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

    def accept(self, plan: ReceivedPlan, now: int, begin: NDArray[np.float64] | None = None) -> str | None:
        """Take a plan at `now` (ns); returns why it is refused, or None when it is valid.

        Args:
            plan: the trajectory.
            now: ns.
            begin: (n_cmd,) command that waypoints begin from, NaN where it is not known; None: what is due at `now`.
        """
        reason = self._problem(plan, now)
        if reason is not None:
            self.refused[reason.split(":")[0]] += 1
            return reason
        kept_until = 0 if self._stamp is None else self._stamp + self._execute * self._period
        whole = len(plan.names) == len(self._channel.joints)
        if whole and self._execute > 1 and plan.stamp < kept_until and self.due(now) is not None:
            return None
        self._stamp = plan.stamp
        for interface in dict.fromkeys(self._interfaces):
            track = self._track(plan, interface, now, begin)
            if track is not None:
                mine = set(track.columns.tolist())
                self._tracks = [other for other in self._tracks if not set(other.columns.tolist()) <= mine] + [track]
        return None

    def due(self, now: int, rest: NDArray[np.float64] | None = None) -> Due | None:
        """The point whose period holds `now` (ns); None when there is no plan or it is used up: hold position.

        `rest` (n_cmd,) is what joints do that nothing has commanded yet, NaN where that is not known.
        """
        running = [track for track in self._tracks if not track.over(now, self._period)]
        if not running or any(now < track.stamp and track.path is None for track in running):
            return None
        command = np.full(self._channel.size, np.nan) if rest is None else rest.copy()
        index = 0
        for track in self._tracks:  # a later one replaces what it shares with an earlier one
            command[track.columns], index = track.at(now, self._period, self._tick)
        if np.isnan(command).any():
            return None
        command = self._limits.clamp(command)
        self._last = command
        return Due(command.copy(), index, running[-1].stamp)

    def _track(
        self, plan: ReceivedPlan, interface: Interface, now: int, begin: NDArray[np.float64] | None
    ) -> _Track | None:
        """What a plan says of the joints of one interface; None: nothing."""
        columns, order = self._columns(plan.names, interface)
        if not len(columns):
            return None
        ends = np.asarray(plan.time_from_start, np.int64)
        values = np.asarray(plan.commands, np.float64)[:, order]
        values = np.clip(values, self._limits.lower[columns], self._limits.upper[columns])
        path = (
            None
            if self.are_steps(ends, now - plan.stamp)
            else self._path(plan, interface, values, (columns, order), now, begin)
        )
        return _Track(plan.stamp, columns, ends, values, self._stays[columns], interface, path, plan.lasting)

    def _path(
        self,
        plan: ReceivedPlan,
        interface: Interface,
        values: NDArray[np.float64],
        where: tuple[NDArray[np.intp], list[int]],
        now: int,
        begin: NDArray[np.float64] | None,
    ) -> Path:
        """The way through a plan's points, from what is commanded when it arrives."""
        columns, order = where
        times = plan.stamp + np.asarray(plan.time_from_start, np.int64)
        slopes, positions, accelerations = (
            None if rows is None else np.asarray(rows, np.float64)[:, order]
            for rows in (plan.slopes, plan.positions, plan.accelerations)
        )
        if interface == "state":
            values, slopes = np.hsplit(values, 2)
            columns = columns[: values.shape[1]]
        moves = interface in ("position", "state")
        before = self._before(columns, interface) if begin is None else None
        start = speed = None
        if before is not None:
            start, speed = before.position(now), before.velocity(now)
        elif (known := self._last if begin is None else begin) is not None:
            start = None if np.isnan(known[columns]).any() else known[columns]
            speed = None if moves else start
        if moves:
            path = Path.through(Knots(times, values, slopes, accelerations), now, start, speed)
        else:
            if plan.lasting:
                times, positions = np.append(times, times[-1] + _LASTING_NS), None
                values = np.vstack((values, values[-1:]))
            path = Path.through(Knots(times, positions, values, accelerations), now, None, speed)
        if before is None:
            return path
        return before.followed_by(path, now, now - 2 * self._period, joined=not moves)

    def _before(self, columns: NDArray[np.intp], interface: Interface) -> Path | None:
        """The path that these values of the command follow at present, if all of them follow one."""
        for track in reversed(self._tracks):
            known = track.columns[: len(track.columns) // 2] if interface == "state" else track.columns
            if set(columns.tolist()) & set(known.tolist()):
                places = [int(np.flatnonzero(known == column)[0]) for column in columns if column in known]
                whole = track.path is not None and len(places) == len(columns)
                return track.path.part(np.array(places, np.intp)) if whole and track.path is not None else None
        return None

    def are_steps(self, ends: NDArray[np.int64], passed: int) -> bool:
        """Whether points that arrive `passed` ns after their stamp end one control period after another.

        The first one is due by then: a single point far ahead is a goal to go to, not a command to jump.
        """
        periods = np.maximum(np.round(ends / self._period), 1.0)
        on_time = np.abs(ends - periods * self._period) <= _GRID_NS
        due = int(ends[0]) <= passed + self._period + _GRID_NS
        return due and bool(on_time.all() and (np.diff(periods) == 1.0).all())

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
        others = [rows for rows in (plan.slopes, plan.positions, plan.accelerations) if rows is not None]
        if not all(np.isfinite(rows).all() for rows in (values, *others)):
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
        if now - stamp >= last and not plan.lasting:
            return f"stale: its last point passed {(now - stamp - last) * 1e-9:.3f} s ago"
        newest = [t.stamp for t in self._tracks if set(t.columns.tolist()) & set(columns.tolist())]
        if newest and stamp < newest[-1] <= now:
            return "older than the plan in hand: it was overtaken"
        return None

    @property
    def _middle(self) -> NDArray[np.float64]:
        """A command within the limits."""
        return np.clip(np.zeros(self._channel.size), self._limits.lower, self._limits.upper)

    def _columns(self, names: Sequence[str], of: Interface | None = None) -> tuple[NDArray[np.intp], list[int]]:
        """Commanded values of the named joints in the robot's order, and where a plan's points have them.

        `of` leaves out the joints of other interfaces.
        """
        joints, given = self._channel.joints, list(names)
        mine = [i for i, joint in enumerate(joints) if joint in given and of in (None, self._interfaces[i])]
        blocks = range(self._channel.size // len(joints))
        columns = [block * len(joints) + i for block in blocks for i in mine]
        order = [block * len(given) + given.index(joints[i]) for block in blocks for i in mine]
        return np.array(columns, np.intp), order


_LASTING_NS = 10**18
"""Stands for the unlimited time that a lasting command stays in force."""
_GRID_NS = 1000
"""How far points may lie from the ends of control periods and still be meant for them."""
