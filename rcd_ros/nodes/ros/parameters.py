"""Parameters as our nodes declare them: typed by their default, described, checked once at start."""

from __future__ import annotations

import difflib
from array import array
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import yaml
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from rcd_ros.errors import RcdError
from rcd_ros.suggest import did_you_mean

LIST_TYPES: dict[type, Parameter.Type] = {
    bool: Parameter.Type.BOOL_ARRAY,
    int: Parameter.Type.INTEGER_ARRAY,
    float: Parameter.Type.DOUBLE_ARRAY,
    str: Parameter.Type.STRING_ARRAY,
}
"""Type of a list's parameter by that of its elements."""

Value = TypeVar("Value", bool, int, float, str, list[str], list[int])


def declare_list(
    node: Node, name: str, default: list[Any], kind: Parameter.Type, descriptor: ParameterDescriptor
) -> Any:
    """Declare a parameter that is a list, and return its value.

    An empty list has no type of its own: rclpy takes `[]` for a byte array, and a parameter file's `[]`, as
    `ros2 param dump` writes it, arrives as no value at all. Both are the empty list of type `kind` here.
    """
    descriptor.dynamic_typing = True  # the caller checks the elements
    value = node.declare_parameter(name, default, descriptor).value
    if value is not None and (not isinstance(value, (list, tuple, array, bytes)) or len(value)):
        return list(value) if isinstance(value, (list, tuple, array)) else value
    descriptor.type = kind.value
    node._parameters[name] = Parameter(name, kind, [])  # rclpy can be told no type of an empty list
    return []


def overrides(node: Node) -> dict[str, Parameter[Any]]:
    """What files, command line and launch say of a node's parameters, declared or not."""
    found: dict[str, Parameter[Any]] = node._parameter_overrides  # rclpy has no public name for it
    return found


def warn_of_unknown(node: Node) -> None:
    """Warn of parameters that are given and that this node does not have: a misspelt limit is a limit not set.

    `qos_overrides.` are looked at, too: call this when the topics are there.
    """
    known = [name for name in node._parameters]  # rclpy has no public list of them
    for name in sorted(overrides(node)):
        if name not in known:
            topics = name.startswith("qos_overrides.")
            near = did_you_mean(name, [other for other in known if other.startswith("qos_overrides.") == topics])
            node.get_logger().warning(f"parameter '{name}' is not one of {node.get_name()}{near}: it has no effect")


def warn_of_unread_files(node: Node, arguments: Sequence[str]) -> None:
    """Warn of parameter files in which this node's name seems to be misspelt: nothing of them is read.

    Args:
        node: that was started.
        arguments: of its process.
    """
    for flag, file in pairwise(arguments):
        if flag != "--params-file":
            continue
        names = _nodes_in(yaml.safe_load(Path(file).read_text()))  # rcl has read it already
        if node.get_name() not in names and not any("*" in name for name in names):
            near = difflib.get_close_matches(node.get_name(), names, n=1, cutoff=0.75)
            if near:
                node.get_logger().warning(
                    f"the parameter file '{file}' has nothing for '{node.get_name()}', but for '{near[0]}': it has no "
                    "effect here"
                )


def _nodes_in(content: Any) -> set[str]:
    """Names of nodes, without namespaces, in the content of a parameter file."""
    if not isinstance(content, dict):
        return set()
    inner = {name for value in content.values() for name in _nodes_in(value)}
    own = {str(key) for key, value in content.items() if isinstance(value, dict) and "ros__parameters" in value}
    return inner | {name.rpartition("/")[2] for name in own}


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
    # A whole number is what people write for a float ("speed:=2"), and YAML reads it as an integer.
    dynamic = isinstance(default, float)
    descriptor = ParameterDescriptor(name=name, description=description, read_only=True, dynamic_typing=dynamic)
    try:
        if default == []:
            value: Any = declare_list(node, name, [], Parameter.Type.STRING_ARRAY, descriptor)
        else:
            value = node.declare_parameter(name, default, descriptor).value
    except ParameterException as error:
        raise RcdError(f"parameter '{name}' of {node.get_name()}: {error}") from error
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    elif value is None and default == []:
        value = []  # an empty list in a parameter file arrives without a value
    elif isinstance(value, (array, tuple)):
        value = list(value)
    if type(value) is not type(default) or not valid(value):
        wanted = expected or f"a {type(default).__name__}"
        raise RcdError(f"parameter '{name}' of {node.get_name()} must be {wanted}, got {value!r}")
    result: Value = value
    return result
