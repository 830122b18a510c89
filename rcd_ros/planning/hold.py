"""What a robot is commanded while no plan is due: come to rest and stay there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.limits import CommandLimits
from rcd_ros.planning.spec import Interface, TaskSpec
from rcd_ros.planning.trajectory import observed_positions

STOP_S = 0.5
"""s in which a joint comes to rest whose acceleration limit is not known."""


class PositionHold:
    """Brings the joints to rest from the last command, then holds them where they were when they came to rest.

    Velocities fall to zero by no more than the acceleration limit; positions go on as fast as the last two told, and
    slow down likewise. Zero velocity alone would let an arm sink under its weight afterwards, a little in every period.
    Where the commanded joints' positions are not observed, and for effort commands, it is all there is: zero.
    """

    def __init__(self, spec: TaskSpec, interfaces: Sequence[Interface] | None = None) -> None:
        """Hold the joints that `spec` commands, each by an interface of its own where `interfaces` says so."""
        channel = spec.command
        kinds = np.array(interfaces or (channel.interface,) * channel.size)
        self._by_position, self._by_velocity = kinds == "position", kinds == "velocity"
        self._spec = spec
        self._period = spec.control_period
        self._limits = CommandLimits(channel)
        known = None if spec.motion is None else spec.motion.acceleration
        self._acceleration = np.asarray(known or (np.inf,) * channel.size)
        self._last: NDArray[np.float64] | None = None
        self.release()

    def release(self, command: NDArray[np.float64] | None = None) -> None:
        """The next `command` begins a new hold: from this one (n_cmd,), or (None) from where the robot stands."""
        size = self._spec.command.size
        if command is None:
            self._rate = np.zeros(size)
        elif self._last is None:
            self._rate = np.where(self._by_velocity, command, 0.0)
        else:
            self._rate = np.where(self._by_velocity, command, (command - self._last) / self._period)
        self._last = None if command is None else command
        self._anchor = np.full(size, np.nan)
        unknown = np.abs(self._rate) * ((1.0 + 1e-9) * self._period / STOP_S)  # not a rounding error above rest
        self._loss = np.where(np.isfinite(self._acceleration), self._acceleration * self._period, unknown)

    def command(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The command (n_cmd,) that holds, given the newest observation (n_obs,)."""
        self._rate = np.sign(self._rate) * np.maximum(np.abs(self._rate) - self._loss, 0.0)
        observed = observed_positions(self._spec, observation)
        self._last = self._limits.clamp(self._goal(observed))
        return np.where(self._by_position, self._last, self._limits.clamp(self._velocity(observed)))

    def _goal(self, observed: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Positions (n_cmd,) to command where these are commanded."""
        if self._last is not None:
            return self._last + self._rate * self._period
        return np.zeros(self._spec.command.size) if observed is None else observed

    def _velocity(self, observed: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Velocities (n_cmd,) to command where these are; zero for efforts."""
        back = np.zeros(self._spec.command.size)
        if observed is not None:
            self._anchor = np.where(np.isnan(self._anchor) & (self._rate == 0.0), observed, self._anchor)
            back = np.nan_to_num((self._anchor - observed) / self._period)
        return np.where(self._by_velocity, np.where(self._rate == 0.0, back, self._rate), 0.0)
