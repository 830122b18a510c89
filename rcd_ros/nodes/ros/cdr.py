"""Where a serialised message has its numbers, found from its type's definition and its own bytes.

A robot sends the same joints again and again, and only stamps, times and numbers change. Making Python objects of
hundreds of numbers, or taking them apart, costs as much as a small network. So a message's bytes are walked once, as
its definition says they lie, and from then on its numbers are read from, or written to, known places.

Middlewares leave alignment gaps uninitialised and may append bytes (Fast CDR does both): neither is compared.
Source: OMG DDSI-RTPS 2.5, section 10 (encapsulation) and OMG CDR, as ROS 2 uses it: version 1, plain.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from rosidl_parser.definition import (
    AbstractNestedType,
    AbstractSequence,
    AbstractString,
    AbstractType,
    Array,
    BasicType,
    NamespacedType,
)

from rcd_ros.nodes.ros.installation import load_interface
from rcd_ros.nodes.ros.raw import serialize

_HEADER = 4
"""Bytes of the encapsulation header: two for the representation, two for its options; numbers are aligned after it."""
_REPRESENTATION = slice(0, 2)
_STAMP = slice(_HEADER, _HEADER + 8)
"""The stamp of a message that begins with a `std_msgs/Header`."""
_SIZES = {
    **dict.fromkeys(("boolean", "octet", "char", "int8", "uint8"), 1),
    **dict.fromkeys(("int16", "uint16"), 2),
    **dict.fromkeys(("int32", "uint32", "float"), 4),
    **dict.fromkeys(("int64", "uint64", "double"), 8),
}


class DescribedMessage(Protocol):
    """A message of a class that rosidl generated: the class names the types of its fields."""

    SLOT_TYPES: ClassVar[Sequence[AbstractType]]


@dataclass
class _Walk:
    """The places met so far, and where the walk is."""

    data: bytes | bytearray
    order: str
    at: int = _HEADER
    numbers: list[int] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    fixed: list[slice] = field(default_factory=list)

    def take(self, size: int, count: int = 1) -> int:
        """Begin of `count` values of `size` bytes, aligned; the walk continues after them."""
        begin = self.at + (_HEADER - self.at) % size
        self.at = begin + size * count
        if self.at > len(self.data):
            raise ValueError(f"{len(self.data)} bytes end before the message does")
        return begin

    def length(self) -> int:
        """The length of a string or a sequence."""
        begin = self.take(4)
        self.fixed.append(slice(begin, self.at))
        return int(struct.unpack_from(f"{self.order}I", self.data, begin)[0])


def end_of_message(message_type: type[DescribedMessage], data: bytes | bytearray) -> int:
    """How many of the bytes are the message; what follows was appended by the middleware.

    Raises:
        ValueError: the bytes are not a message of this type in plain CDR version 1.
    """
    return _walk(message_type, data).at


class MessageForm:
    """The form of a message that begins with a header: all but its stamp, its float64 numbers and durations is fixed.

    Attributes:
        count: of its numbers.
        occupied: offsets of the bytes that mean something; the others are gaps.
    """

    def __init__(self, message_type: type[DescribedMessage], data: bytes) -> None:
        """Find the places.

        Args:
            message_type: of the message.
            data: one message of the form, serialised.

        Raises:
            ValueError: the bytes are not a message of this type in plain CDR version 1.
        """
        walk = _walk(message_type, data)
        self._order = walk.order
        self._places = (np.array(walk.numbers, np.intp) - _HEADER) // 8
        self._seconds = (np.array(walk.durations, np.intp) - _HEADER) // 4
        self._size = walk.at
        self.count = len(walk.numbers)
        free = (_STAMP.start, *walk.numbers, *walk.durations)
        self.occupied = {k for place in walk.fixed for k in range(place.start, place.stop)}
        self.occupied.update(k for begin in free for k in range(begin, begin + 8))
        fixed = np.zeros(self._size, np.uint8)
        for place in (_REPRESENTATION, *walk.fixed):
            fixed[place] = 0xFF
        fixed[_STAMP] = 0
        # As one integer each: two operations on a message's bytes, where arrays would take four calls.
        self._mask = int.from_bytes(fixed.tobytes(), "little")
        self._fixed = int.from_bytes(data[: self._size], "little") & self._mask
        # Gaps are zero in what is written: what is undefined must not leave this machine's memory.
        self._data = bytearray(self._fixed.to_bytes(self._size, "little"))
        self._numbers = self._view(self._data)
        self._halves = np.frombuffer(self._data, f"{self._order}u4", (self._size - _HEADER) // 4, _HEADER)
        self._run = _run(self._places)

    @classmethod
    def of(cls, message: DescribedMessage) -> MessageForm:
        """The form of a message."""
        return cls(type(message), serialize(message))

    def write(self, stamp: int, values: NDArray[np.float64], durations: NDArray[np.int64] | None = None) -> bytes:
        """The serialised message; one thread at a time may call it.

        Args:
            stamp: ns.
            values: (count,) its numbers.
            durations: (durations,) ns, 0 or more; None: as they were written last.
        """
        self._numbers[self._places] = values
        if durations is not None:
            self._halves[self._seconds], self._halves[self._seconds + 1] = np.divmod(durations, 1_000_000_000)
        write_stamp(self._data, stamp)
        return bytes(self._data)

    def fits(self, data: bytes) -> bool:
        """Whether a serialised message is of this form."""
        if len(data) < self._size:
            return False
        # All lengths are among what is compared, so what is longer has bytes after the message.
        return int.from_bytes(data[: self._size], "little") & self._mask == self._fixed

    def read(self, data: bytes) -> NDArray[np.float64]:
        """The numbers (count,) of a message that fits."""
        return self._view(data)[self._run if self._run is not None else self._places]

    def _view(self, data: bytes | bytearray) -> NDArray[np.float64]:
        return np.frombuffer(data, f"{self._order}f8", (self._size - _HEADER) // 8, _HEADER)


def read_stamp(data: bytes | bytearray) -> int:
    """The stamp (ns) of a serialised message that begins with a header."""
    seconds, nanoseconds = struct.unpack_from(f"{_byte_order(data)}iI", data, _STAMP.start)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def write_stamp(data: bytearray, stamp: int) -> None:
    """Give a serialised message that begins with a header another stamp (ns)."""
    struct.pack_into(f"{_byte_order(data)}iI", data, _STAMP.start, *divmod(stamp, 1_000_000_000))


def _byte_order(data: bytes | bytearray) -> str:
    return "<" if data[1] & 1 else ">"


def _run(places: NDArray[np.intp]) -> slice | None:
    """The places as a slice, where they lie side by side: reading is quicker then."""
    if len(places) and np.array_equal(places, np.arange(places[0], places[0] + len(places))):
        return slice(int(places[0]), int(places[0]) + len(places))
    return None


def _walk(message_type: type[DescribedMessage], data: bytes | bytearray) -> _Walk:
    if len(data) < _HEADER or data[0] != 0 or data[1] > 1:
        raise ValueError("not in plain CDR version 1")
    walk = _Walk(data, _byte_order(data))
    _walk_fields(walk, message_type.SLOT_TYPES)
    return walk


def _walk_fields(walk: _Walk, types: Sequence[AbstractType]) -> None:
    for kind in types:
        _walk_value(walk, kind)


def _walk_value(walk: _Walk, kind: AbstractType) -> None:
    if isinstance(kind, BasicType):
        _walk_basic(walk, kind.typename, 1)
    elif isinstance(kind, AbstractString):
        _walk_string(walk)
    elif isinstance(kind, AbstractNestedType):
        count = kind.size if isinstance(kind, Array) else walk.length()
        assert isinstance(kind, (Array, AbstractSequence))
        if isinstance(kind.value_type, BasicType):
            _walk_basic(walk, kind.value_type.typename, count)
        else:
            for _ in range(count):
                _walk_value(walk, kind.value_type)
    elif isinstance(kind, NamespacedType):
        if (*kind.namespaces, kind.name) == ("builtin_interfaces", "msg", "Duration"):
            walk.durations.append(walk.take(4, 2))
        else:
            _walk_fields(walk, load_interface("/".join((*kind.namespaces, kind.name))).SLOT_TYPES)
    else:
        raise ValueError(f"{kind} is not known")


def _walk_basic(walk: _Walk, name: str, count: int) -> None:
    if count == 0:
        return
    begin = walk.take(_SIZES[name], count)
    if name == "double":
        walk.numbers.extend(range(begin, walk.at, 8))
    else:
        walk.fixed.append(slice(begin, walk.at))


def _walk_string(walk: _Walk) -> None:
    length = walk.length()
    begin = walk.take(1, length)
    walk.fixed.append(slice(begin, walk.at))
