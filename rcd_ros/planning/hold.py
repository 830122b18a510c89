"""What a robot is commanded while no plan is due: stay where it was when the last one ran out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.limits import CommandLimits
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.planning.trajectory import observed_positions


class PositionHold:
    """Holds the joints where they were observed when holding began.

    Zero velocity alone would let an arm sink under its weight, a little in every period. Where the commanded joints'
    positions are not observed, and for effort commands, it is all there is: zero.
    """

    def __init__(self, spec: TaskSpec) -> None:
        """Hold the joints that `spec` commands."""
        self._spec = spec
        self._limits = CommandLimits(spec.command)
        self._anchor: NDArray[np.float64] | None = None

    def release(self) -> None:
        """A plan is due again: the next `command` begins a new hold."""
        self._anchor = None

    def command(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The command (n_cmd,) that holds, given the newest observation (n_obs,)."""
        positions = observed_positions(self._spec, observation)
        if positions is None or self._spec.command.interface == "effort":
            return np.zeros(self._spec.command.size)
        if self._anchor is None:
            self._anchor = positions
        if self._spec.command.interface == "state":
            return self._limits.clamp(np.concatenate((self._anchor, np.zeros_like(self._anchor))))
        if self._spec.command.interface == "position":
            return self._limits.clamp(self._anchor)
        return self._limits.clamp((self._anchor - positions) / self._spec.control_period)
