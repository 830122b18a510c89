"""Tells everyone on `/parameter_events` which parameters of a node are new or have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rcd_ros.ros.embedded.messages import message_class
from rcd_ros.ros.embedded.parameters import Parameter
from rcd_ros.ros.embedded.qos import qos_profile_parameter_services

if TYPE_CHECKING:
    from rcd_ros.ros.embedded.node import Node

ParameterEvent = message_class("rcl_interfaces/msg/ParameterEvent")


class ParameterEvents:
    """The publisher behind it; call it with what a change has made new and what it has changed."""

    def __init__(self, node: Node) -> None:
        self._node = node
        # ROS 2's profile for events has the same policies as the one for the parameter services.
        self._publisher = node.create_publisher(ParameterEvent, "/parameter_events", qos_profile_parameter_services)

    def __call__(self, new: list[Parameter], changed: list[Parameter]) -> None:
        """Publish one event."""
        self._publisher.publish(
            ParameterEvent(
                stamp=self._node.get_clock().now().to_msg(),
                node=self._node.get_fully_qualified_name(),
                new_parameters=[parameter.to_parameter_msg() for parameter in new],
                changed_parameters=[parameter.to_parameter_msg() for parameter in changed],
            )
        )
