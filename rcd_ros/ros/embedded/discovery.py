"""Which topics there are, as DDS reports them: what `ros2 topic list` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsPublication, BuiltinTopicDcpsSubscription
from cyclonedds.core import Policy
from cyclonedds.domain import DomainParticipant

from rcd_ros.ros.embedded.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

_MANY = 10_000  # more endpoints than any domain of ours holds
_PREFIX = "rt"


@dataclass(frozen=True)
class TopicEndpointInfo:
    """One publisher of a topic: its type such as `sensor_msgs/msg/JointState`, and its QoS (the depth is unknown)."""

    topic_type: str
    qos_profile: QoSProfile


class Discovery:
    """The endpoints of all participants, this one's included; asking again costs only what has changed since."""

    def __init__(self, participant: DomainParticipant) -> None:
        self._publishers = _Endpoints(participant, BuiltinTopicDcpsPublication)
        self._subscriptions = _Endpoints(participant, BuiltinTopicDcpsSubscription)

    def topics(self) -> list[tuple[str, list[str]]]:
        """Full names of all topics that are published or subscribed to, with their types, in order."""
        found: dict[str, set[str]] = {}
        for name, endpoint in (*self._publishers.current(), *self._subscriptions.current()):
            found.setdefault(name, set()).add(endpoint.topic_type)
        return [(name, sorted(types)) for name, types in sorted(found.items())]

    def publishers(self, full_name: str) -> list[TopicEndpointInfo]:
        """The publishers of a topic."""
        return [endpoint for name, endpoint in self._publishers.current() if name == full_name]


class _Endpoints:
    """The publishers, or the subscriptions, of ROS topics; services and DDS's own topics are left out."""

    def __init__(self, participant: DomainParticipant, builtin_topic: Any) -> None:
        self._reader = BuiltinDataReader(participant, builtin_topic)
        self._known: dict[UUID, tuple[str, TopicEndpointInfo]] = {}

    def current(self) -> list[tuple[str, TopicEndpointInfo]]:
        """(topic's full name, endpoint) for each that is there now."""
        for sample in self._reader.take(N=_MANY):
            if sample.topic_name is None:  # it has gone
                self._known.pop(sample.key, None)
            elif sample.topic_name.startswith(f"{_PREFIX}/"):
                info = TopicEndpointInfo(_ros_type(sample.type_name), _profile(sample.qos))
                self._known[sample.key] = (sample.topic_name.removeprefix(_PREFIX), info)
        return list(self._known.values())


def _ros_type(wire_name: str) -> str:
    """`sensor_msgs::msg::dds_::JointState_` -> `sensor_msgs/msg/JointState`."""
    return wire_name.replace("::dds_::", "::").removesuffix("_").replace("::", "/")


def _profile(qos: Any) -> QoSProfile:
    best_effort = qos[Policy.Reliability] == Policy.Reliability.BestEffort
    volatile = qos[Policy.Durability] == Policy.Durability.Volatile
    return QoSProfile(
        history=HistoryPolicy.SYSTEM_DEFAULT,  # it is not told of on the wire
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.VOLATILE if volatile else DurabilityPolicy.TRANSIENT_LOCAL,
    )
