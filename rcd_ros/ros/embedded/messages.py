"""Python classes for ROS 2 messages and services, generated from their definitions.

They look like the classes of ROS 2's own message packages: keyword-only constructors, zero defaults, constants as
class attributes. Sequences are lists here and `array.array` there, so code that serves both treats them as sequences.
`check_message` refuses what ROS 2's classes would refuse, so that a node that runs here runs there too.
"""

from __future__ import annotations

import dataclasses
from array import array
from collections.abc import Callable, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from cyclonedds.idl import make_idl_struct, types

from rcd_ros.errors import RcdError
from rcd_ros.ros.embedded import cdr, definitions
from rcd_ros.ros.embedded.definitions import Field

_array: Any = types.array  # generic at run time, which the binding's annotations do not say
_sequence: Any = types.sequence
_IDL_TYPES: dict[str, Any] = {
    "bool": bool,
    "byte": types.uint8,
    "char": types.uint8,
    "string": str,
    **{f"{sign}int{bits}": getattr(types, f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "float32": types.float32,
    "float64": types.float64,
}
_INTEGER_RANGES = {
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
    "char": (0, 255),
}
_PYTHON_TYPES: dict[str, type] = {"bool": bool, "string": str, "float32": float, "float64": float}
_ZEROS: dict[str, Any] = {"bool": False, "string": "", "float32": 0.0, "float64": 0.0}


@cache
def message_class(type_name: str) -> Any:
    """The class of a message such as `sensor_msgs/msg/JointState`; raises `RcdError` for an unknown type."""
    members = definitions.fields(type_name)
    wire_name = definitions.dds_type_name(type_name)
    message: Any = make_idl_struct(type_name.split("/")[-1], wire_name, _idl_members(type_name), dataclassify=False)
    for member in members:
        setattr(message, member.name, dataclasses.field(default_factory=_default(member)))
    message = dataclasses.dataclass(kw_only=True)(message)
    for constant, value in definitions.constants(type_name).items():
        setattr(message, constant, value)
    message.ros_type_name = type_name
    message.ros_checks = [(member.name, _checker(member)) for member in members]
    message.ros_codec = cdr.message_codec([(member, _nested_codec(member)) for member in members], message)
    message.serialize = _serialize
    message.deserialize = classmethod(_deserialize)
    return message


class RawSample:
    """A message as it came over the wire, with its encapsulation header; the binding adds `sample_info`."""

    sample_info: Any

    def __init__(self, data: bytes) -> None:
        self.data = data


@cache
def raw_class(message_type: Any) -> Any:
    """The type of a reader that takes messages of `message_type` as `RawSample`s."""
    members = _idl_members(message_type.ros_type_name)
    wire_name = definitions.dds_type_name(message_type.ros_type_name)
    raw: Any = make_idl_struct(message_type.__name__, wire_name, members, dataclassify=False)
    # The key is what is left of a sample that says that its writer has gone.
    raw.deserialize = raw.deserialize_key = classmethod(lambda data_type, data, **options: RawSample(bytes(data)))
    return raw


@cache
def serialized_class(message_type: Any) -> Any:
    """The type of what a writer of `message_type` takes in a message's place: its bytes, with encapsulation header."""

    class Serialized(message_type):  # Cyclone's writers accept nothing but their own type
        def __init__(self, data: bytes) -> None:
            self._data = data

        def serialize(self, **options: Any) -> bytes:
            return self._data

    return Serialized


@cache
def service_class(type_name: str) -> Any:
    """The class of a service such as `std_srvs/srv/Trigger`, with `Request` and `Response`."""
    if type_name not in definitions.SERVICES:
        known = ", ".join(sorted(definitions.SERVICES))
        raise RcdError(f"the embedded runtime has no definition of service '{type_name}'; it knows: {known}")
    return SimpleNamespace(
        ros_type_name=type_name,
        Request=message_class(f"{type_name}_Request"),
        Response=message_class(f"{type_name}_Response"),
    )


@cache
def service_sample(message: Any) -> Any:
    """Wire type of a service's request or response: rmw_cyclonedds's header, then the message's own members.

    They are not nested: on the wire that makes no difference, and a DDS type may not contain its own name.
    """
    return make_idl_struct(
        f"{message.__name__}Sample",
        definitions.dds_type_name(message.ros_type_name),
        {"header_client": types.uint64, "header_sequence": types.int64, **_idl_members(message.ros_type_name)},
    )


def to_service_sample(message: Any, client: int, sequence: int) -> Any:
    """A request or response as it goes over the wire."""
    message_type: Any = type(message)
    sample_type = service_sample(message_type)
    return sample_type(header_client=client, header_sequence=sequence, **_members(message, message_type))


def from_service_sample(sample: Any, message: Any) -> Any:
    """The request or response in a received sample."""
    return message(**_members(sample, message))


def check_message(message: Any) -> None:
    """Raise `TypeError` where ROS 2's own message classes would refuse a value; the text names the field."""
    try:
        _check_members(message)
    except _UnfitError as unfit:
        raise TypeError(f"{message.ros_type_name}{unfit.place} {unfit.problem}") from None


def _serialize(message: Any, **options: Any) -> bytes:
    """What Cyclone's writers call; its options say nothing that ROS 2's format leaves open."""
    return cdr.to_bytes(message.ros_codec, message)


def _deserialize(message_type: Any, data: bytes, **options: Any) -> Any:
    """What Cyclone's readers call; a big-endian machine's data are left to Cyclone."""
    if data[:2] == cdr.HEADER[:2]:
        return cdr.from_bytes(message_type.ros_codec, data)
    return message_type.__idl__.deserialize(data)


def _nested_codec(member: Field) -> cdr.Codec | None:
    codec: cdr.Codec | None = message_class(member.base).ros_codec if member.is_message else None
    return codec


def _members(source: Any, message_type: Any) -> dict[str, Any]:
    return {name: getattr(source, name) for name, _ in message_type.ros_checks}


def _idl_members(type_name: str) -> dict[str, Any]:
    return {member.name: _idl_type(member) for member in definitions.fields(type_name)}


def _idl_type(member: Field) -> Any:
    element = message_class(member.base) if member.is_message else _IDL_TYPES[member.base]
    if member.base == "byte" and not member.is_sequence:
        return _array[types.uint8, member.array_length or 1]  # a Python `bytes`, as in rclpy
    if member.array_length is not None:
        return _array[element, member.array_length]
    if member.is_sequence:
        return _sequence[element, member.sequence_bound] if member.sequence_bound else _sequence[element]
    return element


def _default(member: Field) -> Callable[[], Any]:
    if member.is_sequence:
        return list
    if member.is_message:
        message, count = message_class(member.base), member.array_length
        return message if count is None else lambda: [message() for _ in range(count)]
    if member.base == "byte":
        return lambda: bytes(member.array_length or 1)
    zero = _ZEROS.get(member.base, 0)
    return (lambda: zero) if member.array_length is None else lambda: [zero] * (member.array_length or 0)


class _UnfitError(Exception):
    """A value that its field cannot hold. Where that is, is gathered on the way out: the usual case pays nothing."""

    def __init__(self, problem: str) -> None:
        self.place = ""
        self.problem = problem

    def within(self, place: str) -> _UnfitError:
        """The same, seen from one level further out."""
        self.place = place + self.place
        return self


def _check_members(message: Any) -> None:
    for name, check in message.ros_checks:
        try:
            check(getattr(message, name))
        except _UnfitError as unfit:
            raise unfit.within(f".{name}") from None


def _checker(member: Field) -> Callable[[Any], None]:
    single = _message_checker(member.base) if member.is_message else _value_checker(member.base)
    if member.base == "byte" and not member.is_sequence:
        return _bytes_checker(member.array_length or 1)
    if member.array_length is None and not member.is_sequence:
        return single
    exact = {_PYTHON_TYPES[member.base]} if member.base in _PYTHON_TYPES else None
    typecode = cdr.typecode(member) if member.is_sequence else None

    def check(values: Any) -> None:
        kind = type(values)
        if kind is array and typecode is not None:
            if values.typecode != typecode:
                raise _UnfitError(f"must be an array of type code '{typecode}', got '{values.typecode}'")
            return
        if kind is not list:
            _check_sequence(values, member)
        if member.array_length is not None and len(values) != member.array_length:
            raise _UnfitError(f"must have {member.array_length} values, got {len(values)}")
        if exact is not None and set(map(type, values)) <= exact:
            return  # the usual case, without a call for each of a trajectory's hundreds of numbers
        for index, value in enumerate(values):
            try:
                single(value)
            except _UnfitError as unfit:
                raise unfit.within(f"[{index}]") from None

    return check


def _check_sequence(values: Any, member: Field) -> None:
    if isinstance(values, np.ndarray) and member.is_sequence:
        raise _UnfitError("must be a list, not a NumPy array: use .tolist()")
    if isinstance(values, str) or not isinstance(values, (Sequence, np.ndarray)):
        raise _UnfitError(f"must be a sequence of {member.base}, got {type(values).__name__}")


def _message_checker(type_name: str) -> Callable[[Any], None]:
    message = message_class(type_name)

    def check(value: Any) -> None:
        if type(value) is not message:
            raise _UnfitError(f"must be a {type_name}, got {type(value).__name__}")
        _check_members(value)

    return check


def _value_checker(base: str) -> Callable[[Any], None]:
    if base in _INTEGER_RANGES:
        low, high = _INTEGER_RANGES[base]

        def check_integer(value: Any) -> None:
            if not isinstance(value, int) or not low <= value <= high:
                raise _UnfitError(f"must be an int in [{low}, {high}], got {value!r}")

        return check_integer
    expected = {**_PYTHON_TYPES, "byte": int}[base]

    def check(value: Any) -> None:
        if not isinstance(value, expected):
            raise _UnfitError(f"must be a {expected.__name__}, got {value!r} ({type(value).__name__})")

    return check


def _bytes_checker(length: int) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if not isinstance(value, (bytes, bytearray)) or len(value) != length:
            raise _UnfitError(f"must be {length} byte(s), got {value!r}")

    return check
