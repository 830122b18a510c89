"""The newest observations at the control rate, continuous joints in one turn."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.observation.sources import distance
from rcd_ros.planning.spec import TaskSpec


@dataclass(frozen=True)
class Observation:
    """What to plan from: `history` (h, n_obs) in physical units, oldest first, its newest row taken at `stamp` (ns)."""

    stamp: int
    history: NDArray[np.float64]


class History:
    """Complete observations of the last `length` control periods."""

    def __init__(self, spec: TaskSpec, length: int, centre: NDArray[np.float64] | None) -> None:
        """Keep `length` control periods; `centre` (n_obs,): what continuous joints are taken near to."""
        self._length = length
        self._size = spec.observation_size
        self._period = round(spec.control_period * 1e9)
        self._centre = centre
        turning = [
            places[channel.joints.index(joint)] for channel, places in spec.placed() for joint in channel.continuous
        ]
        self._turning = np.array(turning, np.intp)
        self._recent: deque[tuple[int, NDArray[np.float64]]] = deque()

    @property
    def stamp(self) -> int | None:
        """Stamp (ns) of the newest observation."""
        return self._recent[-1][0] if self._recent else None

    def forget(self) -> None:
        """Discards all observations."""
        self._recent.clear()

    def add(self, stamp: int, vector: NDArray[np.float64]) -> None:
        """Take an observation (n_obs,), which is kept and may be changed."""
        if len(self._turning):
            self._choose_turns(vector)
        self._recent.append((stamp, vector))
        while stamp - self._recent[0][0] > self._length * self._period:
            self._recent.popleft()

    def replace(self, places: slice, values: NDArray[np.float64]) -> None:
        """Sets these places of all kept observations to `values`, e.g. to a new goal."""
        for _, vector in self._recent:
            vector[places] = values

    def newest(self) -> Observation:
        """The newest observation: for each of the last h periods what is nearest to it, the oldest one repeated."""
        rows = np.empty((self._length, self._size))
        stamp, rows[-1] = self._recent[-1]
        for back in range(1, self._length):
            _, rows[-1 - back] = min(self._recent, key=partial(distance, stamp - back * self._period))
        if len(self._turning):
            newest = rows[-1, self._turning]
            rows[:, self._turning] = newest + _within_half_a_turn(rows[:, self._turning] - newest)
        return Observation(stamp, rows)

    def _choose_turns(self, vector: NDArray[np.float64]) -> None:
        """Shift continuous joints by whole turns: to the training data, or to where they were before."""
        places = self._turning
        if self._centre is not None:
            near = self._centre[places]
        elif self._recent:
            near = self._recent[-1][1][places]
        else:
            return
        vector[places] = near + _within_half_a_turn(vector[places] - near)


def _within_half_a_turn(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    turn = 2.0 * math.pi
    wrapped: NDArray[np.float64] = angles - turn * np.round(angles / turn)
    return wrapped
