"""Episodes of Minari data sets, which may be anyone's: everything in them is checked before it is used."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from minari.dataset.minari_storage import MinariStorage

from rcd_ros.data.episodes import Episode, FloatArray
from rcd_ros.data.storage.folders import Metadata, damaged
from rcd_ros.errors import RcdError
from rcd_ros.formats.hdf5 import check_all_stored, check_heaps, open_hdf5

logger = logging.getLogger(__name__)

_OBSERVATION, _GOALS = "observation", ("achieved_goal", "desired_goal")
_OWN_ATTRIBUTES = {"id", "seed", "total_steps", "options"}
"""What Minari itself says of an episode."""


def read_episodes(name: str, folder: Path, metadata: Metadata) -> list[Episode]:
    """All episodes of a data set, one or more, of the same widths.

    Observations that are dicts are flattened: their "observation" entry, then, where these are plain vectors
    (`D4RL/pointmaze/large-v2`, not `D4RL/kitchen/complete-v2`), "achieved_goal" and "desired_goal".

    Args:
        name: of the data set, for errors.
        folder: its data folder.
        metadata: what is in its `metadata.json`.

    Raises:
        RcdError: the files are damaged, need another package, or state no spaces; there is no episode, or one without
            a step; arrays are not vectors of finite numbers, or of other lengths or widths than the others.
    """
    stored, attributes = _read(name, folder, metadata)
    if not stored:
        raise RcdError(f"data set '{name}' holds no episode")
    episodes = [
        _episode(f"data set '{name}', episode {number}", *both)
        for number, both in enumerate(zip(stored, attributes, strict=True))
    ]
    _check_same_widths(name, episodes)
    steps = sum(map(len, episodes))
    if steps != metadata.total_steps:
        raise damaged(name, folder, f"it holds {steps} steps, its metadata say {metadata.total_steps}")
    return episodes


def _read(name: str, folder: Path, metadata: Metadata) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    if metadata.observation_space is None or metadata.action_space is None:
        # Minari would make the environment that the metadata name, and so run code of a data set's choice.
        raise RcdError(f"data set '{name}' does not state its spaces: fetch a later version of it")
    numbers = range(metadata.total_episodes)
    try:
        storage = MinariStorage.read(folder)
    except Exception as error:
        raise _refusal(name, folder, metadata, error) from error
    _check_spaces(name, storage.observation_space, storage.action_space)
    try:
        _check_files(folder)
        # Minari documents no other way to the episodes' attributes.
        return list(storage.get_episodes(numbers)), list(map(dict, storage.get_episode_metadata(numbers)))
    except Exception as error:
        raise _refusal(name, folder, metadata, error) from error


def _check_files(folder: Path) -> None:
    """Check that a data set's values are in its own files; Minari follows links to others."""
    for file in folder.glob("*.hdf5"):
        with open_hdf5(file) as opened:
            check_heaps(file)
            check_all_stored(opened)


def _refusal(name: str, folder: Path, metadata: Metadata, error: Exception) -> RcdError:
    """What to raise where Minari fails, which checks little.

    h5py, pyarrow, Pillow and Gymnasium raise what they do; none of it is ours to tell apart.
    """
    if isinstance(error, ImportError):
        return RcdError(
            f"data set '{name}' is in {metadata.data_format} format, which needs another package: pip install "
            "pyarrow, or fetch it as HDF5"
        )
    return damaged(name, folder, " ".join(str(error).split())[:200] or type(error).__name__)


def _check_spaces(name: str, observed: gymnasium.Space[Any], actions: gymnasium.Space[Any]) -> None:
    """Refuse what is no vector before it is read: images are large."""
    if isinstance(observed, spaces.Dict):
        entries = dict(observed.spaces)
        if _OBSERVATION not in entries:
            raise RcdError(
                f"data set '{name}' has dict observations without an '{_OBSERVATION}' entry; it has "
                f"{', '.join(map(str, entries))}: store one vector an observation"
            )
        left_out = [str(entry) for entry in entries if entry not in (_OBSERVATION, *_GOALS)]
        if left_out:
            logger.warning("data set '%s': the observations' %s are not used", name, ", ".join(left_out))
        observed = entries[_OBSERVATION]
    for what, space in (("observations", observed), ("actions", actions)):
        if not isinstance(space, spaces.Box) or len(space.shape) != 1:
            shape = f" of shape {space.shape}" if isinstance(space, spaces.Box) else ""
            raise RcdError(
                f"data set '{name}' has {what} of space {type(space).__name__}{shape}, only vectors (a Box of one "
                "dimension) can be used: store them as such"
            )


def _episode(where: str, stored: Mapping[str, object], attributes: Mapping[str, object]) -> Episode:
    observations = _observations(where, stored["observations"])
    actions = _numbers(f"{where}, actions", stored["actions"], 2)
    rewards = _numbers(f"{where}, rewards", stored["rewards"], 1)
    ends = [_numbers(f"{where}, {key}", stored[key], 1) for key in ("terminations", "truncations")]
    steps = len(actions)
    if steps == 0:
        raise RcdError(f"{where} holds no step: leave it out")
    if len(observations) != steps + 1 or any(len(array) != steps for array in (rewards, *ends)):
        raise RcdError(
            f"{where}: observations {observations.shape}, actions {actions.shape}, rewards {rewards.shape}, "
            f"terminations {ends[0].shape} and truncations {ends[1].shape} are not (T + 1, n), (T, m) and (T,)"
        )
    seed = attributes.get("seed")
    return Episode(
        observations=observations,
        actions=actions,
        rewards=rewards,
        terminated=bool(ends[0][-1]),
        truncated=bool(ends[1][-1]),
        seed=seed if isinstance(seed, int) and seed >= 0 else None,
        info={
            key: plain
            for key, value in attributes.items()
            if key not in _OWN_ATTRIBUTES and isinstance(plain := _plain(value), int | float | str)
        },
    )


def _observations(where: str, stored: object) -> FloatArray:
    if not isinstance(stored, Mapping):
        return _numbers(f"{where}, observations", stored, 2)
    goals = (stored.get(entry) for entry in _GOALS)
    vectors = [goal for goal in goals if isinstance(goal, np.ndarray) and goal.ndim == 2]
    parts = [_numbers(f"{where}, observations", each, 2) for each in (stored.get(_OBSERVATION), *vectors)]
    if len({len(part) for part in parts}) != 1:
        raise RcdError(f"{where}: observations and goals have {', '.join(str(len(part)) for part in parts)} rows")
    return np.concatenate(parts, axis=1)


def _numbers(where: str, values: object, dimensions: int) -> FloatArray:
    """Finite numbers of so many dimensions, as float32."""
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "fiub" or array.ndim != dimensions:
        raise RcdError(
            f"{where}: {array.dtype} of shape {array.shape} are not numbers of {dimensions} dimensions: make it again"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        converted = array.astype(np.float32)
    if not np.isfinite(converted).all():
        row = int(np.argwhere(~np.isfinite(converted))[0][0])
        raise RcdError(f"{where} hold NaN or infinite values, first in row {row}: make it again")
    return converted


def _check_same_widths(name: str, episodes: Sequence[Episode]) -> None:
    first = episodes[0]
    for number, episode in enumerate(episodes):
        for what in ("observations", "actions"):
            width, expected = (getattr(each, what).shape[1] for each in (episode, first))
            if width != expected:
                raise RcdError(
                    f"data set '{name}': {what} of episode {number} have {width} columns, those of episode 0 have "
                    f"{expected}: make a data set of each"
                )


def _plain(value: object) -> object:
    """HDF5 gives NumPy scalars back."""
    return value.item() if isinstance(value, np.generic) else value
