"""Serialised messages as forms: the numbers of one are read from, or written to, places that are known beforehand.

A robot sends the same joints again and again, and only stamps, times and numbers change. To make Python objects of
hundreds of numbers and to take them apart again costs as much as a small network. So the places of the numbers are
found once, by serialising a message that holds marks in their stead.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.ros.raw import serialize

_HEADER = 4
"""Bytes of the encapsulation header: two for the representation, two for its options; numbers are aligned behind it."""
_REPRESENTATION = slice(0, 2)
_STAMP = slice(_HEADER, _HEADER + 8)
"""The stamp of a message that begins with a `std_msgs/Header`."""


_FIRST_SECOND, _FIRST_NANOSECOND = 1_987_654_321, 987_650_000
"""Of the marks in the place of durations; no message of ours lasts 63 years."""


def marks(count: int) -> NDArray[np.float64]:
    """(count,) numbers of which each is unlike the others and unlike anything that a message holds."""
    return np.asarray(-1.0e300 * (1.0 + 1e-6 * np.arange(count)), np.float64)


def duration_marks(count: int) -> list[tuple[int, int]]:
    """Seconds and nanoseconds of `count` durations, each unlike the others and unlike anything in a message."""
    return [(_FIRST_SECOND + k, _FIRST_NANOSECOND + k) for k in range(count)]


class MessageTemplate:
    """The form of a message that begins with a header; all but its stamp, its numbers and its durations is fixed."""

    def __init__(self, marked: Any, count: int, durations: int = 0) -> None:
        """Take the form of a message.

        Args:
            marked: holds `marks(count)` in the place of all its float64 numbers, and `duration_marks(durations)` in
                that of all its durations.
            count: of numbers.
            durations: how many there are.
        """
        self._data = bytearray(serialize(marked))
        self._order = _byte_order(self._data)
        self._words = (len(self._data) - _HEADER) // 8
        self._numbers = self._view(self._data)
        found = {value: place for place, value in enumerate(self._numbers.tolist())}
        self._places = np.array([found[mark] for mark in marks(count).tolist()], np.intp)
        halves = (len(self._data) - _HEADER) // 4
        self._halves = np.frombuffer(self._data, f"{self._order}u4", halves, _HEADER)
        seconds = [second for second, _ in duration_marks(durations)]
        where = {value: place for place, value in enumerate(self._halves.tolist())} if durations else {}
        self._seconds = np.array([where[second] for second in seconds], np.intp)
        starts = [*_HEADER + 8 * np.unique(self._places), *_HEADER + 4 * np.unique(self._seconds)]
        free = sorted((int(start), int(start) + 8) for start in starts)
        borders = [_STAMP.stop, *(edge for span in free for edge in span), len(self._data)]
        runs = [slice(a, b) for a, b in zip(borders[::2], borders[1::2], strict=True) if a < b]
        self._fixed = [(bytes(self._data[run]), run) for run in (_REPRESENTATION, *runs)]

    def write(self, stamp: int, values: NDArray[np.float64], durations: NDArray[np.int64] | None = None) -> bytes:
        """The serialised message; one thread at a time may call it.

        Args:
            stamp: ns.
            values: (count,) its numbers.
            durations: (durations,) ns, 0 or more; None: as they were.
        """
        self._numbers[self._places] = values
        if durations is not None:
            self._halves[self._seconds], self._halves[self._seconds + 1] = np.divmod(durations, 1_000_000_000)
        write_stamp(self._data, stamp)
        return bytes(self._data)

    def fits(self, data: bytes) -> bool:
        """Whether a serialised message is of this form."""
        padding = len(data) - len(self._data)  # the middleware fills up to a multiple of four bytes
        return 0 <= padding < 4 and all(data[place] == content for content, place in self._fixed)

    def read(self, data: bytes) -> NDArray[np.float64]:
        """The numbers (count,) of a message that fits."""
        return self._view(data)[self._places]

    def _view(self, data: bytes | bytearray) -> NDArray[np.float64]:
        return np.frombuffer(data, f"{self._order}f8", self._words, _HEADER)


def read_stamp(data: bytes | bytearray) -> int:
    """The stamp (ns) of a serialised message that begins with a header."""
    seconds, nanoseconds = struct.unpack_from(f"{_byte_order(data)}iI", data, _STAMP.start)
    return seconds * 1_000_000_000 + nanoseconds


def write_stamp(data: bytearray, stamp: int) -> None:
    """Give a serialised message that begins with a header another stamp (ns)."""
    struct.pack_into(f"{_byte_order(data)}iI", data, _STAMP.start, *divmod(stamp, 1_000_000_000))


def _byte_order(data: bytes | bytearray) -> str:
    return "<" if data[1] & 1 else ">"
