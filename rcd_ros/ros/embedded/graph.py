"""Tells ROS 2 which nodes this process holds, so that `ros2 node list` and `ros2 param` know them.

DDS knows endpoints but no nodes; ROS 2 adds them by a message of each participant on `ros_discovery_info`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from cyclonedds.core import Entity
from cyclonedds.domain import DomainParticipant
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader

from rcd_ros.ros.embedded import definitions
from rcd_ros.ros.embedded.messages import message_class
from rcd_ros.ros.embedded.qos import DurabilityPolicy, QoSProfile
from rcd_ros.ros.embedded.topics import make_writer

TOPIC = "ros_discovery_info"
_TYPE = "rmw_dds_common/msg/ParticipantEntitiesInfo"


class GraphNode(Protocol):
    """What the graph tells about a node."""

    def get_name(self) -> str:
        """Its name."""

    def get_namespace(self) -> str:
        """Its namespace."""

    def endpoints(self) -> tuple[list[DataReader], list[DataWriter]]:
        """Its DDS endpoints."""


class Graph:
    """The nodes of one participant, announced whenever they change."""

    def __init__(self, participant: DomainParticipant) -> None:
        self._participant = participant
        self.nodes: list[GraphNode] = []
        self._message = message_class(_TYPE)
        self._node_message = message_class("rmw_dds_common/msg/NodeEntitiesInfo")
        qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._writer = make_writer(participant, TOPIC, self._message, qos, f"typehash={definitions.type_hash(_TYPE)};")

    def add(self, node: GraphNode) -> None:
        """Announce a new node."""
        self.nodes.append(node)
        self.announce()

    def remove(self, node: GraphNode) -> None:
        """Announce that a node has gone; nothing happens when it was never added."""
        if node in self.nodes:
            self.nodes.remove(node)
            self.announce()

    def announce(self) -> None:
        """Tell everyone about all nodes."""
        self._writer.write(
            self._message(gid=_gid(self._participant), node_entities_info_seq=[self._describe(n) for n in self.nodes])
        )

    def _describe(self, node: GraphNode) -> Any:
        readers, writers = node.endpoints()
        return self._node_message(
            node_namespace=node.get_namespace(),
            node_name=node.get_name(),
            reader_gid_seq=_gids(readers),
            writer_gid_seq=_gids(writers),
        )


def _gids(entities: Iterable[Entity]) -> list[Any]:
    return [_gid(entity) for entity in entities]


def _gid(entity: Entity) -> Any:
    return message_class("rmw_dds_common/msg/Gid")(data=entity.guid.bytes)
