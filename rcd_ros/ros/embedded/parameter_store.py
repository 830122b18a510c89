"""The parameters of one node: declared with a type and a descriptor, changed only when everyone agrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rcd_ros.ros.embedded.messages import message_class
from rcd_ros.ros.embedded.parameter_checks import check_against_descriptor
from rcd_ros.ros.embedded.parameters import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    Parameter,
    ParameterAlreadyDeclaredException,
    ParameterDescriptor,
    ParameterException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
    SetParametersResult,
)

ListParametersResult = message_class("rcl_interfaces/msg/ListParametersResult")

PreSetCallback = Callable[[list[Parameter]], list[Parameter]]
OnSetCallback = Callable[[list[Parameter]], Any]
PostSetCallback = Callable[[list[Parameter]], None]
SEPARATOR = "."


class ParameterStore:
    """Values and descriptors by name.

    A change goes through the pre-set callbacks (which may replace it), the descriptors, the on-set callbacks (which
    may refuse it), is stored, and is told to the post-set callbacks and to `announce(new, changed)`.
    """

    def __init__(self, overrides: dict[str, Any]) -> None:
        self.overrides = overrides
        self.pre_set: list[PreSetCallback] = []
        self.on_set: list[OnSetCallback] = []
        self.post_set: list[PostSetCallback] = []
        self.announce: Callable[[list[Parameter], list[Parameter]], None] = lambda new, changed: None
        self._parameters: dict[str, Parameter] = {}
        self._descriptors: dict[str, Any] = {}

    def declare(
        self, name: str, default: Any = None, descriptor: Any = None, ignore_override: bool = False
    ) -> Parameter:
        """Declare a parameter: an override from outside wins over the default.

        `default` may be a value, or a `Parameter.Type` for a parameter that must be given from outside.
        """
        if name in self._parameters:
            raise ParameterAlreadyDeclaredException(f"parameter '{name}' is declared twice")
        descriptor = descriptor or ParameterDescriptor()
        if isinstance(default, Parameter.Type):
            declared, value = default, None
        else:
            declared, value = Parameter.Type.from_parameter_value(default), default
        if declared == Parameter.Type.NOT_SET and not descriptor.dynamic_typing:
            raise ValueError(f"parameter '{name}' needs a default value, a type, or dynamic typing")
        overridden = name in self.overrides and not ignore_override
        given = self.overrides[name] if overridden else value
        descriptor.name, descriptor.type = name, int(declared)
        self._parameters[name] = Parameter(name, Parameter.Type.NOT_SET)
        self._descriptors[name] = descriptor
        if given is None:
            return self._parameters[name]
        try:
            self._store([_parameter(name, given, declared)], declaring=True)
        except ParameterException:
            del self._parameters[name], self._descriptors[name]
            raise
        return self._parameters[name]

    def has(self, name: str) -> bool:
        """Whether it is declared."""
        return name in self._parameters

    def get(self, name: str) -> Parameter:
        """A declared parameter that has a value."""
        parameter = self._declared(name)
        if parameter.type_ == Parameter.Type.NOT_SET and not self._descriptors[name].dynamic_typing:
            raise ParameterUninitializedException(f"parameter '{name}' has no value: give it at start")
        return parameter

    def type_of(self, name: str) -> Parameter.Type:
        """The type of a declared parameter's value."""
        return self._declared(name).type_

    def describe(self, name: str) -> Any:
        """The descriptor of a declared parameter."""
        self._declared(name)
        return self._descriptors[name]

    def listing(self, prefixes: Sequence[str], depth: int) -> Any:
        """A ListParametersResult: names at or below the prefixes, at most `depth` levels of dots deep (0: any)."""
        names = [name for name in self._parameters if _is_listed(name, prefixes, depth)]
        parents = (name.rpartition(SEPARATOR)[0] for name in names)
        return ListParametersResult(names=names, prefixes=list(dict.fromkeys(parent for parent in parents if parent)))

    def set_together(self, parameters: Sequence[Parameter]) -> Any:
        """Set all of them or none; one `SetParametersResult`.

        Raises:
            ParameterNotDeclaredException: one is not declared; nothing was set.
        """
        changes = list(parameters)
        if self.pre_set:
            changes = [change for callback in self.pre_set for change in callback(changes)]
            if not changes:
                return SetParametersResult(successful=False, reason="a pre-set callback left nothing to be set")
        for change in changes:
            self._declared(change.name)
        try:
            self._store(changes, declaring=False)
        except ParameterException as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _declared(self, name: str) -> Parameter:
        if name not in self._parameters:
            known = ", ".join(self._parameters)
            raise ParameterNotDeclaredException(f"parameter '{name}' is not declared; there are: {known}")
        return self._parameters[name]

    def _store(self, parameters: list[Parameter], declaring: bool) -> None:
        for parameter in parameters:
            check_against_descriptor(parameter, self._descriptors[parameter.name], declaring)
        for callback in self.on_set:
            result = callback(parameters)
            if not result.successful:
                names = ", ".join(f"'{parameter.name}'" for parameter in parameters)
                raise InvalidParameterValueException(result.reason or f"{names} refused without a reason")
        new = [item for item in parameters if self._parameters[item.name].type_ == Parameter.Type.NOT_SET]
        changed = [item for item in parameters if item not in new]
        for parameter in parameters:
            self._parameters[parameter.name] = parameter
            self._descriptors[parameter.name].type = int(parameter.type_)
        self.announce(new, changed)
        for inform in self.post_set:
            inform(parameters)


def _parameter(name: str, value: Any, declared: Parameter.Type) -> Parameter:
    if value == [] and declared.name.endswith("_ARRAY"):
        return Parameter(name, declared, value)  # an empty list has no type of its own
    try:
        return Parameter(name, value=value)
    except TypeError as error:
        raise InvalidParameterTypeException(f"parameter '{name}': {error}") from error


def _is_listed(name: str, prefixes: Sequence[str], depth: int) -> bool:
    if not prefixes:
        return depth == 0 or name.count(SEPARATOR) < depth
    below = (name.removeprefix(prefix + SEPARATOR) for prefix in prefixes if name.startswith(prefix + SEPARATOR))
    return name in prefixes or any(depth == 0 or rest.count(SEPARATOR) < depth for rest in below)
