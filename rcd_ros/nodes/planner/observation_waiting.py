"""What a planner waits for while its observation is not complete: in words, with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible

from rcd_ros.nodes.planner.frame_reader import FrameReader
from rcd_ros.planning.observation import ObservationAssembler

_PATIENCE = 3
"""Stamps of the clock channel in a row without a complete observation: fewer are a matter of order."""


class ObservationWaiting:
    """Looks at what has come, and at who publishes what has not."""

    def __init__(
        self,
        node: Node,
        assembler: ObservationAssembler,
        types: Mapping[str, Any],
        subscriptions: Sequence[Any],
        frames: FrameReader | None,
    ) -> None:
        """Watch for `node`.

        Args:
            node: that subscribes.
            assembler: of the observations.
            types: topic -> message class that is subscribed to.
            subscriptions: to the same topics in the same order.
            frames: reader of transforms, if there is one.
        """
        self._node, self._assembler, self._types, self._frames = node, assembler, types, frames
        self._subscriptions = dict(zip(types, subscriptions, strict=True))

    @property
    def is_waiting(self) -> bool:
        """Whether no observation is complete at present."""
        return self._assembler.stamp is None or self._assembler.incomplete >= _PATIENCE

    @property
    def another_robot(self) -> bool:
        """Whether messages lack joints that the planner needs."""
        return self.is_waiting and bool(self._assembler.missing_joints())

    def reasons(self) -> list[str]:
        """What is waited for, a sentence each; none while observations are complete."""
        if not self.is_waiting:
            return []
        return [self._explained(topic, sentence) for topic, sentence in self._assembler.lacks().items()]

    def _explained(self, topic: str, sentence: str) -> str:
        if topic.startswith("tf:"):
            problem = self._frames.problem if self._frames is not None else ""
            return f"{sentence}: {problem}" if problem else sentence
        if "transform between" in sentence and self._frames is not None and self._frames.problem:
            return f"{sentence}: {self._frames.problem}"
        found = self._publishers(topic)
        return f"{sentence}; {found}" if found else sentence

    def _publishers(self, topic: str) -> str:
        """What is wrong with the publishers of a topic; empty when nothing is."""
        name = self._node.resolve_topic_name(topic)
        publishers = self._node.get_publishers_info_by_topic(topic)
        if not publishers:
            return f"nobody publishes '{name}'" if topic in self._assembler.unheard() else ""
        wanted = _type_name(self._types[topic])
        for other in publishers:
            if other.topic_type != wanted:
                return f"'{name}' comes as {other.topic_type} from {_node(other)}, {wanted} is needed"
            problem = self._incompatibility(name, topic, other)
            if problem:
                return problem
        return ""

    def _incompatibility(self, name: str, topic: str, other: Any) -> str:
        mine: QoSProfile = self._subscriptions[topic].qos_profile
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


def _type_name(kind: Any) -> str:
    package, _, _ = str(kind.__module__).partition(".")
    return f"{package}/msg/{kind.__name__}"


def _node(endpoint: Any) -> str:
    return f"{endpoint.node_namespace.rstrip('/')}/{endpoint.node_name}"
