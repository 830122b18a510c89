"""A node's parameters as one frozen pydantic model: declared with descriptors, typed, checked as a whole.

class RecorderParameters(NodeParameters):
    output: str = parameter("", "new folder of the bag", required="a folder")
    seconds: float = parameter(0.0, "how long to record, 0: until it is ended", unit="s", minimum=0.0)

parameters = read_parameters(self, RecorderParameters)

Parameters that may change while a node runs are the work of `live_parameters`.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rclpy.parameter import AllowableParameterValue

_LIST_TYPES: dict[type, Parameter.Type] = {
    bool: Parameter.Type.BOOL_ARRAY,
    int: Parameter.Type.INTEGER_ARRAY,
    float: Parameter.Type.DOUBLE_ARRAY,
    str: Parameter.Type.STRING_ARRAY,
}
"""Type of a list's parameter by that of its elements."""


class NodeParameters(BaseModel):
    """Base of a node's parameters. Add pydantic validators for what concerns several fields at once.

    Fields are bool, int, float, str, a Literal of texts, or tuples of these. An alias gives a name with dots.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)


class _Hints(BaseModel):
    """What a field says of its parameter beside type, default and description; kept as its `json_schema_extra`."""

    unit: str
    minimum: int | float | None
    maximum: int | float | None
    above: int | float | None
    required: str
    read_only: bool

    @classmethod
    def of(cls, field: FieldInfo) -> _Hints:
        return cls.model_validate(field.json_schema_extra)


Model = TypeVar("Model", bound=NodeParameters)
Value = TypeVar("Value")


def parameter(
    default: Value,
    description: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    required: str = "",
    read_only: bool = False,
    name: str | None = None,
) -> Value:
    """A field of `NodeParameters`.

    Args:
        default: the value when none is given.
        description: one line for `ros2 param describe`.
        unit: of the value; it is added to the description.
        minimum: smallest value.
        maximum: largest value.
        above: value that is too small.
        required: what must be given, as in "must be a folder", where the default is empty and cannot be used.
        read_only: whether the value cannot change while the node runs.
        name: of the parameter, where it is not the field's.
    """
    hints = _Hints(unit=unit, minimum=minimum, maximum=maximum, above=above, required=required, read_only=read_only)
    return Field(
        default,
        description=description,
        alias=name,
        ge=minimum,
        le=maximum,
        gt=above,
        min_length=1 if required else None,
        json_schema_extra=hints.model_dump(),
    )


def fields_of(model: type[NodeParameters]) -> dict[str, FieldInfo]:
    """The fields of a model by the parameters' names."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def read_parameters(node: Node, model: type[Model], fixed: bool = True) -> Model:
    """Declare a node's parameters and read their first values.

    Args:
        node: whose parameters they are.
        model: their types, defaults and descriptors.
        fixed: whether all of them are read-only.

    Raises:
        RcdError: a given value cannot be used.
    """
    given = {name: _declare(node, name, field, fixed) for name, field in fields_of(model).items()}
    return validated(node, model, given)


def validated(node: Node, model: type[Model], values: Mapping[str, object]) -> Model:
    """The values as one checked object.

    Raises:
        RcdError: a value cannot be used; the message names the parameter and the node.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise RcdError("; ".join(_sentence(node, fields_of(model), detail) for detail in error.errors())) from error


def plain_value(value: object, field: FieldInfo) -> object:
    """A value as rclpy has it, as the model expects it."""
    if value is None and isinstance(field.default, tuple):
        return ()  # an empty list in a parameter file arrives without a value, as `ros2 param dump` writes them
    return tuple(value) if isinstance(value, (list, tuple, array)) or value == b"" else value


def _declare(node: Node, name: str, field: FieldInfo, fixed: bool) -> object:
    descriptor = _descriptor(name, field, fixed)
    value: AllowableParameterValue
    try:
        if isinstance(field.default, tuple):
            value = _declare_list(node, name, list(field.default), _list_type(field), descriptor)
        else:
            value = node.declare_parameter(name, field.default, descriptor).value
    except ParameterException as error:
        raise RcdError(f"parameter '{name}' of {node.get_name()}: {error}") from error
    return plain_value(value, field)


def _declare_list(
    node: Node, name: str, default: list[str], kind: Parameter.Type, descriptor: ParameterDescriptor
) -> AllowableParameterValue:
    """Declare a parameter that is a list, and return its value.

    An empty list has no type of its own: rclpy takes `[]` for a byte array, and a parameter file's `[]`, as
    `ros2 param dump` writes it, arrives as no value at all. Both are the empty list of type `kind` here.
    """
    value: AllowableParameterValue = node.declare_parameter(name, default, descriptor).value
    if value is None or (isinstance(value, (list, tuple, array, bytes)) and not value):
        descriptor.type = kind.value
        node._parameters[name] = Parameter(name, kind, [])  # rclpy has no way to type an empty list
        return []
    return value


def _list_type(field: FieldInfo) -> Parameter.Type:
    return _LIST_TYPES[get_args(field.annotation)[0]]


def _descriptor(name: str, field: FieldInfo, fixed: bool) -> ParameterDescriptor:
    hints = _Hints.of(field)
    descriptor = ParameterDescriptor(
        name=name,
        description=f"{field.description} ({hints.unit})" if hints.unit else field.description,
        read_only=fixed or hints.read_only,
        # People write "rate:=2" for a float, which YAML reads as an integer, and an empty list has no type of its own:
        # the model checks these.
        dynamic_typing=isinstance(field.default, (float, tuple)),
    )
    descriptor.additional_constraints = _constraints(field)
    low, high, kind = hints.minimum, hints.maximum, type(field.default)
    if low is None or high is None:
        return descriptor  # a range has two ends; `additional_constraints` and the model say the rest
    if kind is int:
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
    elif kind is float:
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    return descriptor


def _constraints(field: FieldInfo) -> str:
    hints = _Hints.of(field)
    if get_origin(field.annotation) is Literal:
        return " or ".join(get_args(field.annotation))
    limits = {"at least": hints.minimum, "at most": hints.maximum, "above": hints.above}
    given = [f"{relation} {limit:g}" for relation, limit in limits.items() if limit is not None]
    return ", ".join([*given, *filter(None, [hints.required])])


def _sentence(node: Node, fields: Mapping[str, FieldInfo], detail: ErrorDetails) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    reason = str(detail["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    if not where:  # of a validator over several fields
        return f"{node.get_name()}: {reason}"
    if detail["type"] == "greater_than_equal":
        least = detail["ctx"]["ge"]
        reason = f"at least {least:g}" if least else "0 or more"
    elif detail["type"] == "greater_than":
        reason = f"above {detail['ctx']['gt']:g}"
    elif detail["type"] in ("string_too_short", "too_short"):
        reason = _Hints.of(fields[where]).required
    return f"parameter '{where}' of {node.get_name()} must be {reason}, got {detail['input']!r}"
