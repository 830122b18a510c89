"""Limits of commands and of the motion that they cause, for the planner that sends and the robot that receives.

`CommandLimits`: the range of each commanded value. `MotionLimits`: how far, how fast and how abruptly each joint may
move, from the checkpoint, the robot's parameters, or unlimited. `RateLimiter`: the last check before a robot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import CommandChannel, Interface
from rcd_ros.planning.spec import MotionSpec, TaskSpec

LIMIT_FIELDS = tuple(MotionSpec.model_fields)
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
        clamped: NDArray[np.float64] = np.maximum(command, self.lower)
        np.minimum(clamped, self.upper, out=clamped)
        return clamped

    def contain(self, command: ArrayLike) -> NDArray[np.bool_]:
        """(..., n_cmd): which values are finite and inside the limits."""
        slack = _TOLERANCE * self.range
        value = np.asarray(command, np.float64)
        return np.asarray((value >= self.lower - slack) & (value <= self.upper + slack))


@dataclass(frozen=True)
class MotionLimits:
    """Bounds of each commanded joint, each (n_cmd,), in rad or m and s; infinite where there is none.

    For efforts, `velocity_lower` and `velocity_upper` bound the effort itself, `acceleration` its rate (N m/s) and
    `jerk` the rate of that; there are no positions.
    """

    position_lower: NDArray[np.float64]
    position_upper: NDArray[np.float64]
    velocity_lower: NDArray[np.float64]
    velocity_upper: NDArray[np.float64]
    acceleration: NDArray[np.float64]
    jerk: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        spec: TaskSpec,
        overrides: Mapping[str, Sequence[float]] | None = None,
        position_margin: float = 0.0,
    ) -> MotionLimits:
        """The limits of a task's commanded joints.

        The command's own limits always hold. Beyond them a limit is taken from `overrides`, else from `spec.motion`,
        else there is none.

        Args:
            spec: of the task; its `motion` may be None.
            overrides: a field of `MotionSpec` -> one value for each commanded joint, or one for all; an empty list
                overrides nothing, infinity removes a limit.
            position_margin: rad or m kept free on the near side of every position limit.

        Raises:
            RcdError: an unknown field, a wrong number of values, NaN, a rate that is not above zero, position limits
                without room between them, or a jerk limit without one of acceleration.
        """
        channel = spec.command
        known = spec.motion or MotionSpec()
        overrides = overrides or {}
        for name in overrides:
            if name not in LIMIT_FIELDS:
                raise RcdError(f"there is no motion limit '{name}'; there are: {', '.join(LIMIT_FIELDS)}")
        if not 0.0 <= position_margin < np.inf:
            raise RcdError(f"the position margin must be 0 or more (rad, m), got {position_margin:g}")

        def values(name: str, default: float) -> NDArray[np.float64]:
            given = overrides.get(name, ())
            return _one_each(channel, name, given if len(given) else getattr(known, name) or (default,))

        lower, upper = values("position_lower", -np.inf), values("position_upper", np.inf)
        speed = _above_zero(channel, "velocity", values("velocity", np.inf))
        slowest, fastest = -speed, speed
        if channel.interface == "position":
            lower, upper = np.maximum(lower, channel.lower), np.minimum(upper, channel.upper)
        elif channel.interface == "velocity":
            slowest, fastest = np.maximum(slowest, channel.lower), np.minimum(fastest, channel.upper)
        else:
            slowest, fastest = np.asarray(channel.lower), np.asarray(channel.upper)
            lower, upper = np.full(channel.size, -np.inf), np.full(channel.size, np.inf)
        limits = cls(
            lower + position_margin,
            upper - position_margin,
            slowest,
            fastest,
            _above_zero(channel, "acceleration", values("acceleration", np.inf)),
            _above_zero(channel, "jerk", values("jerk", np.inf)),
        )
        limits._check(channel, position_margin)
        return limits

    def _check(self, channel: CommandChannel, margin: float) -> None:
        for i, joint in enumerate(channel.joints):
            if not self.position_lower[i] < self.position_upper[i]:
                raise RcdError(
                    f"'{joint}' has no room to move between its position limits {self.position_lower[i] - margin:g} "
                    f"and {self.position_upper[i] + margin:g} with a margin of {margin:g}"
                )
            if not self.velocity_lower[i] <= 0.0 <= self.velocity_upper[i]:
                raise RcdError(
                    f"'{joint}' cannot come to rest: its limits {self.velocity_lower[i]:g} to "
                    f"{self.velocity_upper[i]:g} leave out zero"
                )
            if np.isfinite(self.jerk[i]) and not np.isfinite(self.acceleration[i]):
                raise RcdError(f"'{joint}' has a jerk limit but none of acceleration: give both or neither")


def _one_each(channel: CommandChannel, name: str, given: Sequence[float]) -> NDArray[np.float64]:
    values = np.asarray(given, np.float64)
    if values.size not in (1, channel.size):
        raise RcdError(f"motion limit '{name}' needs {channel.size} values, or one for all, got {values.size}")
    if np.isnan(values).any():
        raise RcdError(f"motion limit '{name}' holds NaN: give numbers, or .inf for no limit")
    return np.full(channel.size, values)


def _above_zero(channel: CommandChannel, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    for joint, value in zip(channel.joints, values, strict=True):
        if value <= 0.0:
            raise RcdError(f"motion limit '{name}' of '{joint}' must be above 0, got {value:g}")
    return values


class RateLimiter:
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
