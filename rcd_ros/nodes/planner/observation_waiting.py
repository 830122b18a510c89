"""What a planner waits for while its observation is not complete: in words, with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rclpy.node import Node

from rcd_ros.nodes.planner.frame_reader import FrameReader
from rcd_ros.nodes.ros.unreceived import why_unreceived
from rcd_ros.planning.observation.assembler import ObservationAssembler

if TYPE_CHECKING:
    from rclpy.subscription import Subscription
    from rclpy.type_support import Msg

_PATIENCE = 3
"""Stamps of the clock channel in a row without a complete observation: fewer are a matter of order."""


class ObservationWaiting:
    """Looks at what has come, and at who publishes what has not."""

    def __init__(
        self,
        node: Node,
        assembler: ObservationAssembler,
        types: Mapping[str, type[Msg]],
        subscriptions: Sequence[Subscription[Msg]],
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
        if not self._node.get_publishers_info_by_topic(topic):
            name = self._node.resolve_topic_name(topic)
            return f"nobody publishes '{name}'" if topic in self._assembler.unreceived() else ""
        return why_unreceived(self._node, topic, self._types[topic], self._subscriptions[topic].qos_profile)
