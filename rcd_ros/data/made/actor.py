"""Policies that others trained, as arrays: a multilayer perceptron from an observation to an action, in NumPy.

The file is an `.npz` archive without pickle:

    weight0, bias0, ..., weightK, biasK   y = W x + b, layer by layer
    hidden      "relu" or "tanh", between the layers
    output      "tanh", or "clip" to [-1, 1]
    log_std     (n_act,), or log_std_weight (n_act, n_hidden) and log_std_bias, read from the last hidden layer: a
                Gaussian added before the output, clipped to [-20, 2]; without it the policy cannot be sampled from
    obs_mean, obs_std, obs_clip           the observation is normalised, then clipped, before the first layer
    time_feature                          1: append 1 - step / 1000 to the observation
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError

FloatArray = NDArray[np.float32]

LOG_STD = (-20.0, 2.0)
"""Range of the logarithm of a Gaussian's standard deviation, as Stable-Baselines3 clips it."""
_HIDDEN: dict[str, Callable[[FloatArray], FloatArray]] = {"relu": lambda x: np.maximum(x, 0.0), "tanh": np.tanh}
_OUTPUT: dict[str, Callable[[FloatArray], FloatArray]] = {"tanh": np.tanh, "clip": lambda x: np.clip(x, -1.0, 1.0)}
_EPISODE = 1000.0
"""Control periods over which the time feature falls from 1 to 0."""


class Actor:
    """A policy of one observation, its actions in [-1, 1].

    Attributes:
        arrays: what its file holds.
        n_obs: observed values.
        n_act: values of an action.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], where: str = "the policy") -> None:
        """Build it from a file's arrays; `where` names the file in errors.

        Raises:
            RcdError: an array is missing, has the wrong shape or is not finite.
        """
        self.arrays = {name: np.asarray(array) for name, array in arrays.items()}
        for name, array in self.arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise RcdError(f"{where}: '{name}' holds NaN or infinite values")
        self._hidden = _HIDDEN[_choice(self.arrays, "hidden", _HIDDEN, where)]
        self._output = _OUTPUT[_choice(self.arrays, "output", _OUTPUT, where)]
        self._layers = _layers(self.arrays, where)
        self._timed = bool(self.arrays.get("time_feature", False))
        self.n_obs = self._layers[0][0].shape[1] - self._timed
        self.n_act = len(self._layers[-1][1])
        self._normal = None
        if "obs_mean" in self.arrays:
            mean, std = (_vector(self.arrays, name, self.n_obs, where) for name in ("obs_mean", "obs_std"))
            clip = self.arrays.get("obs_clip")
            self._normal = (mean, std, np.inf if clip is None else float(clip))
        self._spread: FloatArray | tuple[FloatArray, FloatArray] | None = None
        if "log_std" in self.arrays:
            self._spread = _vector(self.arrays, "log_std", self.n_act, where)
        elif "log_std_weight" in self.arrays:
            bias = _vector(self.arrays, "log_std_bias", self.n_act, where)
            weight = self.arrays["log_std_weight"].astype(np.float32)
            if weight.shape != self._layers[-1][0].shape:
                raise RcdError(f"{where}: log_std_weight must be {self._layers[-1][0].shape}, got {weight.shape}")
            self._spread = (weight, bias)

    @property
    def stochastic(self) -> bool:
        """Whether actions can be sampled."""
        return self._spread is not None

    def act(self, observation: ArrayLike, random: np.random.Generator | None = None, step: int = 0) -> FloatArray:
        """The action (n_act,) for an observation (n_obs,): the mode, or with `random` a sample.

        Args:
            observation: in the environment's own units.
            random: draws the sample, of a policy that is `stochastic`; None takes the mode.
            step: control periods since the reset, for policies that observe the time.
        """
        x = np.asarray(observation, np.float32)
        if self._normal is not None:
            mean, std, clip = self._normal
            x = np.clip((x - mean) / std, -clip, clip)
        if self._timed:
            x = np.append(x, np.float32(1.0 - step / _EPISODE))
        for weight, bias in self._layers[:-1]:
            x = self._hidden(weight @ x + bias)
        weight, bias = self._layers[-1]
        action = weight @ x + bias
        if random is not None:
            assert self._spread is not None, "a deterministic policy cannot be sampled from"
            log_std = self._spread if isinstance(self._spread, np.ndarray) else self._spread[0] @ x + self._spread[1]
            std = np.exp(np.clip(log_std, *LOG_STD))
            action = action + std * random.standard_normal(self.n_act).astype(np.float32)
        return self._output(action)

    def sha256(self) -> str:
        """Hex digest over the names and values of all arrays."""
        digest = hashlib.sha256()
        for name, array in sorted(self.arrays.items()):
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write the `.npz` file, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        partial = path.with_name(f".{path.stem}.partial.npz")
        arrays: dict[str, Any] = self.arrays
        np.savez(partial, **arrays)
        partial.replace(path)


def load_actor(path: Path) -> Actor:
    """A policy from an `.npz` archive as above, or from the `.zip` of a Stable-Baselines3 SAC or TQC agent.

    Of a zip only the actor's weights are read, without unpickling code; that needs torch.

    Raises:
        RcdError: the file is missing, of another kind, or does not hold such a policy.
    """
    if not path.is_file():
        raise RcdError(f"there is no policy file '{path}'")
    if path.suffix == ".zip":
        return Actor(_of_stable_baselines(path), str(path))
    if path.suffix != ".npz":
        raise RcdError(f"'{path}' is neither .npz nor .zip: only these two kinds of policies can be read")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RcdError(f"'{path}' cannot be read as a NumPy archive: {error}") from error
    return Actor(arrays, str(path))


def _of_stable_baselines(path: Path) -> dict[str, NDArray[Any]]:
    import torch

    try:
        with zipfile.ZipFile(path) as archive:
            state = torch.load(io.BytesIO(archive.read("policy.pth")), map_location="cpu", weights_only=True)
    except (OSError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise RcdError(f"'{path}' is no zip of a Stable-Baselines3 agent: {error}") from error
    hidden = sorted(
        (name for name in state if name.startswith("actor.latent_pi.") and name.endswith(".weight")),
        key=lambda name: int(name.split(".")[2]),
    )
    if not hidden or "actor.mu.weight" not in state or "actor.log_std.weight" not in state:
        raise RcdError(f"'{path}' holds no actor of SAC or TQC with a plain multilayer perceptron")
    layers = [name.removesuffix(".weight") for name in hidden] + ["actor.mu"]
    arrays: dict[str, NDArray[Any]] = {"hidden": np.array("relu"), "output": np.array("tanh")}
    for index, layer in enumerate(layers):
        arrays[f"weight{index}"] = state[f"{layer}.weight"].numpy()
        arrays[f"bias{index}"] = state[f"{layer}.bias"].numpy()
    arrays["log_std_weight"] = state["actor.log_std.weight"].numpy()
    arrays["log_std_bias"] = state["actor.log_std.bias"].numpy()
    return arrays


def _choice(arrays: Mapping[str, NDArray[Any]], name: str, known: Mapping[str, Any], where: str) -> str:
    value = str(arrays[name]) if name in arrays else ""
    if value not in known:
        raise RcdError(f"{where}: '{name}' must be one of {', '.join(known)}, got '{value}'")
    return value


def _layers(arrays: Mapping[str, NDArray[Any]], where: str) -> list[tuple[FloatArray, FloatArray]]:
    layers: list[tuple[FloatArray, FloatArray]] = []
    while f"weight{len(layers)}" in arrays:
        index = len(layers)
        weight, bias = arrays[f"weight{index}"], arrays.get(f"bias{index}")
        if bias is None or weight.ndim != 2 or bias.shape != weight.shape[:1]:
            raise RcdError(f"{where}: weight{index} must be (outputs, inputs) and bias{index} (outputs,)")
        if layers and weight.shape[1] != layers[-1][0].shape[0]:
            raise RcdError(
                f"{where}: weight{index} takes {weight.shape[1]} inputs, the layer before it gives "
                f"{layers[-1][0].shape[0]}"
            )
        layers.append((weight.astype(np.float32), bias.astype(np.float32)))
    if not layers:
        raise RcdError(f"{where} lacks weight0: it holds no policy")
    return layers


def _vector(arrays: Mapping[str, NDArray[Any]], name: str, size: int, where: str) -> FloatArray:
    array = arrays.get(name)
    if array is None or array.shape != (size,):
        shape = "nothing" if array is None else str(array.shape)
        raise RcdError(f"{where}: '{name}' must have the shape ({size},), got {shape}")
    values: FloatArray = array.astype(np.float32)
    return values
