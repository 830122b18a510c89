"""From physical units to what a network was trained on, and back: normalised, and one representation of rotations.

q and -q are the same orientation, and an angle is the same 2 pi later. Networks see numbers, so each is brought to the
representative nearest to the mean of the training data, which the normaliser knows: a quaternion into its hemisphere,
an angle into the half turn before and after it. Older rows of a history follow the newest one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.channels import QUATERNION
from rcd_ros.planning.manifest import NormalizerSpec
from rcd_ros.planning.spec import TaskSpec

OBSERVATION_CLIP = 5.0
"""Standard deviations at which normalised observations are clipped, which bounds extrapolation."""
_TURN = 2.0 * math.pi
_ROUNDS = 20
"""More are never needed: each one makes the mean longer, or changes nothing."""


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
        normalised: NDArray[np.float32] = np.asarray(observation, np.float32) - self.observation_mean
        normalised /= self.observation_std
        np.minimum(normalised, OBSERVATION_CLIP, out=normalised)
        np.maximum(normalised, -OBSERVATION_CLIP, out=normalised)
        return normalised

    def normalize_command(self, command: ArrayLike) -> NDArray[np.float32]:
        """(..., n_cmd) physical -> normalised."""
        return np.asarray((np.asarray(command, np.float32) - self.command_mean) / self.command_std, np.float32)

    def denormalize_command(self, command: ArrayLike) -> NDArray[np.float32]:
        """(..., n_cmd) normalised -> physical: the inverse of `normalize_command`."""
        physical = np.asarray(command, np.float32) * self.command_std
        physical += self.command_mean
        return physical


class Canonical:
    """Brings histories of one task to the representation that a planner was trained on."""

    def __init__(self, spec: TaskSpec, observation_mean: ArrayLike) -> None:
        """Represent observations of `spec` as near to `observation_mean` (n_obs,) as they can be."""
        self._mean = np.asarray(observation_mean, np.float64)
        self._quaternions = [
            slice(places.start + QUATERNION.start, places.start + QUATERNION.stop)
            for channel, places in spec.placed()
            if channel.kind == "body_pose"
        ]
        self._references = [(part.start, *self._mean[part].tolist()) for part in self._quaternions]
        self._one = (1, self._mean.size)
        turning = {
            joint: place
            for channel, places in spec.placed()
            if channel.kind == "joint_position"
            for joint, place in zip(channel.joints, places, strict=True)
            if joint in channel.continuous
        }
        self._angles = np.array(list(turning.values()), np.intp)
        self._is_quick = not self._angles.size
        commanded = spec.command.joints if spec.command.interface in ("position", "state") else ()
        carried = [(i, turning[joint]) for i, joint in enumerate(commanded) if joint in turning]
        self._commands = np.array([command for command, _ in carried], np.intp)
        self._observed = np.array([observed for _, observed in carried], np.intp)

    @property
    def is_needed(self) -> bool:
        """Whether anything of the task has several representations."""
        return bool(self._quaternions) or self._angles.size > 0

    def histories(self, histories: ArrayLike) -> NDArray[np.float64]:
        """Histories (..., h, n_obs), oldest first, in the representation of the training data."""
        if self._is_quick and np.shape(histories) == self._one and self._is_canonical(histories):
            return np.asarray(histories, np.float64)
        result = np.array(histories, np.float64)
        reference = np.broadcast_to(self._mean, result[..., 0, :].shape)
        for row in range(result.shape[-2] - 1, -1, -1):
            self._nearest(result[..., row, :], reference)
            reference = result[..., row, :]
        return result

    def _is_canonical(self, history: ArrayLike) -> bool:
        """Whether an observation (1, n_obs) is one already; in plain floats: for four numbers NumPy takes longer."""
        values = np.asarray(history).ravel().tolist()
        return all(
            values[i] * w + values[i + 1] * x + values[i + 2] * y + values[i + 3] * z > 0.0
            for i, w, x, y, z in self._references
        )

    def chunks(self, chunks: ArrayLike, canonical: NDArray[np.float64]) -> ArrayLike:
        """Chunks (..., H, n_cmd) that belong to histories in canonical form (..., h, n_obs).

        The first command of a turning joint is within half a turn of where the joint is, and each one goes on from the
        one before.
        """
        if not self._commands.size:
            return chunks
        result = np.array(chunks, np.float64)
        angles = np.unwrap(result[..., self._commands], axis=-2)
        first = angles[..., :1, :]
        start = canonical[..., -1:, self._observed]
        result[..., self._commands] = angles - _TURN * np.round((first - start) / _TURN)
        return result

    def commands(self, chunk: NDArray[np.float64], history: ArrayLike, canonical: NDArray[np.float64]) -> None:
        """Turn commands of turning joints in a chunk (H, n_cmd) back, in place, to the turn that was observed."""
        if self._commands.size:
            turned = np.asarray(history, np.float64)[-1, self._observed] - canonical[-1, self._observed]
            chunk[:, self._commands] += turned

    def _nearest(self, values: NDArray[np.float64], reference: NDArray[np.float64]) -> None:
        """Values (..., n_obs), changed in place, as near to the reference (..., n_obs) as they can be."""
        for part in self._quaternions:
            along = (values[..., part] * reference[..., part]).sum(axis=-1, keepdims=True)
            # At a right angle to the reference, the sign of the first component that is not zero decides.
            first = np.take_along_axis(
                values[..., part], (values[..., part] != 0.0).argmax(axis=-1)[..., None], axis=-1
            )
            values[..., part] *= np.where(np.where(along == 0.0, first, along) < 0.0, -1.0, 1.0)
        if self._angles.size:
            away = values[..., self._angles] - reference[..., self._angles]
            values[..., self._angles] -= _TURN * np.round(away / _TURN)


def fit_canonical(spec: TaskSpec, histories: NDArray[np.float32]) -> Canonical:
    """The representation of training data that is nearest to its own mean.

    A mean depends on the representation and the other way round: they are found by alternation, from the axis that
    is nearest to all orientations whatever their signs (Markley et al. 2007, "Averaging quaternions", eq. 12) and the
    circular mean of angles.

    Args:
        spec: of the task, with the observed channels.
        histories: (N, h, n_obs), physical units.
    """
    newest = np.asarray(histories[:, -1], np.float64)
    mean = newest.mean(axis=0)
    canonical = Canonical(spec, mean)
    for part in canonical._quaternions:
        mean[part] = np.linalg.eigh(newest[:, part].T @ newest[:, part])[1][:, -1]
        mean[part] *= 1.0 if (newest[:, part] @ mean[part]).sum() >= 0.0 else -1.0
    angles = newest[:, canonical._angles]
    mean[canonical._angles] = np.arctan2(np.sin(angles).mean(axis=0), np.cos(angles).mean(axis=0))
    for _ in range(_ROUNDS):
        canonical = Canonical(spec, mean)
        before, mean = mean, canonical.histories(newest[:, None])[:, 0].mean(axis=0)
        if np.array_equal(before, mean):
            break
    return Canonical(spec, mean)
