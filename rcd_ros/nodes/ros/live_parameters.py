"""Parameters that may change while a node runs: checked as a whole, applied as a whole.

self._parameters = LiveParameters(self, PlannerParameters, apply=self._on_parameters)
self._parameters.current.rate
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Generic

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.parameters import Model, fields_of, plain_value, read_parameters, validated

if TYPE_CHECKING:
    from rclpy.parameter import AllowableParameterValue


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
            apply: called with the new values after a change, when `current` has them already; must not fail.
            check: raises `RcdError` for values that the model allows but the node cannot use at present.

        Raises:
            RcdError: a given value cannot be used.
        """
        self._node, self._model, self._apply, self._check = node, model, apply, check
        self._fields = fields_of(model)
        self.current = read_parameters(node, model, fixed=False)
        check(self.current)
        node.add_on_set_parameters_callback(self._on_set)
        self._stores_before_applying = hasattr(node, "add_post_set_parameters_callback")
        if self._stores_before_applying:
            node.add_post_set_parameters_callback(self._on_stored)
        # else ROS 2 Humble: a change that this class accepts is stored, since our nodes have no other callback.

    def _on_set(self, changes: list[Parameter[AllowableParameterValue]]) -> SetParametersResult:
        changed = self._ours(changes)
        try:
            candidate = self._changed(changed)
        except RcdError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if changed and not self._stores_before_applying:
            self._take(candidate)
        return SetParametersResult(successful=True)

    def _on_stored(self, changes: list[Parameter[AllowableParameterValue]]) -> None:
        if changed := self._ours(changes):
            self._take(self._changed(changed))

    def _take(self, parameters: Model) -> None:
        self.current = parameters
        self._apply(parameters)

    def _ours(self, changes: list[Parameter[AllowableParameterValue]]) -> dict[str, object]:
        return {
            change.name: plain_value(change.value, self._fields[change.name])
            for change in changes
            if change.name in self._fields
        }

    def _changed(self, changes: Mapping[str, object]) -> Model:
        parameters = validated(self._node, self._model, {**self.current.model_dump(by_alias=True), **changes})
        self._check(parameters)
        return parameters
