"""The half of rclpy's `Node` that is about parameters."""

from __future__ import annotations

from typing import Any

from rcd_ros.ros.embedded.parameter_store import OnSetCallback, ParameterStore, PostSetCallback, PreSetCallback
from rcd_ros.ros.embedded.parameters import Parameter


class ParameterOwner:
    """Has parameters, kept in a store. What cannot be declared or read raises `ParameterException`."""

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

    def describe_parameter(self, name: str) -> Any:
        """The `ParameterDescriptor` of a declared parameter."""
        return self._parameters.describe(name)

    def list_parameters(self, prefixes: list[str], depth: int) -> Any:
        """A ListParametersResult: names at or below the prefixes, at most `depth` levels of dots deep (0: any)."""
        return self._parameters.listing(prefixes, depth)

    def set_parameters(self, parameter_list: list[Parameter]) -> list[Any]:
        """Set parameters one after another; a `SetParametersResult` for each."""
        return [self._parameters.set_together([parameter]) for parameter in parameter_list]

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> Any:
        """Set all parameters or none; one `SetParametersResult`."""
        return self._parameters.set_together(parameter_list)

    def add_pre_set_parameters_callback(self, callback: PreSetCallback) -> None:
        """Let this replace a change before it is checked: `callback(parameters)` returns what is to be set instead."""
        self._parameters.pre_set.insert(0, callback)

    def add_on_set_parameters_callback(self, callback: OnSetCallback) -> None:
        """Ask this before parameters change: `callback(parameters)` returns a `SetParametersResult`."""
        self._parameters.on_set.insert(0, callback)

    def add_post_set_parameters_callback(self, callback: PostSetCallback) -> None:
        """Tell this after parameters have changed: `callback(parameters)`."""
        self._parameters.post_set.insert(0, callback)

    def remove_pre_set_parameters_callback(self, callback: PreSetCallback) -> None:
        """Ask it no longer; raises `ValueError` when it was never added."""
        self._parameters.pre_set.remove(callback)

    def remove_on_set_parameters_callback(self, callback: OnSetCallback) -> None:
        """Ask it no longer; raises `ValueError` when it was never added."""
        self._parameters.on_set.remove(callback)

    def remove_post_set_parameters_callback(self, callback: PostSetCallback) -> None:
        """Tell it no longer; raises `ValueError` when it was never added."""
        self._parameters.post_set.remove(callback)
