"""Parameters of a node: declared with a type, set from outside, checked by callbacks. rclpy's names and meanings."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rcd_ros.errors import RcdError
from rcd_ros.ros.embedded.messages import message_class

ParameterDescriptor = message_class("rcl_interfaces/msg/ParameterDescriptor")
ParameterValue = message_class("rcl_interfaces/msg/ParameterValue")
SetParametersResult = message_class("rcl_interfaces/msg/SetParametersResult")


class ParameterException(RcdError):
    """A parameter cannot be declared, read or set as asked."""


class ParameterNotDeclaredException(ParameterException):
    """The node has no such parameter."""


class ParameterAlreadyDeclaredException(ParameterException):
    """The parameter was declared before."""


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
                if value and all(isinstance(item, bytes) for item in value):
                    return cls.BYTE_ARRAY
                for kind, python_type in _ARRAYS.items():
                    if all(type(item) is python_type for item in value):
                        return kind
            raise TypeError(f"no ROS parameter type holds {value!r}")

    def __init__(self, name: str, type_: Parameter.Type | None = None, value: Any = None) -> None:
        self.name = name
        self.type_ = Parameter.Type.from_parameter_value(value) if type_ is None else type_
        self.value = list(value) if isinstance(value, tuple) else value

    @classmethod
    def from_parameter_msg(cls, msg: Any) -> Parameter:
        """From an rcl_interfaces/Parameter."""
        kind = cls.Type(msg.value.type)
        value = None if kind == cls.Type.NOT_SET else getattr(msg.value, _VALUE_FIELDS[kind])
        return cls(msg.name, kind, value)

    def get_parameter_value(self) -> Any:
        """As an rcl_interfaces/ParameterValue."""
        message = ParameterValue(type=int(self.type_))
        if self.type_ != Parameter.Type.NOT_SET:
            setattr(message, _VALUE_FIELDS[self.type_], self.value)
        return message

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

ParametersCallback = Callable[[list[Parameter]], Any]


class ParameterStore:
    """The parameters of one node."""

    def __init__(self, overrides: dict[str, Any]) -> None:
        self.overrides = overrides
        self.callbacks: list[ParametersCallback] = []
        self._parameters: dict[str, Parameter] = {}
        self._descriptors: dict[str, Any] = {}

    def names(self) -> list[str]:
        """Declared names, in order of declaration."""
        return list(self._parameters)

    def declare(
        self, name: str, default: Any = None, descriptor: Any = None, ignore_override: bool = False
    ) -> Parameter:
        """Declare a parameter: an override from outside wins over the default.

        `default` may be a value, or a `Parameter.Type` for a parameter that must be given from outside.
        """
        if name in self._parameters:
            raise ParameterAlreadyDeclaredException(f"parameter '{name}' is declared twice")
        descriptor = descriptor or ParameterDescriptor()
        descriptor.name = name
        if isinstance(default, Parameter.Type):
            declared, value = default, None
        else:
            declared, value = Parameter.Type.from_parameter_value(default), default
        overridden = name in self.overrides and not ignore_override
        given = self.overrides[name] if overridden else value
        descriptor.type = int(declared)
        self._parameters[name] = Parameter(name, Parameter.Type.NOT_SET)
        self._descriptors[name] = descriptor
        if given is None and value is None:
            return self._parameters[name]
        try:
            self._store([self._parameter(name, given, declared)], declaring=True)
        except ParameterException:
            del self._parameters[name], self._descriptors[name]
            raise
        return self._parameters[name]

    def get(self, name: str) -> Parameter:
        """A declared parameter."""
        if name not in self._parameters:
            known = ", ".join(self._parameters)
            raise ParameterNotDeclaredException(f"parameter '{name}' is not declared; there are: {known}")
        return self._parameters[name]

    def has(self, name: str) -> bool:
        """Whether it is declared."""
        return name in self._parameters

    def describe(self, name: str) -> Any:
        """The descriptor of a declared parameter."""
        self.get(name)
        return self._descriptors[name]

    def set_each(self, parameters: Iterable[Parameter]) -> list[Any]:
        """Set one after another; one `SetParametersResult` each."""
        return [self.set_together([parameter]) for parameter in parameters]

    def set_together(self, parameters: Sequence[Parameter]) -> Any:
        """Set all of them or none; one `SetParametersResult`."""
        try:
            for parameter in parameters:
                self.get(parameter.name)
            self._store(list(parameters), declaring=False)
        except ParameterException as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _parameter(self, name: str, value: Any, declared: Parameter.Type) -> Parameter:
        if value == [] and declared in (*_ARRAYS, Parameter.Type.BYTE_ARRAY):
            return Parameter(name, declared, value)
        try:
            return Parameter(name, value=value)
        except TypeError as error:
            raise InvalidParameterTypeException(f"parameter '{name}': {error}") from error

    def _store(self, parameters: list[Parameter], declaring: bool) -> None:
        for parameter in parameters:
            self._check(parameter, declaring)
        for callback in self.callbacks:
            result = callback(parameters)
            if not result.successful:
                raise InvalidParameterValueException(
                    f"parameter '{parameters[0].name}' refused: {result.reason or 'no reason given'}"
                )
        for parameter in parameters:
            self._parameters[parameter.name] = parameter

    def _check(self, parameter: Parameter, declaring: bool) -> None:
        descriptor = self._descriptors[parameter.name]
        declared = Parameter.Type(descriptor.type)
        if descriptor.read_only and not declaring:
            raise InvalidParameterValueException(f"parameter '{parameter.name}' is read-only")
        if declared not in (Parameter.Type.NOT_SET, parameter.type_) and not descriptor.dynamic_typing:
            raise InvalidParameterTypeException(
                f"parameter '{parameter.name}' must be of type {declared.name}, "
                f"got {parameter.value!r} of type {parameter.type_.name}"
            )
        values = parameter.value if isinstance(parameter.value, list) else [parameter.value]
        ranges = {
            Parameter.Type.DOUBLE: descriptor.floating_point_range,
            Parameter.Type.INTEGER: descriptor.integer_range,
        }
        for allowed in ranges.get(parameter.type_, []):
            for value in values:
                if not (allowed.from_value <= value <= allowed.to_value or math.isclose(value, allowed.to_value)):
                    raise InvalidParameterValueException(
                        f"parameter '{parameter.name}' must be in [{allowed.from_value}, {allowed.to_value}], "
                        f"got {value}"
                    )
