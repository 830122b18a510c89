"""Recorded data from files: NumPy archives of demonstrations, and D4RL's HDF5 layout."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Episode
from rcd_ros.errors import RcdError

FloatArray = NDArray[np.float32]


def read_recording(path: Path) -> list[Episode]:
    """Episodes of an `.npz` archive (`state`, `action`, `episode_ends`) or an `.hdf5` file in D4RL's layout.

    An archive has neither rewards nor each episode's last observation: its rewards are zero and its last observation
    repeats the one before, until `completions.recompute` fills both in.

    Raises:
        RcdError: the file is missing, of another kind, or its content is not usable; one sentence says why.
    """
    if not path.is_file():
        raise RcdError(f"{path} is not there" if not path.exists() else f"{path} is not a file")
    if path.suffix == ".npz":
        return _read_archive(path)
    if path.suffix in (".hdf5", ".h5"):
        return _read_d4rl(path)
    raise RcdError(f"{path} is neither .npz nor .hdf5; only these two can be imported")


def has_rewards(path: Path) -> bool:
    """Whether files of this kind carry rewards and last observations of their own."""
    return path.suffix != ".npz"


def _read_archive(path: Path) -> list[Episode]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RcdError(f"{path} cannot be read as a NumPy archive: {error}") from error
    _require(path, arrays, ("state", "action", "episode_ends"))
    states, actions = _matrix(path, arrays, "state"), _matrix(path, arrays, "action")
    _same_length(path, {"state": states, "action": actions})
    ends = arrays["episode_ends"]
    if ends.ndim != 1 or ends.size == 0 or not np.issubdtype(ends.dtype, np.integer):
        raise RcdError(f"{path}: episode_ends must be a list of integers, got {ends.dtype} of shape {ends.shape}")
    if ends[0] <= 0 or (np.diff(ends) <= 0).any() or ends[-1] != len(states):
        raise RcdError(
            f"{path}: episode_ends must increase from above 0 to the number of rows, {len(states)}, "
            f"got {_shortened(ends)}"
        )
    return [
        Episode(
            observations=np.concatenate((states[begin:end], states[end - 1 : end])),
            actions=actions[begin:end],
            rewards=np.zeros(end - begin, dtype=np.float32),
            terminated=False,
            truncated=True,
        )
        for begin, end in _spans(ends.tolist())
    ]


def _read_d4rl(path: Path) -> list[Episode]:
    import h5py

    keys = ("observations", "actions", "rewards", "terminals")
    try:
        with h5py.File(path, "r") as file:
            arrays = {key: np.asarray(file[key]) for key in (*keys, "timeouts", "next_observations") if key in file}
    except (OSError, TypeError) as error:
        raise RcdError(f"{path} cannot be read as HDF5: {error}") from error
    _require(path, arrays, keys)
    observations, actions = _matrix(path, arrays, "observations"), _matrix(path, arrays, "actions")
    flat: dict[str, NDArray[Any]] = {
        key: arrays[key].reshape(-1) for key in ("rewards", "terminals", "timeouts") if key in arrays
    }
    flat.setdefault("timeouts", np.zeros(len(observations), dtype=bool))
    _same_length(path, {"observations": observations, "actions": actions, **flat})
    rewards = flat["rewards"].astype(np.float32)
    if not np.isfinite(rewards).all():
        raise RcdError(f"{path}: rewards hold NaN or infinite values")
    terminals, timeouts = flat["terminals"].astype(bool), flat["timeouts"].astype(bool)
    following = _matrix(path, arrays, "next_observations") if "next_observations" in arrays else None
    if following is not None and following.shape != observations.shape:
        raise RcdError(f"{path}: next_observations {following.shape} and observations {observations.shape} differ")
    return list(_cut_d4rl(path, observations, following, actions, rewards, terminals, timeouts))


def _cut_d4rl(
    path: Path,
    observations: FloatArray,
    following: FloatArray | None,
    actions: FloatArray,
    rewards: FloatArray,
    terminals: NDArray[np.bool_],
    timeouts: NDArray[np.bool_],
) -> Iterator[Episode]:
    """Episodes end at terminals or timeouts; rows after the last end are an episode that was cut off.

    Without `next_observations` an episode's last row has no successor, so that its action is dropped and its reward
    is counted to the action before.
    """
    ends = (np.flatnonzero(terminals | timeouts) + 1).tolist()
    if not ends or ends[-1] != len(observations):
        ends.append(len(observations))
    found = False
    for begin, end in _spans(ends):
        if following is not None:
            seen = np.concatenate((observations[begin:end], following[end - 1 : end]))
            done, gained = actions[begin:end], rewards[begin:end]
        elif end - begin > 1:
            seen, done, gained = observations[begin:end], actions[begin : end - 1], rewards[begin : end - 1].copy()
            gained[-1] += rewards[end - 1]
        else:
            continue
        found = True
        terminated = bool(terminals[end - 1])
        yield Episode(seen, done, gained, terminated=terminated, truncated=not terminated)
    if not found:
        raise RcdError(f"{path} holds no episode of more than one step")


def _shortened(values: NDArray[np.generic]) -> str:
    return np.array2string(values, threshold=6, edgeitems=3, separator=", ")


def _spans(ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    return zip([0, *ends[:-1]], ends, strict=True)


def _require(path: Path, arrays: Mapping[str, NDArray[np.generic]], keys: Sequence[str]) -> None:
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise RcdError(f"{path} lacks {', '.join(missing)}; it must hold {', '.join(keys)}")


def _matrix(path: Path, arrays: Mapping[str, NDArray[np.generic]], key: str) -> FloatArray:
    array = arrays[key]
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.number) or len(array) == 0:
        raise RcdError(f"{path}: {key} must be numbers of shape (rows, values), got {array.dtype} {array.shape}")
    values = array.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if bad.size:
        raise RcdError(f"{path}: {key} holds NaN or infinite values, first in row {bad[0]}")
    return values


def _same_length(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    lengths = {key: len(array) for key, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        described = ", ".join(f"{key} {length}" for key, length in lengths.items())
        raise RcdError(f"{path}: arrays of different lengths: {described}")
