"""A commanded motion in continuous time: constant accelerations between knots, seen through a moving average.

Within one average of length tau after each knot the acceleration goes over linearly to its next value, so that
the motion is twice continuously differentiable, its jerk is at most (change of acceleration) / tau, and a bound on
position, velocity or acceleration between the knots holds for the averaged motion too (finite impulse response
filters for trajectories: Biagiotti and Melchiorri, "FIR filters for online trajectory planning with time- and
frequency-domain specifications", 2012). Between its own knots the averaged motion is a cubic polynomial: a
controller that interpolates positions and velocities there with cubic splines, as joint_trajectory_controller does,
reproduces it exactly.

`Brake` finds the velocity to end each control period with, so that every limit can be kept afterwards. Accelerations
are constant within a period of length T. A joint that moves at speed v towards a limit and brakes as hard as it may,
by a T each period and by the rest in the last one, stops after the distance

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

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.limits import MotionLimits

MIN_GAP = 1_000
"""ns; knots closer than this are merged: a cubic between them would be lost in rounding."""
_UNLIMITED = 1e9
"""rad/s^2: stands in for an infinite acceleration where infinity times zero would be NaN."""


@dataclass(frozen=True)
class MotionState:
    """Position, velocity and acceleration, each (times, n_cmd) or (n_cmd,), in rad or m and s."""

    position: NDArray[np.float64]
    velocity: NDArray[np.float64]
    acceleration: NDArray[np.float64]


class Motion:
    """Positions and velocities (knots, n_cmd) at `times` (knots,) ns; the last velocity continues without end."""

    def __init__(
        self,
        times: NDArray[np.int64],
        positions: NDArray[np.float64],
        velocities: NDArray[np.float64],
        average: int,
    ) -> None:
        """Take knots that agree with constant accelerations between them; the moving average is `average` ns long."""
        self.times = times
        self.average = average
        self._positions = positions
        self._velocities = velocities
        steps = (times[1:] - times[:-1])[:, None] * 1e-9
        self._accelerations = np.zeros_like(velocities)
        np.divide(velocities[1:] - velocities[:-1], steps, out=self._accelerations[:-1])
        # The area under a quadratic, by Simpson's rule with the middle computed from its ends.
        areas = steps * (0.5 * (positions[:-1] + positions[1:]) - steps**2 / 12.0 * self._accelerations[:-1])
        self._areas = np.zeros_like(positions)
        areas.cumsum(axis=0, out=self._areas[1:])

    @classmethod
    def steady(
        cls, time: int, position: NDArray[np.float64], velocity: NDArray[np.float64], average: int, before: int
    ) -> Motion:
        """A motion of constant `velocity` (n_cmd,), at `position` (n_cmd,) at `time`; defined from `before` ns."""
        # The average of a uniform motion lags behind it by half its length.
        ahead = position + velocity * (0.5e-9 * average)
        times = np.array([time - average - before, time], np.int64)
        positions = np.stack((ahead - velocity * (1e-9 * (average + before)), ahead))
        return cls(times, positions, np.stack((velocity, velocity)), average)

    def resumed(self, time: int, average: int) -> Motion:
        """A motion with another average that is where this one is at `time`, and moves and accelerates as it does.

        It has accelerated evenly: such a motion's average of length tau lags behind it by a tau / 2 in velocity, and
        by v tau / 2 - a tau^2 / 6 in position.
        """
        now = self.at(np.array([time], np.int64))
        slope, tau = now.acceleration, average * 1e-9
        speed = now.velocity + 0.5 * tau * slope
        place = now.position + 0.5 * tau * speed - tau**2 / 6.0 * slope
        back = np.array([[-tau], [0.0]])
        times = np.array([time - average, time], np.int64)
        return Motion(times, place + back * (speed + 0.5 * back * slope), speed + back * slope, average)

    @property
    def known_since(self) -> int:
        """Time (ns) from which the averaged motion is defined."""
        return int(self.times[0]) + self.average

    @property
    def end(self) -> int:
        """Time (ns) of the last knot."""
        return int(self.times[-1])

    def raw(self, time: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Position and velocity (n_cmd,) before averaging."""
        k = max(int(self.times.searchsorted(time, side="right")) - 1, 0)
        s = (time - int(self.times[k])) * 1e-9
        speed, slope = self._velocities[k], self._accelerations[k]
        return self._positions[k] + s * (speed + 0.5 * s * slope), speed + s * slope

    def at(self, times: NDArray[np.int64]) -> MotionState:
        """The averaged motion at `times` (m,) ns."""
        if self.average == 0:
            return MotionState(*self._inner(times)[1:])
        count, rate = len(times), 1e9 / self.average
        inner = self._inner(np.concatenate((times, times - self.average)))
        return MotionState(*((value[:count] - value[count:]) * rate for value in inner[:3]))

    def knots(self, after: int) -> NDArray[np.int64]:
        """Times (ns) later than `after` between which the averaged motion is one cubic polynomial each."""
        times = np.unique(np.concatenate((self.times, self.times + self.average)))
        times = times[times > after]
        return times[np.diff(times, prepend=after) >= MIN_GAP]

    def continued(
        self,
        time: int,
        times: NDArray[np.int64],
        positions: NDArray[np.float64],
        velocities: NDArray[np.float64],
        offset: NDArray[np.float64],
        keep: int,
    ) -> Motion:
        """This motion moved by `offset` (n_cmd,), from `time` on through later knots; defined from `time - keep` ns."""
        position, velocity = self.raw(time)
        first = max(int(self.times.searchsorted(time - keep - self.average, side="right")) - 1, 0)
        last = int(self.times.searchsorted(time, side="left"))
        return Motion(
            np.concatenate((self.times[first:last], (time,), times)),
            np.concatenate((self._positions[first:last] + offset, (position + offset)[None], positions)),
            np.concatenate((self._velocities[first:last], velocity[None], velocities)),
            self.average,
        )

    def _inner(self, times: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
        k = np.maximum(self.times.searchsorted(times, side="right") - 1, 0)
        s = ((times - self.times[k]) * 1e-9)[:, None]
        position, velocity, acceleration = self._positions[k], self._velocities[k], self._accelerations[k]
        return (
            self._areas[k] + s * (position + s * (0.5 * velocity + s * acceleration / 6.0)),
            position + s * (velocity + 0.5 * s * acceleration),
            velocity + s * acceleration,
            acceleration,
        )


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
