"""Commands while no plan is due: brake, then keep the position."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.limits import CommandLimits
from rcd_ros.planning.spec import Interface, TaskSpec
from rcd_ros.planning.trajectory import position_columns

STOP_S = 0.5
"""s in which a joint without a known acceleration limit comes to rest."""


class PositionHold:
    """Brings the joints to rest from the last command, then holds them where they were when they came to rest.

    Velocities fall to zero within the acceleration limit. Positions continue with the velocity of the last two
    commands and slow down likewise. At rest a velocity-commanded joint is steered back to its position: with zero
    velocity alone an arm would sink slowly under its weight. Joints whose position is not observed, and effort
    commands, end at zero.
    """

    def __init__(self, spec: TaskSpec, interfaces: Sequence[Interface] | None = None) -> None:
        """Hold the joints that `spec` commands; `interfaces` gives each joint's interface where they differ."""
        channel = spec.command
        columns = position_columns(spec)
        if channel.interface == "state":  # positions, and the velocities that belong to a position that stays
            kinds = np.repeat(("position", "none"), len(columns))
            columns = [*columns, *[None] * len(columns)]
        else:
            kinds = np.array(interfaces or (channel.interface,) * channel.size)
        self._by_position, self._by_velocity = kinds == "position", kinds == "velocity"
        self._size = channel.size
        self._seen = np.array([column is not None for column in columns], bool)
        self._columns = np.array([column or 0 for column in columns], np.intp)
        self._period = spec.control_period
        self._limits = CommandLimits(channel)
        known = None if spec.motion is None else spec.motion.acceleration
        self._acceleration = np.asarray(known or (np.inf,) * channel.size)
        self._last: NDArray[np.float64] | None = None
        self.release()

    def release(self, command: NDArray[np.float64] | None = None) -> None:
        """The next hold starts from this command (n_cmd,), or (None) from the measured position at rest."""
        if command is None:
            self._rate = np.zeros(self._size)
        elif self._last is None:
            self._rate = np.where(self._by_velocity, command, 0.0)
        else:
            self._rate = np.where(self._by_velocity, command, (command - self._last) / self._period)
        self._last = None if command is None else command
        self._anchor = np.full(self._size, np.nan)
        unknown = np.abs(self._rate) * ((1.0 + 1e-9) * self._period / STOP_S)  # not a rounding error above rest
        self._loss = np.where(np.isfinite(self._acceleration), self._acceleration * self._period, unknown)

    def command(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The command (n_cmd,) that holds, given the newest observation (n_obs,)."""
        observed = np.where(self._seen, observation[self._columns], 0.0) if observation.size else np.zeros(self._size)
        self._rate = np.sign(self._rate) * np.maximum(np.abs(self._rate) - self._loss, 0.0)
        goal = observed if self._last is None else self._last + self._rate * self._period
        self._last = self._limits.clamp(goal)
        return np.where(self._by_position, self._last, self._limits.clamp(self._velocity(observed)))

    def _velocity(self, observed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Velocities (n_cmd,) to command where these are; zero for efforts."""
        resting = self._rate == 0.0
        self._anchor = np.where(np.isnan(self._anchor) & resting, observed, self._anchor)
        back = (np.where(resting, self._anchor, observed) - observed) / self._period
        return np.where(self._by_velocity, np.where(resting, back, self._rate), 0.0)
