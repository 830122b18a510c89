"""A parameter: its name, type and value, and what can be wrong with it. rclpy's names and meanings."""

from __future__ import annotations

import enum
from typing import Any

from rcd_ros.errors import RcdError
from rcd_ros.ros.embedded.messages import message_class

ParameterDescriptor = message_class("rcl_interfaces/msg/ParameterDescriptor")
ParameterMessage = message_class("rcl_interfaces/msg/Parameter")
ParameterValue = message_class("rcl_interfaces/msg/ParameterValue")
SetParametersResult = message_class("rcl_interfaces/msg/SetParametersResult")


class ParameterException(RcdError):
    """A parameter cannot be declared, read or set as asked."""


class ParameterNotDeclaredException(ParameterException):
    """The node has no such parameter."""


class ParameterAlreadyDeclaredException(ParameterException):
    """The parameter was declared before."""


class ParameterUninitializedException(ParameterException):
    """The parameter was declared by its type alone and nobody has given it a value."""


class InvalidParameterTypeException(ParameterException):
    """The value's type is not the declared one."""


class InvalidParameterValueException(ParameterException):
    """The value is outside its range, or a callback refused it."""


class Parameter:
    """A name, a type and a value."""

    class Type(enum.IntEnum):
        """ROS 2's parameter types, numbered as in rcl_interfaces/ParameterType."""

        NOT_SET = 0
        BOOL = 1
        INTEGER = 2
        DOUBLE = 3
        STRING = 4
        BYTE_ARRAY = 5
        BOOL_ARRAY = 6
        INTEGER_ARRAY = 7
        DOUBLE_ARRAY = 8
        STRING_ARRAY = 9

        @classmethod
        def from_parameter_value(cls, value: Any) -> Parameter.Type:
            """The type of a Python value; raises `TypeError` when ROS 2 has none for it."""
            if value is None:
                return cls.NOT_SET
            for kind, python_type in _SCALARS.items():
                if type(value) is python_type:
                    return kind
            if isinstance(value, (list, tuple)):
                if all(isinstance(item, bytes) for item in value):  # an empty list counts as bytes, as in rclpy
                    return cls.BYTE_ARRAY
                for kind, python_type in _ARRAYS.items():
                    if all(type(item) is python_type for item in value):
                        return kind
            raise TypeError(f"no ROS parameter type holds {value!r}")

    def __init__(self, name: str, type_: Parameter.Type | None = None, value: Any = None) -> None:
        self.name = name
        self.type_ = Parameter.Type.from_parameter_value(value) if type_ is None else type_
        self.value: Any = list(value) if isinstance(value, tuple) else value

    @classmethod
    def from_parameter_msg(cls, msg: Any) -> Parameter:
        """From an rcl_interfaces/Parameter; raises `ValueError` for a type that ROS 2 does not have."""
        kind = cls.Type(msg.value.type)
        value = None if kind == cls.Type.NOT_SET else getattr(msg.value, _VALUE_FIELDS[kind])
        return cls(msg.name, kind, value)

    def get_parameter_value(self) -> Any:
        """As an rcl_interfaces/ParameterValue."""
        message = ParameterValue(type=int(self.type_))
        if self.type_ != Parameter.Type.NOT_SET:
            setattr(message, _VALUE_FIELDS[self.type_], self.value)
        return message

    def to_parameter_msg(self) -> Any:
        """As an rcl_interfaces/Parameter."""
        return ParameterMessage(name=self.name, value=self.get_parameter_value())

    def __repr__(self) -> str:
        return f"Parameter(name={self.name!r}, type={self.type_.name}, value={self.value!r})"


_SCALARS = {
    Parameter.Type.BOOL: bool,
    Parameter.Type.INTEGER: int,
    Parameter.Type.DOUBLE: float,
    Parameter.Type.STRING: str,
}
_ARRAYS = {
    Parameter.Type.BOOL_ARRAY: bool,
    Parameter.Type.INTEGER_ARRAY: int,
    Parameter.Type.DOUBLE_ARRAY: float,
    Parameter.Type.STRING_ARRAY: str,
}
_VALUE_FIELDS = {kind: f"{kind.name.lower()}_value" for kind in Parameter.Type if kind != Parameter.Type.NOT_SET}
