"""HDF5 files from anywhere: opened and read so that whatever is wrong with one ends in a sentence."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    import h5py

# What h5py raises on damaged files, depending on what is damaged.
UNREADABLE = (OSError, KeyError, RuntimeError, ValueError, TypeError, MemoryError, OverflowError, AttributeError)
_MOST_DENSE = 1100
"""Bytes that a stored one may stand for: deflate's largest ratio is 1032."""
_LARGE = 2**30
"""Bytes up to which an array is read whatever its ratio: other filters store a constant in nothing."""
SUFFIXES = (".hdf5", ".h5")
"""Of files that are written."""


def is_hdf5(path: Path) -> bool:
    """Whether a file has the name of an HDF5 file."""
    return path.suffix in (*SUFFIXES, ".hdf") and not path.is_dir()


@contextmanager
def open_hdf5(path: Path, mode: str = "r") -> Iterator[h5py.File]:
    """An open `h5py.File`; `mode` is h5py's.

    Raises:
        RcdError: the file to read is missing, a folder or not HDF5, something read within the block is damaged, or the
            file cannot be written.
    """
    import h5py

    if mode == "r" and not path.is_file():
        raise RcdError(f"{path} is not there" if not path.exists() else f"{path} is not a file")
    try:
        with h5py.File(path, mode) as file:
            yield file
    except UNREADABLE as error:
        doing = "read" if mode == "r" else "written"
        raise RcdError(f"{path} cannot be {doing} as HDF5: {reason(error)}") from error


def array(group: h5py.Group, key: str) -> NDArray[Any] | None:
    """A data set of numbers below `group`, of any shape (T, ...); None where there is none of that name.

    Raises:
        RcdError: it is a link to another file or keeps its values there, is a group or a single value, holds no
            numbers, or more of them than the file has.
    """
    import h5py

    if group.get(key, getlink=True) is None:
        return None
    found = _within(group, key)
    if not isinstance(found, h5py.Dataset):
        raise RcdError(f"'{key}' is a group, not an array")
    if found.dtype.kind not in "fiub":
        raise RcdError(f"'{key}' holds {found.dtype}, not numbers")
    if found.ndim == 0:
        raise RcdError(f"'{key}' is a single value, not an array")
    _check_stored(found, key)
    return np.asarray(found)


def check_all_stored(group: h5py.Group) -> None:
    """Check that everything below a group is in its file.

    Raises:
        RcdError: something is a link to another file or keeps its values there, or holds more than the file has.
    """
    import h5py

    for key in group:
        found = _within(group, key)
        if isinstance(found, h5py.Group):
            check_all_stored(found)
        elif isinstance(found, h5py.Dataset):
            _check_stored(found, found.name)


def _within(group: h5py.Group, key: str) -> h5py.Group | h5py.Dataset:
    """What is below `group`, unless it is in another file."""
    import h5py

    link = group.get(key, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        raise RcdError(f"'{key}' is a link to another file, '{link.filename}': copy its content into this one")
    return group[key]


def _check_stored(found: h5py.Dataset, key: str) -> None:
    if found.is_virtual or found.external:  # where the other file is missing, HDF5 gives zeros without a word
        raise RcdError(f"'{key}' keeps its values in another file: copy its content into this one")
    stored = found.id.get_storage_size()
    if found.nbytes > _LARGE and found.nbytes > _MOST_DENSE * stored:
        raise RcdError(f"'{key}' is said to hold {found.nbytes:,} bytes, {stored:,} are in the file: it is damaged")


def is_image(group: h5py.Group, key: str) -> bool:
    """Whether a data set below `group` is pixels: bytes of three dimensions and more, or compressed images."""
    import h5py

    found = group[key]
    return isinstance(found, h5py.Dataset) and (
        (found.dtype == np.uint8 and found.ndim >= 2) or found.ndim >= 4 or found.dtype.kind not in "fiub"
    )


def reason(error: BaseException) -> str:
    """An error of h5py in one line."""
    return " ".join(str(error).strip("'\"").split()) or type(error).__name__


_MAGIC = b"GCOL\x01\0\0\0"
_HEAD = 16
"""Bytes before the first object of a heap, and of each object's own head (HDF5 File Format Specification, III.E)."""


def check_heaps(path: Path) -> None:
    """Check the global heaps of a file, where HDF5 keeps texts of any length.

    Raises:
        RcdError: one is damaged so that HDF5 would not come to an end in it.
    """
    with path.open("rb") as stream:
        if not path.stat().st_size:
            return
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for begin in _heaps(content):
                if not _ends(content, begin):
                    raise RcdError(f"{path} is damaged at byte {begin}, where its texts are: copy it again")


def _heaps(content: mmap.mmap) -> Iterator[int]:
    found = content.find(_MAGIC)
    while found >= 0:
        yield found
        found = content.find(_MAGIC, found + 1)


def _ends(content: mmap.mmap, begin: int) -> bool:
    """Whether each object of the heap lies behind the one before."""
    try:
        (size,) = struct.unpack_from("<Q", content, begin + 8)
        place, end = begin + _HEAD, begin + size
        while place + _HEAD <= end:
            number, _, length = struct.unpack_from("<HHxxxxQ", content, place)
            if length > end - place or (number == 0 and length == 0):
                return False
            place += length if number == 0 else _HEAD + (length + 7) // 8 * 8
    except struct.error:  # it is said to go on behind the file's end, which HDF5 notices
        pass
    return True
