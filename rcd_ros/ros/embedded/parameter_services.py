"""The services by which other nodes and `ros2 param` list, read, describe and set a node's parameters.

As with rclpy, a question about several parameters of which one is unknown gets an empty answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rcd_ros.ros.embedded.messages import service_class
from rcd_ros.ros.embedded.parameter_store import ParameterStore
from rcd_ros.ros.embedded.parameters import Parameter, ParameterException, SetParametersResult
from rcd_ros.ros.embedded.qos import qos_profile_parameter_services

if TYPE_CHECKING:
    from rcd_ros.ros.embedded.node import Node


def create_parameter_services(node: Node, store: ParameterStore) -> None:
    """Offer `~/list_parameters`, `~/get_parameters` and their kin."""

    def list_parameters(request: Any, response: Any) -> Any:
        response.result = store.listing(request.prefixes, request.depth)
        return response

    def get_parameters(request: Any, response: Any) -> Any:
        response.values = _each(request.names, lambda name: store.get(name).get_parameter_value())
        return response

    def get_parameter_types(request: Any, response: Any) -> Any:
        response.types = _each(request.names, lambda name: int(store.type_of(name)))
        return response

    def describe_parameters(request: Any, response: Any) -> Any:
        response.descriptors = _each(request.names, store.describe)
        return response

    def set_parameters(request: Any, response: Any) -> Any:
        response.results = [_set(store, [item]) for item in request.parameters]
        return response

    def set_parameters_atomically(request: Any, response: Any) -> Any:
        response.result = _set(store, request.parameters)
        return response

    handlers: dict[str, Callable[[Any, Any], Any]] = {
        "ListParameters": list_parameters,
        "GetParameters": get_parameters,
        "GetParameterTypes": get_parameter_types,
        "DescribeParameters": describe_parameters,
        "SetParameters": set_parameters,
        "SetParametersAtomically": set_parameters_atomically,
    }
    for type_name, handler in handlers.items():
        service_type = service_class(f"rcl_interfaces/srv/{type_name}")
        node.create_service(service_type, f"~/{handler.__name__}", handler, qos_profile=qos_profile_parameter_services)


def _each(names: list[str], read: Callable[[str], Any]) -> list[Any]:
    try:
        return [read(name) for name in names]
    except ParameterException:
        return []


def _set(store: ParameterStore, messages: list[Any]) -> Any:
    try:
        return store.set_together([Parameter.from_parameter_msg(message) for message in messages])
    except (ParameterException, ValueError) as error:
        return SetParametersResult(successful=False, reason=str(error))
