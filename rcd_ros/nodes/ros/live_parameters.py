"""Parameters that belong together: declared from one frozen pydantic model, checked as a whole, applied as a whole.

class PlannerParameters(NodeParameters):
    rate: float = parameter(0.0, "plans a second by timer, 0: one a control period", unit="Hz", minimum=0.0)
    engine: str = parameter("auto", "inference engine", read_only=True)

self._parameters = LiveParameters(self, PlannerParameters, apply=self._on_parameters)
self._parameters.current.rate
"""

from __future__ import annotations

import array
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.parameters import LIST_TYPES, declare_list


class NodeParameters(BaseModel):
    """Base of a node's parameters. Add pydantic validators for what concerns several fields at once.

    Fields are bool, int, float, str, a Literal of texts, or tuples of these. An alias gives a name with dots.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)


def parameter(
    default: Any,
    description: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    read_only: bool = False,
    name: str | None = None,
) -> Any:
    """A field of `NodeParameters` with what its descriptor says; `name` where it is not the field's own."""
    extra: Any = {"unit": unit, "minimum": minimum, "maximum": maximum, "read_only": read_only}
    return Field(default, description=description, alias=name, ge=minimum, le=maximum, json_schema_extra=extra)


Model = TypeVar("Model", bound=NodeParameters)


class LiveParameters(Generic[Model]):
    """The parameters of a node as they are now: `current` is replaced as one object, so any thread may read it."""

    def __init__(
        self,
        node: Node,
        model: type[Model],
        apply: Callable[[Model], None] = lambda parameters: None,
        check: Callable[[Model], None] = lambda parameters: None,
    ) -> None:
        """Declare the parameters and read their first values.

        Args:
            node: whose parameters they are.
            model: their types, defaults and descriptors.
            apply: called with the new values after a change, `current` being the new values already; must not fail.
            check: raises `RcdError` for values that the model allows but the node cannot use at present.

        Raises:
            RcdError: a given value cannot be used.
        """
        self._node, self._model, self._apply, self._check = node, model, apply, check
        self._fields = {field.alias or name: field for name, field in model.model_fields.items()}
        given = {name: _declare(node, name, field) for name, field in self._fields.items()}
        self.current = self._validated(given)
        node.add_on_set_parameters_callback(self._on_set)
        if hasattr(node, "add_post_set_parameters_callback"):
            node.add_post_set_parameters_callback(self._on_stored)
            self._stores_before_applying = True
        else:  # ROS 2 Humble; whoever asked before us has agreed, and nobody asks after us in our nodes
            self._stores_before_applying = False

    def _on_set(self, changes: list[Parameter]) -> Any:
        changed = self._ours(changes)
        try:
            candidate = self._validated({**self._values(), **changed})
        except RcdError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if changed and not self._stores_before_applying:
            self._take(candidate)
        return SetParametersResult(successful=True)

    def _on_stored(self, changes: list[Parameter]) -> None:
        if changed := self._ours(changes):
            self._take(self._validated({**self._values(), **changed}))

    def _take(self, parameters: Model) -> None:
        self.current = parameters
        self._apply(parameters)

    def _ours(self, changes: list[Parameter]) -> dict[str, Any]:
        return {
            change.name: _plain(change.value, self._fields[change.name])
            for change in changes
            if change.name in self._fields
        }

    def _values(self) -> dict[str, Any]:
        return self.current.model_dump(by_alias=True)

    def _validated(self, values: Mapping[str, Any]) -> Model:
        try:
            parameters = self._model.model_validate(values)
        except ValidationError as error:
            node = self._node.get_name()
            raise RcdError("; ".join(_sentence(node, detail) for detail in error.errors())) from error
        self._check(parameters)
        return parameters


def _declare(node: Node, name: str, field: FieldInfo) -> Any:
    try:
        if isinstance(field.default, tuple):
            return _plain(
                declare_list(node, name, list(field.default), list_type(field), _descriptor(name, field)), field
            )
        return _plain(node.declare_parameter(name, field.default, _descriptor(name, field)).value, field)
    except ParameterException as error:
        raise RcdError(f"parameter '{name}' of {node.get_name()}: {error}") from error


def list_type(field: FieldInfo) -> Parameter.Type:
    """The type of a parameter that is a tuple."""
    return LIST_TYPES[get_args(field.annotation)[0]]


def _descriptor(name: str, field: FieldInfo) -> Any:
    extra: Any = field.json_schema_extra
    descriptor = ParameterDescriptor(
        name=name,
        description=f"{field.description} ({extra['unit']})" if extra["unit"] else field.description,
        read_only=extra["read_only"],
        # People write "rate:=2" for a float, which YAML reads as an integer, and an empty list has no type of its own:
        # the model checks these.
        dynamic_typing=isinstance(field.default, (float, tuple)),
    )
    descriptor.additional_constraints = _constraints(field)
    low, high, kind = extra["minimum"], extra["maximum"], type(field.default)
    if low is None or high is None:
        return descriptor  # a range has two ends; the words and the model say the rest
    if kind is int:
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high))]
    elif kind is float:
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    return descriptor


def _constraints(field: FieldInfo) -> str:
    extra: Any = field.json_schema_extra
    if get_origin(field.annotation) is Literal:
        return " or ".join(get_args(field.annotation))
    words = {"at least": extra["minimum"], "at most": extra["maximum"]}
    return ", ".join(f"{word} {limit:g}" for word, limit in words.items() if limit is not None)


def _plain(value: Any, field: FieldInfo) -> Any:
    if value is None and isinstance(field.default, tuple):
        return ()  # an empty list in a parameter file arrives without a value, as `ros2 param dump` writes them
    return tuple(value) if isinstance(value, (list, tuple, array.array)) or value == b"" else value


def _sentence(node: str, detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    reason = str(detail["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    if not where:  # of a validator over several fields
        return f"{node}: {reason}"
    if detail["type"] == "greater_than_equal":
        least = detail["ctx"]["ge"]
        reason = f"at least {least:g}" if least else "0 or more"
    return f"parameter '{where}' of {node} must be {reason}, got {detail['input']!r}"
