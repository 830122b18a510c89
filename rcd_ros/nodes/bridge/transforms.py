"""Publishes where the bodies of a MuJoCo model are, as transforms."""

from __future__ import annotations

from collections.abc import Sequence

from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.node import Node
from std_msgs.msg import Header

from rcd_ros.nodes.ros.installation import load_interface
from rcd_ros.nodes.ros.messages import time_message
from rcd_ros.nodes.ros.qos import LATCHED
from rcd_ros.simulation.interface import MujocoScene
from rcd_ros.simulation.kinematics import BodyFrames, BodyPoses

QUEUE = 100
"""As tf2's own broadcasters have it."""


class TransformsPublisher:
    """`/tf` for bodies that move in relation to their parents, `/tf_static` for the others, once."""

    def __init__(self, node: Node, scene: MujocoScene, without: Sequence[str] = ()) -> None:
        """Publish the bodies of `scene` through `node`, but those in `without`, which somebody else tells.

        Raises:
            ImportError: `tf2_msgs` is not installed; there is no wheel of it.
        """
        self._message_type = load_interface("tf2_msgs/msg/TFMessage")
        self._scene = scene
        self._frames = BodyFrames(scene.model)
        self._without = set(without)
        self._still_is_told = False
        self._moving = node.create_publisher(self._message_type, "/tf", QUEUE)
        self._still = node.create_publisher(self._message_type, "/tf_static", LATCHED.profile())

    def publish(self, stamp: int) -> None:
        """Tell the present state, taken at `stamp` (ns), if anybody listens."""
        if not self._still_is_told:
            self._still_is_told = True
            self._still.publish(self._message_type(transforms=self._messages(stamp, self._frames.still())))
        if self._moving.get_subscription_count():
            moving = self._frames.moving(self._scene.data)
            self._moving.publish(self._message_type(transforms=self._messages(stamp, moving)))

    def _messages(self, stamp: int, poses: BodyPoses) -> list[TransformStamped]:
        return [message for message in _transforms(stamp, poses) if message.child_frame_id not in self._without]


def _transforms(stamp: int, poses: BodyPoses) -> list[TransformStamped]:
    when = time_message(stamp)
    rows = zip(poses.parents, poses.bodies, poses.positions.tolist(), poses.orientations.tolist(), strict=True)
    return [
        TransformStamped(
            header=Header(stamp=when, frame_id=parent),
            child_frame_id=body,
            transform=Transform(
                translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(w=w, x=turn_x, y=turn_y, z=turn_z)
            ),
        )
        for parent, body, (x, y, z), (w, turn_x, turn_y, turn_z) in rows
    ]
