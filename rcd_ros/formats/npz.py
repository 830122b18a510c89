"""NumPy archives: flat arrays of all episodes, and `episode_ends`, the number of rows up to each episode's end.

Every array (R, ...) has a row for each of the R steps of all episodes, such as `state` and `action`; `episode_ends`
(episodes,) are integers that increase up to R. `reward` (R,) and `terminated` (R,), not zero in a row that ended the
task, may be among the arrays.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.formats.recording import Export, FloatArray, RecordedEpisode, Recording, matrix

FORMAT = "npz"
_ENDS, _REWARD, _TERMINATED = "episode_ends", "reward", "terminated"
# What NumPy and zipfile raise on damaged archives, depending on what is damaged.
_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    TypeError,
    SyntaxError,
    RuntimeError,
    MemoryError,
    OverflowError,
    AttributeError,
    IndexError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
)


def is_npz(path: Path) -> bool:
    """Whether a file has the name of an archive."""
    return path.suffix == ".npz" and not path.is_dir()


def read(path: Path) -> Recording:
    """The episodes of an archive; an array of words or of another number of rows is left out, which a note says.

    Raises:
        RcdError: the file is missing or cannot be read, lacks `episode_ends`, these are no integers that increase from
            above 0, or no array has as many rows as the last of them says.
    """
    if not path.is_file():
        raise RcdError(f"{path} is not there" if not path.exists() else f"{path} is not a file")
    try:
        archive: object = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        with archive:
            arrays = {key: np.asarray(archive[key]) for key in archive.files}
    except _UNREADABLE as error:
        raise RcdError(f"{path} cannot be read as a NumPy archive: {' '.join(str(error).split())}") from error
    if _ENDS not in arrays:
        raise RcdError(f"{path} lacks {_ENDS}, the number of rows up to the end of each episode")
    ends = _ends(path, arrays.pop(_ENDS))
    values, notes = {}, []
    for key, found in arrays.items():
        if found.dtype.kind in "fiub" and found.ndim and len(found) == ends[-1]:
            values[key] = matrix(found)
        else:
            notes.append(f"'{key}' is left out: {found.dtype} of shape {found.shape} for {ends[-1]} rows")
    if not values:
        raise RcdError(f"{path} holds no array of {ends[-1]} rows, as {_ENDS} says: {'; '.join(notes)}")
    return Recording(FORMAT, path, partial(_cut, values, ends), len(ends), notes=notes)


def write(path: Path, export: Export) -> None:
    """Write an archive; its numbers have 32 bits. It has `reward` and `terminated` where all episodes have rewards.

    Raises:
        RcdError: the file cannot be written.
    """
    episodes = export.episodes
    arrays: dict[str, Any] = {
        key: np.concatenate([episode.arrays[key] for episode in episodes]).astype(np.float32)
        for key in episodes[0].arrays
    }
    arrays[_ENDS] = np.cumsum([len(episode) for episode in episodes])
    if all(episode.rewards is not None for episode in episodes):
        arrays[_REWARD] = np.concatenate([episode.rewards for episode in episodes]).astype(np.float32)
        last = [np.arange(len(episode)) == len(episode) - 1 for episode in episodes]
        arrays[_TERMINATED] = np.concatenate(
            [rows & bool(episode.terminated) for rows, episode in zip(last, episodes, strict=True)]
        )
    try:
        np.savez_compressed(path, **arrays)
    except OSError as error:
        raise RcdError(f"cannot write '{path}' ({error.strerror})") from error


def _ends(path: Path, ends: NDArray[Any]) -> list[int]:
    if ends.ndim != 1 or ends.size == 0 or ends.dtype.kind not in "iu":
        raise RcdError(f"{path}: {_ENDS} must be a list of integers, got {ends.dtype} of shape {ends.shape}")
    found = [int(end) for end in ends]  # differences of unsigned numbers would wrap around
    if found[0] <= 0 or any(after <= before for before, after in pairwise(found)):
        told = np.array2string(ends, threshold=6, edgeitems=3, separator=", ")
        raise RcdError(f"{path}: {_ENDS} must increase from above 0, got {told}")
    return found


def _cut(values: dict[str, FloatArray], ends: Sequence[int]) -> Iterator[RecordedEpisode]:
    for number, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        arrays = {key: found[begin:end] for key, found in values.items()}
        rewards, terminated = arrays.get(_REWARD), arrays.get(_TERMINATED)
        yield RecordedEpisode(
            f"episode_{number} (rows {begin} to {end - 1})",
            arrays,
            rewards=None if rewards is None else rewards[:, 0],
            terminated=None if terminated is None else bool(terminated.any()),
        )
