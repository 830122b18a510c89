"""Physical units to the network's units and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.manifest import NormalizerSpec

OBSERVATION_CLIP = 5.0
"""Normalised observations are clipped here: what the network never saw must not throw it further off."""


class Normalizer:
    """Zero mean and unit variance per value, float32."""

    def __init__(self, spec: NormalizerSpec) -> None:
        """Take means and standard deviations from a manifest."""
        self.observation_mean = np.asarray(spec.observation_mean, np.float32)
        self.observation_std = np.asarray(spec.observation_std, np.float32)
        self.command_mean = np.asarray(spec.command_mean, np.float32)
        self.command_std = np.asarray(spec.command_std, np.float32)

    def normalize_observation(self, observation: ArrayLike) -> NDArray[np.float32]:
        """(..., n_obs) physical -> normalised, clipped to +-5 standard deviations."""
        normalised = np.asarray(observation, np.float32) - self.observation_mean
        normalised /= self.observation_std
        np.minimum(normalised, OBSERVATION_CLIP, out=normalised)
        return np.maximum(normalised, -OBSERVATION_CLIP, out=normalised)

    def normalize_command(self, command: ArrayLike) -> NDArray[np.float32]:
        """(..., n_cmd) physical -> normalised."""
        return np.asarray((np.asarray(command, np.float32) - self.command_mean) / self.command_std, np.float32)

    def denormalize_command(self, command: ArrayLike) -> NDArray[np.float32]:
        """(..., n_cmd) normalised -> physical: the inverse of `normalize_command`."""
        physical = np.asarray(command, np.float32) * self.command_std
        physical += self.command_mean
        return physical
