"""How fast and how far each commanded joint may move: from the checkpoint, the robot's parameters, or unlimited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import CommandChannel, MotionSpec, TaskSpec

LIMIT_FIELDS = tuple(MotionSpec.model_fields)


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

    @property
    def bounds_acceleration(self) -> bool:
        """Whether every joint has an acceleration limit; commands of a joint without one are not shaped."""
        return bool(np.isfinite(self.acceleration).all())

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
    return np.broadcast_to(values, (channel.size,)).copy()


def _above_zero(channel: CommandChannel, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    for joint, value in zip(channel.joints, values, strict=True):
        if value <= 0.0:
            raise RcdError(f"motion limit '{name}' of '{joint}' must be above 0, got {value:g}")
    return values
