"""A trajectory between its points, as ros2_control's joint_trajectory_controller executes it.

Between two points it goes in straight lines where they have positions alone, along cubics where they have velocities,
along quintics where they have accelerations, too; to the first point it comes from what it commands when the trajectory
arrives; after the last one it is at rest. Points that have velocities alone are integrated (ros2_controllers,
joint_trajectory_controller, doc/trajectory.rst).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
_ORDER = 6
"""Coefficients of a quintic."""


@dataclass(frozen=True)
class Knots:
    """Points of a trajectory: positions or velocities, or both, and accelerations if there are any.

    Attributes:
        times: (points,) ns, strictly increasing.
        positions, velocities, accelerations: (points, k), or None.
    """

    times: NDArray[np.int64]
    positions: FloatArray | None = None
    velocities: FloatArray | None = None
    accelerations: FloatArray | None = None


@dataclass(frozen=True)
class Path:
    """Positions of k joints over time: at rest before it begins and after its end, polynomials between.

    Attributes:
        begins: (m,) ns from which each polynomial counts, until the next one does.
        origins: (m,) ns of each polynomial's zero.
        powers: (m, 6, k) coefficients in s, lowest power first.
        end: ns.
    """

    begins: NDArray[np.int64]
    origins: NDArray[np.int64]
    powers: FloatArray
    end: int

    @classmethod
    def through(
        cls, knots: Knots, now: int, position: FloatArray | None = None, velocity: FloatArray | None = None
    ) -> Path:
        """The path of a trajectory that arrives at `now` (ns).

        A first point that is still to come is reached from `position` and `velocity` (k,). Without a position (of
        joints whose velocities are commanded) the way there is what a steady change of velocity makes.
        """
        times, positions, velocities = knots.times, knots.positions, knots.velocities
        if positions is None:
            if velocities is None:
                raise AssertionError("points need positions or velocities")
            positions = _integrated(times, velocities)
        segments = [
            _segment(
                times[k],
                times[k + 1],
                positions[k : k + 2],
                None if velocities is None else velocities[k : k + 2],
                None if knots.accelerations is None or velocities is None else knots.accelerations[k : k + 2],
            )
            for k in range(len(times) - 1)
        ]
        begins = [int(time) for time in times[:-1]]
        if times[0] > now:
            speeds = None
            if velocities is not None:
                speeds = np.stack((np.zeros_like(velocities[0]) if velocity is None else velocity, velocities[0]))
            if position is None and speeds is not None:
                position = positions[0] - speeds.mean(axis=0) * ((times[0] - now) * 1e-9)
            start = positions[0] if position is None else position
            segments.insert(0, _segment(now, times[0], np.stack((start, positions[0])), speeds, None))
            begins.insert(0, now)
        if not segments:  # a single point that is there at once
            segments, begins = [_standing(positions[0])], [int(times[0])]
        origins = np.array(begins, np.int64)
        return cls(origins, origins, np.stack(segments), int(times[-1]))

    def position(self, time: int) -> FloatArray:
        """Positions (k,) at `time` (ns)."""
        k, s = self._place(time)
        value: FloatArray = s ** np.arange(_ORDER) @ self.powers[k]
        return value

    def velocity(self, time: int) -> FloatArray:
        """Velocities (k,) at `time` (ns): zero before it begins and from its end on."""
        if not self.begins[0] <= time < self.end:
            return np.zeros(self.powers.shape[2])
        k, s = self._place(time)
        value: FloatArray = np.arange(1, _ORDER) * s ** np.arange(_ORDER - 1) @ self.powers[k, 1:]
        return value

    def mean(self, begin: int, end: int) -> FloatArray:
        """Mean velocities (k,) from `begin` to `end` (ns)."""
        return (self.position(end) - self.position(begin)) / ((end - begin) * 1e-9)

    def part(self, columns: NDArray[np.intp]) -> Path:
        """The same path of some of its joints."""
        return Path(self.begins, self.origins, self.powers[:, :, columns], self.end)

    def followed_by(self, path: Path, now: int, since: int, joined: bool) -> Path:
        """This path until `now`, `path` from then on; what was before `since` is forgotten (all ns).

        With `joined` the new one is moved so that there is no step in position where it takes over.
        """
        ends = np.append(self.begins[1:], np.iinfo(np.int64).max)
        old = (self.begins < now) & (ends > since)
        current = np.append(path.begins[1:], np.iinfo(np.int64).max) > now
        powers = path.powers[current]
        if joined:
            powers = powers.copy()
            powers[:, 0] += self.position(now) - path.position(now)
        return Path(
            np.concatenate((self.begins[old], np.maximum(path.begins[current], now))),
            np.concatenate((self.origins[old], path.origins[current])),
            np.concatenate((self.powers[old], powers)),
            path.end,
        )

    def _place(self, time: int) -> tuple[int, float]:
        """The polynomial that counts at `time` (ns), and the s since its zero."""
        inside = min(max(time, int(self.begins[0])), self.end)
        k = int(self.begins.searchsorted(inside, side="right")) - 1
        return k, (inside - int(self.origins[k])) * 1e-9


def _standing(position: FloatArray) -> FloatArray:
    powers = np.zeros((_ORDER, len(position)))
    powers[0] = position
    return powers


def _segment(
    begin: int, end: int, positions: FloatArray, velocities: FloatArray | None, accelerations: FloatArray | None
) -> FloatArray:
    """Coefficients (6, k) from one point to the next, each row of the arrays (2, k) one of them."""
    d = (int(end) - int(begin)) * 1e-9
    p0, p1 = positions
    powers = _standing(p0)
    if velocities is None:
        powers[1] = (p1 - p0) / d
        return powers
    v0, v1 = velocities
    powers[1] = v0
    if accelerations is None:
        mean = (p1 - p0) / d
        powers[2] = (3.0 * mean - 2.0 * v0 - v1) / d
        powers[3] = (v0 + v1 - 2.0 * mean) / d**2
        return powers
    a0, a1 = accelerations
    way = p1 - p0 - v0 * d - 0.5 * a0 * d**2
    speed, change = (v1 - v0 - a0 * d) * d, (a1 - a0) * d**2
    powers[2] = 0.5 * a0
    powers[3] = (10.0 * way - 4.0 * speed + 0.5 * change) / d**3
    powers[4] = (-15.0 * way + 7.0 * speed - change) / d**4
    powers[5] = (6.0 * way - 3.0 * speed + 0.5 * change) / d**5
    return powers


def _integrated(times: NDArray[np.int64], velocities: FloatArray) -> FloatArray:
    """Positions (m, k) from 0 on that linearly changing velocities (m, k) lead to, by the trapezoidal rule."""
    lengths = np.diff(times)[:, None] * 1e-9
    ways = 0.5 * lengths * (velocities[:-1] + velocities[1:])
    return np.vstack((np.zeros(velocities.shape[1]), ways.cumsum(axis=0)))
