"""One control period under limits: the velocity to end it with, so that every limit can be kept afterwards.

Accelerations are constant within a period of length T. A joint that moves at speed v towards a limit and brakes as
hard as it may, by a T each period and by the rest in the last one, stops after the distance

    d(v) = max over k = 0, 1, ... of  (k + 1/2) T v - k (k + 1) / 2 a T^2,

slightly more than v^2 / 2a. A state is safe when d(v) is no more than the room that is left. From a safe state there
is always a next one: braking. The fastest safe one at the end of a step of length s <= T solves

    s (v0 + v) / 2 + d(v) = room,

which is piecewise linear in v: no iteration is needed. Joints are independent of each other, and the few numbers of
one are faster in plain floats than in arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rcd_ros.planning.motion_limits import MotionLimits

_UNLIMITED = 1e9
"""rad/s^2: stands in for an infinite acceleration where infinity times zero would be NaN."""


@dataclass(frozen=True)
class Brake:
    """One joint that can be stopped within its limits, in control periods of `period` s; rad or m and s."""

    lower: float
    upper: float
    slowest: float
    fastest: float
    acceleration: float
    period: float

    @classmethod
    def of_joints(cls, limits: MotionLimits, period: float) -> list[Brake]:
        """One for each commanded joint."""
        rows = zip(
            limits.position_lower.tolist(),
            limits.position_upper.tolist(),
            limits.velocity_lower.tolist(),
            limits.velocity_upper.tolist(),
            limits.acceleration.clip(max=_UNLIMITED).tolist(),
            strict=True,
        )
        return [cls(low, high, slow, fast, acceleration, period) for low, high, slow, fast, acceleration in rows]

    def follow(
        self, position: float, velocity: float, goals: Sequence[float], rates: Sequence[float] | None, step: float
    ) -> tuple[list[float], list[float]]:
        """Positions and velocities at the ends of the steps: as near to the goals as the limits allow.

        The first step takes `step` s, at most a period, the others a period. Goals are velocities; or positions, where
        `rates` gives the velocity at each of them. A joint that is outside a position limit, e.g. measured there, is
        not moved further out; it moves back in when the goals are inside.
        """
        lower, upper, slowest, fastest = self.lower, self.upper, self.slowest, self.fastest
        acceleration, period = self.acceleration, self.period
        positions, velocities = [], []
        for k, wanted in enumerate(goals):
            reach = acceleration * step
            middle = position + 0.5 * step * velocity
            if rates is not None:
                way = wanted - middle - 0.5 * step * rates[k]
                wanted = rates[k] + math.copysign(self._stoppable(abs(way), step), way)
            # Written out: these lines run for every joint and point, and min and max take twice as long.
            speed = wanted if wanted > slowest else slowest
            speed = speed if speed < fastest else fastest
            least, most = velocity - reach, velocity + reach
            speed = speed if speed > least else least
            speed = speed if speed < most else most
            # d(v) is at most v^2 / 2a + v T / 2: where that much room is left there is nothing to solve.
            magnitude = speed if speed > 0.0 else -speed
            stop = 0.5 * magnitude * (step + period + magnitude / acceleration)
            if not lower + stop <= middle <= upper - stop:
                speed = min(speed, max(0.0, self._stoppable(upper - middle, step)))
                speed = max(speed, -max(0.0, self._stoppable(middle - lower, step)))
                speed = min(max(speed, least), most)
            position = middle + 0.5 * step * speed
            velocity, step = speed, period
            positions.append(position)
            velocities.append(velocity)
        return positions, velocities

    def can_stop(self, position: float, velocity: float, step: float) -> bool:
        """Whether braking in a step of `step` s and then in periods keeps both position limits."""
        speed, room = (velocity, self.upper - position) if velocity > 0.0 else (-velocity, position - self.lower)
        slowest = max(0.0, speed - self.acceleration * step)
        return room == math.inf or self._stoppable(room - 0.5 * step * speed, step) >= slowest

    def _stoppable(self, room: float, step: float) -> float:
        """Speed at the end of a step from which a stop takes what is left of `room`.

        `room` is that at the beginning, less what the present velocity takes of it in this step.
        """
        share = step / self.period
        loss = 0.5 * self.acceleration * self.period**2
        full_periods = math.floor(0.5 * (math.sqrt(4.0 * max(room, 0.0) / loss + share**2) - share))
        lost = full_periods * (full_periods + 1) * loss
        return (room + lost) / (self.period * (0.5 * share + 0.5 + full_periods))
