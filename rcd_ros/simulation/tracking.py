"""Tracking planned states: a PD law from position and velocity errors to accelerations.

    a = k_p (p_ref - p) + k_d (v_ref - v),    |a_i| <= a_max

joint by joint, with p in m (or rad), v in m/s (or rad/s), k_p in 1/s^2, k_d in 1/s and a in m/s^2 (or rad/s^2). With
k_d = 2 sqrt(k_p) a position error decays without overshoot, in about 4 / sqrt(k_p) seconds, as long as a_max
is not reached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError


@dataclass(frozen=True)
class TrackingLaw:
    """Accelerations towards a planned state.

    Attributes:
        position_gain: k_p, 1/s^2.
        velocity_gain: k_d, 1/s.
        acceleration_limit: a_max of each joint, m/s^2 or rad/s^2.
    """

    position_gain: float
    velocity_gain: float
    acceleration_limit: float

    def __post_init__(self) -> None:
        """Checks the ranges.

        Raises:
            RcdError: a gain is not a number >= 0, or the limit not above 0.
        """
        for name in ("position_gain", "velocity_gain"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise RcdError(f"{name} must be a number >= 0, got {value}")
        if not self.acceleration_limit > 0.0:
            raise RcdError(f"acceleration_limit must be above 0, got {self.acceleration_limit}")

    @classmethod
    def critically_damped(cls, frequency: float, acceleration_limit: float) -> TrackingLaw:
        """The law of natural frequency `frequency` (rad/s) that does not overshoot."""
        return cls(frequency**2, 2.0 * frequency, acceleration_limit)

    def acceleration(self, reference: ArrayLike, state: ArrayLike) -> NDArray[np.float64]:
        """Accelerations (n,) towards a reference, both (2 n,): every joint's position, then every joint's velocity."""
        error = np.asarray(reference, np.float64) - np.asarray(state, np.float64)
        positions, velocities = np.split(error, 2)
        wanted = self.position_gain * positions + self.velocity_gain * velocities
        return np.clip(wanted, -self.acceleration_limit, self.acceleration_limit)
