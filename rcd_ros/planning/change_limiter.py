"""Rate-limits commands to the joint limits: the last check before a robot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.motion_limits import MotionLimits
from rcd_ros.planning.spec import Interface, TaskSpec


class ChangeLimiter:
    """Approaches each command as fast as the motion limits allow.

    From one control period to the next a velocity or an effort changes by at most its acceleration limit times the
    period, a position by its velocity limit times the period; a joint without such a limit is not limited. A shaped
    plan that arrives in time is never changed. A late plan is entered in the middle, which is a jump, and is changed.
    Of a planned state the position changes by at most the largest planned speed times the period; the velocity is not
    limited.
    """

    def __init__(self, spec: TaskSpec, interfaces: Sequence[Interface]) -> None:
        """Limit the commands of `spec`, each joint by its own interface."""
        if spec.command.interface == "state":
            slowest, fastest = (np.split(np.asarray(bound), 2)[1] for bound in (spec.command.lower, spec.command.upper))
            unlimited = np.full(len(fastest), np.inf)
            self._by_position = np.repeat((True, False), len(fastest))
            fall, rise = np.concatenate((-slowest, unlimited)), np.concatenate((fastest, unlimited))
        else:
            limits = MotionLimits.of(spec)
            self._by_position = np.array([interface == "position" for interface in interfaces])
            fall = np.where(self._by_position, -limits.velocity_lower, limits.acceleration)
            rise = np.where(self._by_position, limits.velocity_upper, limits.acceleration)
        self._fall, self._rise = fall * spec.control_period, rise * spec.control_period
        self.limited = 0
        """Control periods in which a command was changed."""
        self.reset()

    def reset(self) -> None:
        """Start from a robot at rest, at any position."""
        self._last = np.where(self._by_position, np.nan, 0.0)

    def limit(self, command: NDArray[np.float64]) -> NDArray[np.float64]:
        """The nearest command (n_cmd,) to the given one that is within the rate limits after the last one."""
        last = np.where(np.isnan(self._last), command, self._last)
        self._last = command.clip(last - self._fall, last + self._rise)
        self.limited += not np.array_equal(self._last, command)
        return self._last
