"""The limits of a command channel, for the planner that sends and the robot that receives."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.spec import CommandChannel

_TOLERANCE = 1e-6
"""Fraction of the range by which float32 rounding on the sender's side may pass a limit."""


class CommandLimits:
    """Lower and upper bound of each commanded value, physical units."""

    def __init__(self, channel: CommandChannel) -> None:
        """Take the limits of `channel`."""
        self.lower = np.asarray(channel.lower)
        self.upper = np.asarray(channel.upper)
        self.range = self.upper - self.lower

    def clamp(self, command: ArrayLike) -> NDArray[np.float64]:
        """(..., n_cmd): the nearest command inside the limits."""
        clamped = np.maximum(command, self.lower)
        return np.minimum(clamped, self.upper, out=clamped)

    def contain(self, command: ArrayLike) -> NDArray[np.bool_]:
        """(..., n_cmd): which values are finite and inside the limits."""
        slack = _TOLERANCE * self.range
        value = np.asarray(command, np.float64)
        return np.asarray((value >= self.lower - slack) & (value <= self.upper + slack))
