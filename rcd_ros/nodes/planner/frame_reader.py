"""Takes the transforms of tf, where `tf2_msgs` is installed: there is no wheel of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rclpy.node import Node
from rclpy.subscription import Subscription

from rcd_ros.nodes.ros.installation import load_interface
from rcd_ros.nodes.ros.messages import nanoseconds
from rcd_ros.nodes.ros.qos import LATCHED, NamedQos
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.transforms import Transform

if TYPE_CHECKING:
    from tf2_msgs.msg import TFMessage

_MOVING = NamedQos(depth=100)
"""The depth of tf2's listener."""
_STILL = NamedQos(depth=100, durability=LATCHED.durability)


class FrameReader:
    """Hands what comes on `/tf` and `/tf_static` to an assembler.

    Attributes:
        problem: why no transforms come, as a sentence; empty where they can.
    """

    def __init__(self, node: Node, assembler: ObservationAssembler, moved: Callable[[], None]) -> None:
        """Subscribe through `node`; `moved` is called after transforms have been taken."""
        self.problem = ""
        self._node, self._assembler, self._moved = node, assembler, moved
        self._subscriptions: list[Subscription[TFMessage]] = []
        try:
            message_type = load_interface("tf2_msgs/msg/TFMessage")
        except ImportError:
            self.problem = "tf2_msgs is not installed, so no transforms can be read (ROS 2 by apt or RoboStack has it)"
            return
        for topic, qos, take in (("/tf", _MOVING, self._take_moving), ("/tf_static", _STILL, self._take_still)):
            self._subscriptions.append(node.create_subscription(message_type, topic, take, qos.profile()))

    def close(self) -> None:
        """Stop."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _take_moving(self, message: TFMessage) -> None:
        self._take(message, still=False)

    def _take_still(self, message: TFMessage) -> None:
        self._take(message, still=True)

    def _take(self, message: TFMessage, still: bool) -> None:
        for entry in message.transforms:
            place, turn = entry.transform.translation, entry.transform.rotation
            stamp = None if still else nanoseconds(entry.header.stamp)
            transform = Transform(stamp, (place.x, place.y, place.z), (turn.w, turn.x, turn.y, turn.z))
            self._assembler.transform(entry.header.frame_id, entry.child_frame_id, transform)
        self._moved()
