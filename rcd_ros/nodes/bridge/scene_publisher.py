"""Publishes an observation as a robot would: each channel on its topic, in its message type, unit and frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from geometry_msgs.msg import PoseStamped, Quaternion, TransformStamped, Vector3
from geometry_msgs.msg import Transform as TransformMessage
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, Header, MultiArrayDimension, MultiArrayLayout

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.installation import load_interface
from rcd_ros.nodes.ros.messages import joint_state, odometry, pose_stamped, time_message
from rcd_ros.nodes.ros.qos import OVERRIDABLE
from rcd_ros.planning.channels import ObservationChannel, ObservedMessage
from rcd_ros.planning.spec import TaskSpec

if TYPE_CHECKING:
    from tf2_msgs.msg import TFMessage

WORLD = "world"
"""Frame of a pose whose task names none."""
TF = "/tf"
_NOWHERE = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
Message: TypeAlias = "JointState | Odometry | PoseStamped | Float64MultiArray | TFMessage"
"""The package of the last one may be absent."""
TopicMessage: TypeAlias = "tuple[str, Message]"
"""A topic as the task names it (of a frame of tf, `tf:frame`), and a message for it."""


@dataclass(frozen=True)
class _Feed:
    """What one driver publishes: channels of the same joints or body on one topic."""

    topic: str
    message: ObservedMessage
    channels: tuple[ObservationChannel, ...]

    def values(self, observation: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Kind of each channel -> its values in the unit of the topic."""
        return {channel.kind: _on_topic(channel, observation[list(channel.columns)]) for channel in self.channels}


class ScenePublisher:
    """The inverse of `planning.observation.ObservationAssembler`."""

    def __init__(self, node: Node, spec: TaskSpec, depth: int, velocities: bool = True) -> None:
        """Make the publishers of a task's observation topics on `node`.

        Args:
            node: whose publishers they are.
            spec: of the task.
            depth: of their queues.
            velocities: whether JointStates have velocities that are observed.

        Raises:
            RcdError: the task observes a frame of tf, and `tf2_msgs` is not installed.
        """
        self._feeds = _feeds(spec)
        self._velocities = velocities
        self._publishers: dict[str, Publisher[Message]] = {}
        for feed in self._feeds:
            if feed.topic not in self._publishers:
                name = TF if feed.message == "tf" else feed.topic
                self._publishers[feed.topic] = node.create_publisher(
                    _message_type(feed, spec), name, depth, qos_overriding_options=OVERRIDABLE
                )

    @property
    def topics(self) -> list[str]:
        """Topics of the task that only this node publishes."""
        return [feed.topic for feed in self._feeds if feed.message != "tf"]

    @property
    def sensors(self) -> list[str]:
        """Names of all sensors: topics, and `tf:frame`."""
        return list(self._publishers)

    @property
    def frames(self) -> list[str]:
        """Frames that are published on `/tf`."""
        return [feed.channels[0].topic_names[0] for feed in self._feeds if feed.message == "tf"]

    def publish(self, stamp: int, observation: NDArray[np.float64]) -> None:
        """Publish an observation (n_obs,), in the data set's columns, that was taken at `stamp` (ns)."""
        self.send(self.messages(stamp, observation))

    def send(self, messages: Sequence[TopicMessage]) -> None:
        """Publish messages on their topics."""
        for topic, message in messages:
            self._publishers[topic].publish(message)

    def messages(self, stamp: int, observation: NDArray[np.float64]) -> list[TopicMessage]:
        """What `publish` would publish, in its order."""
        return [(feed.topic, self._message(feed, stamp, observation)) for feed in self._feeds]

    def _message(self, feed: _Feed, stamp: int, observation: NDArray[np.float64]) -> Message:
        values, names = feed.values(observation), feed.channels[0].topic_names
        frame = feed.channels[0].frame or WORLD
        pose = values.get("body_pose", _NOWHERE)
        if feed.message == "Odometry":
            return odometry(stamp, names[0], pose, values.get("body_twist", np.zeros(6)), frame)
        if feed.message == "PoseStamped":
            return pose_stamped(stamp, frame, pose)
        if feed.message == "Float64MultiArray":
            return _array(feed.channels)(observation)
        if feed.message == "tf":
            return _transform(stamp, frame, names[0], pose)
        nothing = np.empty(0)
        speeds = values.get("joint_velocity", nothing) if self._velocities else nothing
        message = joint_state(stamp, names, values.get("joint_position", nothing), speeds)
        if "joint_effort" in values:
            message.effort = values["joint_effort"].tolist()
        return message


def _feeds(spec: TaskSpec) -> list[_Feed]:
    """Joints of one topic that are named by different channels come from drivers of their own."""
    found: dict[tuple[str, ...], list[ObservationChannel]] = {}
    for channel in spec.observations:
        if channel.kind == "goal_position":
            continue  # `GoalRelay` publishes it
        key = (
            (channel.topic_key,)
            if channel.message_type == "Float64MultiArray"
            else (channel.topic_key, *channel.joints)
        )
        found.setdefault(key, []).append(channel)
    return [_Feed(key[0], channels[0].message_type, tuple(channels)) for key, channels in found.items()]


def _on_topic(channel: ObservationChannel, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (k,) of a channel in the unit of its topic."""
    numbers: NDArray[np.float64] = values
    if channel.topic_offset:
        numbers = numbers - np.asarray(channel.topic_offset)
    return numbers / np.asarray(channel.topic_scale) if channel.topic_scale else numbers


def _array(channels: Sequence[ObservationChannel]) -> Callable[[NDArray[np.float64]], Float64MultiArray]:
    """Makes the message of channels in one array; numbers of its layout that no channel has are 0."""
    layout = channels[0].layout or channels[0].topic_names

    def make(observation: NDArray[np.float64]) -> Float64MultiArray:
        values = dict.fromkeys(layout, 0.0)
        for channel in channels:
            numbers = _on_topic(channel, observation[list(channel.columns)])
            values.update(zip(channel.topic_names, numbers.tolist(), strict=True))
        size = len(layout)
        dimension = MultiArrayDimension(label=",".join(layout), size=size, stride=size)
        return Float64MultiArray(layout=MultiArrayLayout(dim=[dimension]), data=[values[name] for name in layout])

    return make


def _transform(stamp: int, parent: str, child: str, pose: NDArray[np.float64]) -> Message:
    x, y, z, w, turn_x, turn_y, turn_z = pose.tolist()
    transform = TransformStamped(
        header=Header(stamp=time_message(stamp), frame_id=parent),
        child_frame_id=child,
        transform=TransformMessage(
            translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(w=w, x=turn_x, y=turn_y, z=turn_z)
        ),
    )
    return load_interface("tf2_msgs/msg/TFMessage")(transforms=[transform])


def _message_type(feed: _Feed, spec: TaskSpec) -> Any:
    if feed.message != "tf":
        return {
            "JointState": JointState,
            "Odometry": Odometry,
            "PoseStamped": PoseStamped,
            "Float64MultiArray": Float64MultiArray,
        }[feed.message]
    try:
        return load_interface("tf2_msgs/msg/TFMessage")
    except ImportError as error:
        raise RcdError(
            f"task '{spec.name}' observes '{feed.channels[0].name}' by tf and tf2_msgs is not installed: use ROS 2 by "
            "apt or RoboStack, or observe it by a PoseStamped"
        ) from error
