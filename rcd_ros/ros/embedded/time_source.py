"""`use_sim_time`: a node's clock follows `/clock` while the parameter is true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rcd_ros.ros.embedded.messages import message_class
from rcd_ros.ros.embedded.parameters import Parameter
from rcd_ros.ros.embedded.qos import QoSProfile, ReliabilityPolicy
from rcd_ros.ros.embedded.time import NANOSECONDS
from rcd_ros.ros.embedded.topics import Subscription

if TYPE_CHECKING:
    from rcd_ros.ros.embedded.node import Node


class TimeSource:
    """Declares `use_sim_time` on a node and feeds its clock."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._subscription: Subscription | None = None
        node.add_post_set_parameters_callback(self._on_parameters)
        node.declare_parameter("use_sim_time", False)

    def _on_parameters(self, parameters: list[Parameter]) -> None:
        for parameter in parameters:
            if parameter.name == "use_sim_time":
                self._follow(parameter.value)

    def _follow(self, simulated: bool) -> None:
        if simulated and self._subscription is None:
            self._node.get_clock().set_simulated(0)
            self._subscription = self._node.create_subscription(
                message_class("rosgraph_msgs/msg/Clock"),
                "/clock",
                self._on_clock,
                QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT),
            )
        elif not simulated and self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
            self._node.get_clock().set_simulated(None)

    def _on_clock(self, message: Any) -> None:
        self._node.get_clock().set_simulated(message.clock.sec * NANOSECONDS + message.clock.nanosec)
