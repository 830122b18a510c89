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
        names: joint names, in any order.
        stamp: of the observation it was made from, ns.
        time_from_start: (points,) ns at which each point's period ends.
        commands: per point one value per name, in the field that the command's interface reads; of the interface
            `state`, positions, then velocities.
    """

    names: Sequence[str]
    stamp: int
    time_from_start: ArrayLike
    commands: Sequence[Sequence[float]] | NDArray[np.float64]


@dataclass(frozen=True)
class Due:
    """The command due now: (n_cmd,) physical units in the robot's order, and which point of which plan it is."""

    command: NDArray[np.float64]
    index: int
    stamp: int


class TrajectoryFollower:
    """Keeps the newest valid plan and returns its points when they are due.

    A plan belongs to the stamp of the observation it was made from: a late one is entered in the middle, one whose
    last point has passed is refused. Refusals are counted in `refused` under their reason.

    The newest valid plan is followed. With `execute` above 1 the current plan is kept for that many periods; newer ones
    are accepted, but not followed.
    """

    def __init__(self, channel: CommandChannel, period: int, execute: int = 1) -> None:
        """Follow plans for `channel`; a plan is kept for `execute` control periods of `period` ns."""
        self.refused: Counter[str] = Counter()
        self._channel = channel
        self._limits = CommandLimits(channel)
        self._period = period
        self._execute = execute
        self.reset()

    def reset(self) -> None:
        """Discard the current plan."""
        self._stamp: int | None = None
        self._ends = np.empty(0, np.int64)
        self._commands = np.empty((0, self._channel.size))

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
        if self._execute > 1 and plan.stamp < kept_until and self.due(now) is not None:
            return None
        self._stamp = plan.stamp
        self._ends = np.asarray(plan.time_from_start, np.int64)
        self._commands = self._limits.clamp(np.asarray(plan.commands, np.float64)[:, self._order(plan.names)])
        return None

    def due(self, now: int) -> Due | None:
        """The point whose period holds `now` (ns); None when there is no plan or it is used up: hold position."""
        if self._stamp is None or now < self._stamp:
            return None
        index = int(np.searchsorted(self._ends, now - self._stamp, side="right"))
        return Due(self._commands[index], index, self._stamp) if index < len(self._ends) else None

    def _problem(self, plan: ReceivedPlan, now: int) -> str | None:
        names, stamp, commands = plan.names, plan.stamp, plan.commands
        if sorted(names) != sorted(self._channel.joints):
            return f"joint names differ: the robot has {list(self._channel.joints)}, the plan {list(names)}"
        ends = np.asarray(plan.time_from_start, np.int64)
        if len(ends) == 0 or len(ends) != len(commands) or any(len(point) != self._channel.size for point in commands):
            size, interface = self._channel.size, self._channel.interface
            return f"wrong shape: every point needs {size} values for the {interface} interface"
        if ends[0] <= 0 or (np.diff(ends) <= 0).any():
            return "times do not increase: time_from_start must be positive and strictly increasing"
        values = np.asarray(commands, np.float64)
        if not np.isfinite(values).all():
            return "not finite: a command is NaN or infinite"
        order = self._order(names)
        outside = ~self._limits.contain(values[:, order])
        if outside.any():
            point, joint = np.argwhere(outside)[0]
            return (
                f"outside the limits: {self._channel.joints[joint % len(names)]} = {values[point, order[joint]]:g} "
                f"{self._channel.units[joint]} at point {point}, allowed {self._channel.lower[joint]:g} to "
                f"{self._channel.upper[joint]:g}"
            )
        if stamp > now + self._period:
            return f"from the future: planned for {(stamp - now) * 1e-9:.3f} s from now"
        if now - stamp >= ends[-1]:
            return f"stale: its last point passed {(now - stamp - ends[-1]) * 1e-9:.3f} s ago"
        if self._stamp is not None and stamp < self._stamp <= now:
            return "older than the plan in hand: it was overtaken"
        return None

    def _order(self, names: Sequence[str]) -> list[int]:
        """Where each of the robot's commanded values stands in a plan's points."""
        joints = [list(names).index(joint) for joint in self._channel.joints]
        return [joint + begin for begin in range(0, self._channel.size, len(joints)) for joint in joints]
