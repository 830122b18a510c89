"""Why a subscription receives nothing from a publisher that is there: another type, or another quality of service."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible
from rclpy.topic_endpoint_info import TopicEndpointInfo


def why_unreceived(node: Node, topic: str, message_type: type, subscribed: QoSProfile) -> str:
    """Why a publisher of a topic is not received, as a sentence; empty when all are received, or there is none.

    Args:
        node: that subscribes.
        topic: as the node names it.
        message_type: class that is subscribed to.
        subscribed: profile of the subscription.
    """
    name = node.resolve_topic_name(topic)
    wanted = _type_name(message_type)
    for other in node.get_publishers_info_by_topic(topic):
        if other.topic_type != wanted:
            return f"'{name}' comes as {other.topic_type} from {_node(other)}, {wanted} is needed"
        problem = _incompatibility(name, other, subscribed)
        if problem:
            return problem
    return ""


def _incompatibility(name: str, other: TopicEndpointInfo, mine: QoSProfile) -> str:
    compatible, reason = qos_check_compatible(other.qos_profile, mine)
    if compatible != QoSCompatibility.ERROR:
        return ""
    override = f"qos_overrides.{name}.subscription"
    if (
        other.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
        and mine.reliability == ReliabilityPolicy.RELIABLE
    ):
        return f"'{name}' is published best effort by {_node(other)}: set {override}.reliability to best_effort"
    if "urability" in reason:
        return f"'{name}' is published volatile by {_node(other)}: set {override}.durability to volatile"
    return f"'{name}' of {_node(other)} is not received: {reason}"


def _type_name(kind: type) -> str:
    package, _, _ = str(kind.__module__).partition(".")
    return f"{package}/msg/{kind.__name__}"


def _node(endpoint: TopicEndpointInfo) -> str:
    return f"{endpoint.node_namespace.rstrip('/')}/{endpoint.node_name}"
