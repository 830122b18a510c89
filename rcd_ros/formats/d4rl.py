"""D4RL's HDF5 layout: all episodes in flat arrays, which end at `terminals` and `timeouts`.

`observations` (R, n), `actions` (R, n), `rewards` (R,), `terminals` (R,) and, where there are any, `timeouts` (R,),
`next_observations` (R, n) and arrays below `infos/` have a row for each of the R steps of all episodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.formats.hdf5 import array, open_hdf5
from rcd_ros.formats.recording import Export, FloatArray, RecordedEpisode, Recording, matrix

if TYPE_CHECKING:
    import h5py

FORMAT = "d4rl"
_KEYS = ("observations", "actions", "rewards", "terminals")


def read(path: Path) -> Recording:
    """The episodes of a file; keys are `observations`, `actions` and those below `infos/` that have all rows.

    What was observed last is the last of an episode's `next_observations`. Where no end is marked, all rows are one
    episode, which a suspicion says; rows behind the last end are one, too.

    Raises:
        RcdError: the file cannot be read, lacks one of the first four arrays, has no rows, has arrays of different
            lengths, or `next_observations` of another width than `observations`.
    """
    with open_hdf5(path) as file:
        keys = [*_KEYS, "timeouts", "next_observations"]
        infos = file.get("infos")
        keys += [f"infos/{key}" for key in infos] if infos is not None else []
        arrays = {key: found for key in keys if (found := _array(path, file, key)) is not None}
    missing = [key for key in _KEYS if key not in arrays]
    if missing:
        raise RcdError(f"{path} lacks {', '.join(missing)}; it must hold {', '.join(_KEYS)}")
    rows = len(arrays["observations"])
    arrays = {key: found for key, found in arrays.items() if not key.startswith("infos/") or len(found) == rows}
    lengths = {key: len(found) for key, found in arrays.items()}
    if len(set(lengths.values())) > 1 or rows == 0:
        told = ", ".join(f"{key} {length}" for key, length in lengths.items())
        raise RcdError(f"{path} needs arrays of the same length, one or more rows: {told}")
    terminals, timeouts = (
        arrays.pop(key, np.zeros(rows)).reshape(rows, -1)[:, 0].astype(bool) for key in ("terminals", "timeouts")
    )
    ends = (np.flatnonzero(terminals | timeouts) + 1).tolist()
    suspicions = []
    if not ends:
        suspicions.append("neither terminals nor timeouts mark an end: all rows are one episode")
    if not ends or ends[-1] != rows:
        ends.append(rows)
    values = {key: matrix(found) for key, found in arrays.items()}
    following = values.pop("next_observations", None)
    rewards = values.pop("rewards")[:, 0]
    if following is not None and following.shape != values["observations"].shape:
        raise RcdError(
            f"{path}: next_observations {following.shape} and observations {values['observations'].shape} differ"
        )
    cut = partial(_cut, values, rewards, terminals, following, ends)
    return Recording(FORMAT, path, cut, len(ends), suspicions=suspicions)


def _cut(
    values: dict[str, FloatArray],
    rewards: FloatArray,
    terminals: NDArray[np.bool_],
    following: FloatArray | None,
    ends: Sequence[int],
) -> Iterator[RecordedEpisode]:
    for number, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        yield RecordedEpisode(
            name=f"episode_{number} (rows {begin} to {end - 1})",
            arrays={key: found[begin:end] for key, found in values.items()},
            last={} if following is None else {"observations": following[end - 1]},
            rewards=rewards[begin:end],
            terminated=bool(terminals[end - 1]),
        )


def write(path: Path, export: Export) -> None:
    """Write a file; its numbers have 32 bits. Rewards that an episode lacks are zeros.

    It has `next_observations` where all episodes have the last of their `observations`.

    Raises:
        RcdError: the file cannot be written.
    """
    episodes = export.episodes
    whole = all("observations" in episode.last for episode in episodes)
    terminals, timeouts = [], []
    for episode in episodes:
        end = np.arange(len(episode)) == len(episode) - 1
        terminals.append(end & bool(episode.terminated))
        timeouts.append(end & (not episode.terminated))
    with open_hdf5(path, "w") as file:
        for key in episodes[0].arrays:
            file[key] = np.concatenate([episode.arrays[key] for episode in episodes]).astype(np.float32)
        if whole:
            file["next_observations"] = np.concatenate(
                [np.vstack((e.arrays["observations"][1:], e.last["observations"])) for e in episodes]
            ).astype(np.float32)
        rewards = [np.zeros(len(e)) if e.rewards is None else e.rewards for e in episodes]
        file["rewards"] = np.concatenate(rewards).astype(np.float32)
        file["terminals"], file["timeouts"] = np.concatenate(terminals), np.concatenate(timeouts)


def _array(path: Path, file: h5py.File, key: str) -> NDArray[Any] | None:
    try:
        return array(file, key)
    except RcdError as error:
        if key.startswith("infos/"):
            return None
        raise RcdError(f"{path}: {error}") from error
