"""Publishes an observation vector as a robot would: each channel on its topic, all with one stamp."""

from __future__ import annotations

from typing import Any

import numpy as np
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import JointState

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.messages import joint_state, odometry
from rcd_ros.planning.spec import ObservationChannel, TaskSpec


class ScenePublisher:
    """The inverse of `planning.observation.ObservationAssembler`."""

    def __init__(self, node: Node, spec: TaskSpec, depth: int) -> None:
        """Make the publishers of a task's observation topics on `node`.

        Raises:
            RcdError: a topic's position and velocity channels name different joints.
        """
        self._topics: dict[str, dict[str, ObservationChannel]] = {}
        for channel in spec.observations:
            if not channel.kind.startswith(("joint_", "body_")):
                continue  # not the robot's nor the scene's to tell: a goal, say
            self._topics.setdefault(channel.topic, {})[channel.kind] = channel
        self._columns = {channel.name: list(channel.columns) for channel in spec.observations}
        self._publishers = {}
        for topic, channels in self._topics.items():
            if len({channel.joints for channel in channels.values()}) != 1:
                raise RcdError(f"task '{spec.name}': the channels on topic '{topic}' name different joints")
            message = JointState if "joint" in next(iter(channels)) else Odometry
            self._publishers[topic] = node.create_publisher(message, topic, depth)

    @property
    def topics(self) -> list[str]:
        """Topics published."""
        return list(self._topics)

    def publish(self, stamp: int, observation: NDArray[np.float64]) -> None:
        """Publish an observation vector in the data set's columns, taken at `stamp` (ns)."""
        self.send(self.messages(stamp, observation))

    def send(self, messages: dict[str, Any]) -> None:
        """Publish one message on each topic."""
        for topic, message in messages.items():
            self._publishers[topic].publish(message)

    def messages(self, stamp: int, observation: NDArray[np.float64]) -> dict[str, Any]:
        """What `publish` would publish, by topic."""
        return {topic: self._message(stamp, channels, observation) for topic, channels in self._topics.items()}

    def _message(self, stamp: int, channels: dict[str, ObservationChannel], observation: NDArray[np.float64]) -> Any:
        values = {kind: observation[self._columns[channel.name]] for kind, channel in channels.items()}
        joints = next(iter(channels.values())).joints
        if "body_pose" in values or "body_twist" in values:
            pose = values.get("body_pose", np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]))
            return odometry(stamp, joints[0], pose, values.get("body_twist", np.zeros(6)))
        nothing = np.empty(0)
        return joint_state(stamp, joints, values.get("joint_position", nothing), values.get("joint_velocity", nothing))
