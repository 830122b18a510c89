"""The services by which other nodes and `ros2 param` list, read, describe and set a node's parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rcd_ros.ros.embedded.messages import service_class
from rcd_ros.ros.embedded.parameters import Parameter, ParameterDescriptor, ParameterStore, ParameterValue
from rcd_ros.ros.embedded.qos import qos_profile_parameter_services

if TYPE_CHECKING:
    from rcd_ros.ros.embedded.node import Node


def create_parameter_services(node: Node, store: ParameterStore) -> None:
    """Offer `~/list_parameters`, `~/get_parameters` and their kin."""

    def list_parameters(request: Any, response: Any) -> Any:
        prefixes = [f"{prefix}." for prefix in request.prefixes]
        response.result.names = [
            name for name in store.names() if not prefixes or any(f"{name}.".startswith(prefix) for prefix in prefixes)
        ]
        return response

    def get_parameters(request: Any, response: Any) -> Any:
        response.values = [
            store.get(name).get_parameter_value() if store.has(name) else ParameterValue() for name in request.names
        ]
        return response

    def get_parameter_types(request: Any, response: Any) -> Any:
        response.types = [
            int(store.get(name).type_) if store.has(name) else int(Parameter.Type.NOT_SET) for name in request.names
        ]
        return response

    def describe_parameters(request: Any, response: Any) -> Any:
        response.descriptors = [
            store.describe(name) if store.has(name) else ParameterDescriptor(name=name) for name in request.names
        ]
        return response

    def set_parameters(request: Any, response: Any) -> Any:
        response.results = store.set_each(Parameter.from_parameter_msg(item) for item in request.parameters)
        return response

    def set_parameters_atomically(request: Any, response: Any) -> Any:
        response.result = store.set_together([Parameter.from_parameter_msg(item) for item in request.parameters])
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
