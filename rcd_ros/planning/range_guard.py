"""Out-of-distribution guard: how far an observation lies outside the training data. NumPy only.

The checkpoint's normaliser knows mean and standard deviation of every observed value in the training data. A value
many deviations away was never seen in training, and the network extrapolates from it: it clips its inputs at
`representation.OBSERVATION_CLIP` deviations. A value that hardly moved in training has a small deviation, so that a
small change of it counts for much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.channels import ObservationChannel
from rcd_ros.planning.manifest import NormalizerSpec
from rcd_ros.planning.representation import Canonical
from rcd_ros.planning.spec import TaskSpec


@dataclass(frozen=True)
class Reach:
    """The value that lies furthest out in a channel; `deviations` says how many standard deviations from the mean."""

    channel: str
    name: str
    value: float
    unit: str
    deviations: float

    def __str__(self) -> str:
        return f"{self.name} {self.value:.4g} {self.unit}, {self.deviations:.3g} deviations from its mean in training"


class RangeGuard:
    """Measures observations one by one, and keeps the extremes since the last report."""

    def __init__(self, spec: TaskSpec, normalizer: NormalizerSpec) -> None:
        """Judge observations of `spec` by the statistics of the training data."""
        self._channels = tuple(spec.placed())
        self._mean = np.asarray(normalizer.observation_mean)
        self._std = np.asarray(normalizer.observation_std)
        self._scale = 1.0 / self._std
        canonical = Canonical(spec, self._mean)
        self._canonical = canonical if canonical.is_needed else None
        self._ends = self._new_ends()

    def look(self, observation: NDArray[np.float64]) -> float:
        """Take an observation (n_obs,) in physical units; how many deviations its furthest value is away."""
        deviations = self._deviations(observation)
        low, high = self._ends
        np.minimum(low, deviations, out=low)
        np.maximum(high, deviations, out=high)
        return max(float(deviations.max()), -float(deviations.min()))

    def furthest(self, observation: NDArray[np.float64]) -> Reach:
        """The value of an observation (n_obs,) that lies furthest out."""
        return max(self._reaches(self._deviations(observation)), key=lambda reach: reach.deviations)

    def report(self) -> list[Reach]:
        """The furthest value of each channel since the last report; nothing where nothing was seen."""
        (low, high), self._ends = self._ends, self._new_ends()
        if (low > high).any():
            return []
        return self._reaches(np.where(high >= -low, high, low))

    def _deviations(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._canonical is not None:
            observation = self._canonical.histories(observation[None])[0]
        deviations: NDArray[np.float64] = (observation - self._mean) * self._scale
        return deviations

    def _new_ends(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.full_like(self._mean, np.inf), np.full_like(self._mean, -np.inf)

    def _reaches(self, deviations: NDArray[np.float64]) -> list[Reach]:
        reaches = []
        for channel, places in self._channels:
            part = deviations[places]
            place = int(np.abs(part).argmax())
            value = self._mean[places[place]] + part[place] * self._std[places[place]]
            name, unit = value_name(channel, place), channel.units[place]
            reaches.append(Reach(channel.name, name, float(value), unit, float(abs(part[place]))))
        return reaches


def value_name(channel: ObservationChannel, place: int) -> str:
    """What to call a channel's value: its joint, or a body's part such as "kettle.z"."""
    if len(channel.joints) == channel.size:
        return channel.joints[place]
    parts = {"body_pose": ("x", "y", "z", "qw", "qx", "qy", "qz"), "body_twist": ("vx", "vy", "vz", "wx", "wy", "wz")}
    known = parts.get(channel.kind, ())
    return f"{channel.joints[0]}.{known[place] if place < len(known) else place}"
