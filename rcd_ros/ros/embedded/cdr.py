"""XCDR1, little-endian: messages to bytes and back, two to three times as fast as by Cyclone's Python binding.

A robot's joint states cross two processes within a control period; most of that time would go into the binding's
one call for every string and number. Each type becomes a pair of functions here, composed once from its definition.
Numbers that follow each other are packed by one call.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable
from itertools import groupby
from operator import attrgetter
from typing import Any

from rcd_ros.ros.embedded.definitions import Field

# Functions that append a value to a buffer, and that read one at a position: (value, position behind it).
Encode = Callable[[bytearray, Any], None]
Decode = Callable[[bytes, int], tuple[Any, int]]
Codec = tuple[Encode, Decode]

HEADER = b"\x00\x01\x00\x00"  # plain CDR, little-endian
_CODES = {"bool": "?", "byte": "B", "char": "B", "float32": "f", "float64": "d"} | {
    f"{sign}int{bits}": code.upper() if sign else code
    for bits, code in ((8, "b"), (16, "h"), (32, "i"), (64, "q"))
    for sign in ("", "u")
}
_LENGTH = struct.Struct("<I")
_LENGTHS = [struct.Struct(f"<{-start % 4}xI") for start in range(4)]  # by the position modulo 4
_LITTLE_ENDIAN = sys.byteorder == "little"


# A part of a message: appends its members to a buffer, and reads them into a dict: (data, position, values).
_Part = tuple[Encode, Callable[[bytes, int, dict[str, Any]], int]]


def message_codec(members: list[tuple[Field, Codec | None]], message_type: Any) -> Codec:
    """The codec of a message type from its members, each with the codec of its own message type if it has one."""
    parts: list[_Part] = []
    for is_number, group in groupby(members, key=lambda member: _is_number(member[0])):
        if is_number:
            parts.append(_numbers_part([field for field, _ in group]))
        else:
            parts.extend(_member_part(field.name, field_codec(field, nested)) for field, nested in group)
    encoders, decoders = [encode for encode, _ in parts], [decode for _, decode in parts]
    new = object.__new__

    def encode(buffer: bytearray, message: Any) -> None:
        for encode_part in encoders:
            encode_part(buffer, message)

    def decode(data: bytes, position: int) -> tuple[Any, int]:
        values: dict[str, Any] = {}
        for decode_part in decoders:
            position = decode_part(data, position, values)
        message = new(message_type)  # every member is there: the constructor with its defaults is not needed
        message.__dict__ = values
        return message, position

    return encode, decode


def field_codec(field: Field, nested: Codec | None) -> Codec:
    """The codec of one member; `nested` is that of its message type, if it has one."""
    if field.base == "byte" and not field.is_sequence:
        return _bytes_codec(field.array_length or 1)
    single = nested or (_STRING if field.base == "string" else _number_codec(_CODES[field.base]))
    if field.array_length is None and not field.is_sequence:
        return single
    if nested is None and field.base != "string":
        code = _CODES[field.base]
        return _number_sequence_codec(code) if field.is_sequence else _number_array_codec(code, field.array_length or 0)
    many = _repeated(single)
    return _sequence_codec(*many) if field.is_sequence else _array_codec(*many, field.array_length or 0)


def typecode(field: Field) -> str | None:
    """The type code of an `array.array` whose bytes are a sequence of such numbers; None where there is none."""
    return _CODES.get(field.base) if field.base not in ("bool", "byte") else None


def to_bytes(codec: Codec, message: Any) -> bytes:
    """The serialised message with its encapsulation header."""
    body = bytearray()
    codec[0](body, message)
    return HEADER + body


def from_bytes(codec: Codec, data: bytes) -> Any:
    """The message in serialised little-endian data with its encapsulation header."""
    return codec[1](bytes(data[len(HEADER) :]), 0)[0]


def _is_number(field: Field) -> bool:
    return field.base in _CODES and field.base != "byte" and field.array_length is None and not field.is_sequence


def _numbers_part(fields: list[Field]) -> _Part:
    """Numbers side by side: one call for each position modulo 8, as padding depends on nothing else."""
    names, codes = [field.name for field in fields], [_CODES[field.base] for field in fields]
    packers = [struct.Struct(_aligned(codes, start)) for start in range(8)]
    first, get = names[0], attrgetter(*names)

    def encode(buffer: bytearray, message: Any) -> None:
        buffer += packers[len(buffer) & 7].pack(*get(message))

    def encode_one(buffer: bytearray, message: Any) -> None:
        buffer += packers[len(buffer) & 7].pack(getattr(message, first))

    def decode(data: bytes, position: int, values: dict[str, Any]) -> int:
        packer = packers[position & 7]
        values.update(zip(names, packer.unpack_from(data, position)))  # noqa: B905  as many as there are names
        return position + packer.size

    return (encode if len(names) > 1 else encode_one), decode


def _aligned(codes: list[str], start: int) -> str:
    """A struct's format that begins at `start` and has each number at a multiple of its size."""
    layout, position = "<", start
    for code in codes:
        size = struct.calcsize(f"<{code}")
        padding = -position % size
        layout += f"{padding}x{code}" if padding else code
        position += padding + size
    return layout


def _member_part(name: str, codec: Codec) -> _Part:
    encode_member, decode_member = codec

    def encode(buffer: bytearray, message: Any) -> None:
        encode_member(buffer, getattr(message, name))

    def decode(data: bytes, position: int, values: dict[str, Any]) -> int:
        values[name], position = decode_member(data, position)
        return position

    return encode, decode


def _pad(buffer: bytearray, alignment: int) -> None:
    buffer.extend(bytes(-len(buffer) % alignment))


def _number_codec(code: str) -> Codec:
    packer = struct.Struct(f"<{code}")
    size = packer.size

    def encode(buffer: bytearray, value: Any) -> None:
        _pad(buffer, size)
        buffer += packer.pack(value)

    def decode(data: bytes, position: int) -> tuple[Any, int]:
        position += -position % size
        return packer.unpack_from(data, position)[0], position + size

    return encode, decode


def _encode_string(buffer: bytearray, value: str) -> None:
    text = value.encode()
    buffer += _LENGTHS[len(buffer) & 3].pack(len(text) + 1)
    buffer += text
    buffer.append(0)


def _decode_string(data: bytes, position: int) -> tuple[str, int]:
    start = position + -position % 4 + 4
    end = start + _LENGTH.unpack_from(data, start - 4)[0]
    return data[start : end - 1].decode(), end


_STRING: Codec = (_encode_string, _decode_string)


def _bytes_codec(length: int) -> Codec:
    def encode(buffer: bytearray, value: bytes) -> None:
        buffer += value

    return encode, lambda data, position: (data[position : position + length], position + length)


def _number_sequence_codec(code: str) -> Codec:
    size = struct.calcsize(f"<{code}")

    def encode(buffer: bytearray, values: Any) -> None:
        count = len(values)
        buffer += _LENGTHS[len(buffer) & 3].pack(count)
        if not count:
            return
        buffer.extend(bytes(-len(buffer) % size))
        if type(values) is array and values.typecode == code and _LITTLE_ENDIAN:
            buffer += values.tobytes()
        else:
            buffer += struct.pack(f"<{count}{code}", *values)

    def decode(data: bytes, position: int) -> tuple[list[Any], int]:
        position += -position % 4 + 4
        (count,) = _LENGTH.unpack_from(data, position - 4)
        if not count:
            return [], position
        position += -position % size
        return list(struct.unpack_from(f"<{count}{code}", data, position)), position + count * size

    return encode, decode


def _number_array_codec(code: str, length: int) -> Codec:
    packer = struct.Struct(f"<{length}{code}")
    size = packer.size // length

    def encode(buffer: bytearray, values: Any) -> None:
        _pad(buffer, size)
        buffer += packer.pack(*values)

    def decode(data: bytes, position: int) -> tuple[list[Any], int]:
        position += -position % size
        return list(packer.unpack_from(data, position)), position + packer.size

    return encode, decode


# What follows handles `count` elements: the functions of a sequence or an array without its length.
_EncodeMany = Callable[[bytearray, Any], None]
_DecodeMany = Callable[[bytes, int, int], tuple[list[Any], int]]


def _repeated(single: Codec) -> tuple[_EncodeMany, _DecodeMany]:
    encode_one, decode_one = single

    def encode(buffer: bytearray, values: Any) -> None:
        for value in values:
            encode_one(buffer, value)

    def decode(data: bytes, position: int, count: int) -> tuple[list[Any], int]:
        values = []
        for _ in range(count):
            value, position = decode_one(data, position)
            values.append(value)
        return values, position

    return encode, decode


def _sequence_codec(encode_many: _EncodeMany, decode_many: _DecodeMany) -> Codec:
    def encode(buffer: bytearray, values: Any) -> None:
        buffer += _LENGTHS[len(buffer) & 3].pack(len(values))
        encode_many(buffer, values)

    def decode(data: bytes, position: int) -> tuple[list[Any], int]:
        position += -position % 4
        return decode_many(data, position + 4, _LENGTH.unpack_from(data, position)[0])

    return encode, decode


def _array_codec(encode_many: _EncodeMany, decode_many: _DecodeMany, length: int) -> Codec:
    return encode_many, lambda data, position: decode_many(data, position, length)
