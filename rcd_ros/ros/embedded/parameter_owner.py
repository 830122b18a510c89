"""The half of rclpy's `Node` that is about parameters."""

from __future__ import annotations

from typing import Any

from rcd_ros.ros.embedded.parameters import Parameter, ParametersCallback, ParameterStore


class ParameterOwner:
    """Has parameters, kept in a store. What is refused raises `ParameterException`."""

    def __init__(self, overrides: dict[str, Any]) -> None:
        self._parameters = ParameterStore(overrides)

    def declare_parameter(
        self, name: str, value: Any = None, descriptor: Any = None, ignore_override: bool = False
    ) -> Parameter:
        """Declare a parameter with its default value (or its `Parameter.Type`); an override from outside wins."""
        return self._parameters.declare(name, value, descriptor, ignore_override)

    def has_parameter(self, name: str) -> bool:
        """Whether a parameter is declared."""
        return self._parameters.has(name)

    def get_parameter(self, name: str) -> Parameter:
        """A declared parameter."""
        return self._parameters.get(name)

    def get_parameters(self, names: list[str]) -> list[Parameter]:
        """Declared parameters."""
        return [self._parameters.get(name) for name in names]

    def set_parameters(self, parameter_list: list[Parameter]) -> list[Any]:
        """Set parameters one after another; a `SetParametersResult` for each."""
        return self._parameters.set_each(parameter_list)

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> Any:
        """Set all parameters or none; one `SetParametersResult`."""
        return self._parameters.set_together(parameter_list)

    def add_on_set_parameters_callback(self, callback: ParametersCallback) -> None:
        """Ask this before parameters change: `callback(parameters)` returns a `SetParametersResult`."""
        self._parameters.callbacks.insert(0, callback)
