"""The heaps in which HDF5 files keep their texts, checked before HDF5 reads one.

HDF5 2 goes round for ever in a heap whose free space says that it has no size, as it does where zeros were written over
a part of the file. It does so in C, where no time limit reaches it.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

from rcd_ros.errors import RcdError

_MAGIC = b"GCOL\x01\0\0\0"
_HEAD = 16
"""Bytes before the first object of a heap, and of each object's own head."""


def check_heaps(path: Path) -> None:
    """Check the heaps of a file.

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
