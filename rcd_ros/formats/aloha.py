"""ACT's and ALOHA's HDF5 layout: one file an episode, `/observations/qpos`, `/observations/qvel`, `/action`.

Arrays (T, n) have a row for each of an episode's T steps; images, below `/observations/images`, are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from rcd_ros.errors import RcdError
from rcd_ros.formats.hdf5 import array, is_hdf5, open_hdf5
from rcd_ros.formats.recording import Export, RecordedEpisode, Recording, matrix

FORMAT = "act"
_OBSERVATIONS = "observations"


def read(path: Path) -> Recording:
    """The episodes of a folder of `episode_<number>.hdf5`, or of one such file.

    Keys are paths in the file, such as `observations/qpos`; `base_action` is read where it is there. An episode whose
    file cannot be read, or lacks `/action` or `/observations/qpos`, has a `problem`.

    Raises:
        RcdError: there is no such file.
    """
    files = _files(path)
    if not files:
        raise RcdError(f"{path} holds no episode_<number>.hdf5")
    return Recording(FORMAT, path, partial(_episodes, files), len(files), notes=_notes(files[0]))


def _files(path: Path) -> list[Path]:
    """A folder's `episode_<number>.hdf5` in the order of their numbers, or the one file that `path` is."""
    if not path.is_dir():
        return [path] if path.is_file() else []
    numbers = {
        file: int(found[1])
        for file in path.iterdir()
        if (found := re.fullmatch(r"episode_(\d+)\.(hdf5|h5)", file.name)) is not None
    }
    return sorted(numbers, key=numbers.__getitem__)


def is_aloha(path: Path) -> bool:
    """Whether a file has this layout, or a folder has files of such names.

    Raises:
        RcdError: it has the name of an HDF5 file and cannot be read.
    """
    if not is_hdf5(path):
        return path.is_dir() and bool(_files(path))
    with open_hdf5(path) as file:
        return "action" in file and _OBSERVATIONS in file and hasattr(file[_OBSERVATIONS], "keys")


def write(folder: Path, export: Export) -> None:
    """Write a folder of files whose numbers have 32 bits; keys are as `read` gives them.

    Raises:
        RcdError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, episode in enumerate(export.episodes):
        with open_hdf5(folder / f"episode_{number}.hdf5", "w") as file:
            file.attrs["sim"] = False
            for key, values in episode.arrays.items():
                file[key] = values.astype(np.float32)


def _episodes(files: Sequence[Path]) -> Iterator[RecordedEpisode]:
    for place, path in enumerate(files):
        numbered = re.search(r"_(\d+)$", path.stem)
        number = int(numbered[1]) if numbered else place
        try:
            yield replace(_read(path), number=number)
        except RcdError as error:
            yield RecordedEpisode(path.name, problem=str(error), number=number)


def _read(path: Path) -> RecordedEpisode:
    arrays = {}
    with open_hdf5(path) as file:
        keys = ["action", "base_action", *(f"{_OBSERVATIONS}/{key}" for key in file.get(_OBSERVATIONS, ()))]
        for key in keys:
            found = None if key == f"{_OBSERVATIONS}/images" else array(file, key)
            if found is not None:
                arrays[key] = matrix(found)
    for key in ("action", f"{_OBSERVATIONS}/qpos"):
        if key not in arrays:
            return RecordedEpisode(path.name, problem=f"it lacks /{key}")
    return RecordedEpisode(path.name, arrays)


def _notes(path: Path) -> list[str]:
    try:
        with open_hdf5(path) as file:
            images = list(file.get(f"{_OBSERVATIONS}/images", ()))
    except RcdError:
        return []
    return [f"images are left out: {', '.join(images)}"] if images else []
