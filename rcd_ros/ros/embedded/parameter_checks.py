"""What a parameter's descriptor allows: its type, its range with steps, and whether it may change at all."""

from __future__ import annotations

import math
from typing import Any

from rcd_ros.ros.embedded.parameters import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    Parameter,
)

_RELATIVE_TOLERANCE = 1e-6  # rclpy's, for the ends and steps of floating-point ranges


def check_against_descriptor(parameter: Parameter, descriptor: Any, declaring: bool) -> None:
    """Raise `ParameterException` when a descriptor forbids a value; a read-only one may be given when declaring."""
    declared = Parameter.Type(descriptor.type)
    if descriptor.read_only and not declaring:
        raise InvalidParameterValueException(f"parameter '{parameter.name}' is read-only: give it at start")
    if parameter.type_ == Parameter.Type.NOT_SET:
        raise InvalidParameterTypeException(f"parameter '{parameter.name}' cannot be undeclared")
    if parameter.type_ != declared and not descriptor.dynamic_typing:
        raise InvalidParameterTypeException(
            f"parameter '{parameter.name}' must be of type {declared.name}, "
            f"got {parameter.value!r} of type {parameter.type_.name}"
        )
    if parameter.type_ == Parameter.Type.INTEGER and descriptor.integer_range:
        _check_range(parameter, descriptor.integer_range[0], tolerance=0.0)
    if parameter.type_ == Parameter.Type.DOUBLE and descriptor.floating_point_range:
        _check_range(parameter, descriptor.floating_point_range[0], _RELATIVE_TOLERANCE)


def _check_range(parameter: Parameter, allowed: Any, tolerance: float) -> None:
    low, high = sorted((allowed.from_value, allowed.to_value))
    value = parameter.value

    def reaches(limit: float) -> bool:
        return math.isclose(value, limit, rel_tol=tolerance)

    if reaches(low) or reaches(high):
        return
    if not low < value < high:
        raise InvalidParameterValueException(f"parameter '{parameter.name}' must be in [{low}, {high}], got {value}")
    if allowed.step and not reaches(low + round((value - low) / allowed.step) * allowed.step):
        raise InvalidParameterValueException(
            f"parameter '{parameter.name}' must be in [{low}, {high}] in steps of {allowed.step}, got {value}"
        )
