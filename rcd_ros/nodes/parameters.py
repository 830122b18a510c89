"""Parameters as our nodes declare them: typed by their default, described, checked once at start."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any, TypeVar

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node

from rcd_ros.errors import RcdError

Value = TypeVar("Value", bool, int, float, str, list[str], list[int])


def declare(
    node: Node,
    name: str,
    default: Value,
    description: str,
    valid: Callable[[Value], bool] = lambda value: True,
    expected: str = "",
) -> Value:
    """Declare a read-only parameter and return its value.

    Args:
        node: whose parameter it is.
        name: of the parameter.
        default: its value when none is given; its type is the parameter's.
        description: one line for `ros2 param describe`.
        valid: whether a value makes sense.
        expected: what `valid` asks for, in words.

    Raises:
        RcdError: the given value has another type or is not valid.
    """
    # A whole number is what people write for a float ("speed:=2"), and YAML reads it as an integer; of an empty list
    # ROS 2 cannot say which type its elements have.
    dynamic = isinstance(default, float) or default == []
    descriptor = ParameterDescriptor(name=name, description=description, read_only=True, dynamic_typing=dynamic)
    try:
        value: Any = node.declare_parameter(name, default, descriptor).value
    except ParameterException as error:
        raise RcdError(f"parameter '{name}' of {node.get_name()}: {error}") from error
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    elif isinstance(value, (array, tuple)):
        value = list(value)
    if type(value) is not type(default) or not valid(value):
        wanted = expected or f"a {type(default).__name__}"
        raise RcdError(f"parameter '{name}' of {node.get_name()} must be {wanted}, got {value!r}")
    result: Value = value
    return result
