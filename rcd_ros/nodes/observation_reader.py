"""From serialised messages to observations: by the message's names when it is new, by known places ever after."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import JointState

from rcd_ros.nodes.messages import nanoseconds
from rcd_ros.nodes.ros.cdr import MessageForm, read_stamp
from rcd_ros.nodes.ros.qos import LATCHED, STATE, NamedQos
from rcd_ros.nodes.ros.raw import deserialize
from rcd_ros.planning.observation import Observation, ObservationAssembler
from rcd_ros.planning.spec import ChannelKind

_POSE_AND_TWIST = (*range(7), *range(43, 49))
"""Of an odometry's numbers: position, orientation (x, y, z, w), linear and angular velocity; not the covariances."""


class ObservationReader(Protocol):
    """Reads the messages of one topic."""

    message_type: ClassVar[Any]
    qos: ClassVar[NamedQos]

    def __init__(self, assembler: ObservationAssembler, topic: str) -> None: ...

    def read(self, data: bytes) -> tuple[int | None, Observation | None]:
        """Take a serialised message; its stamp (ns), None when it cannot be read, and what it completes, if it does.

        Raises:
            RcdError: the message is of another robot.
        """


class JointStateReader:
    """Reads one topic's `sensor_msgs/JointState`; the observation that a message completes, as the assembler says."""

    message_type: ClassVar[Any] = JointState
    qos: ClassVar[NamedQos] = STATE

    def __init__(self, assembler: ObservationAssembler, topic: str) -> None:
        """Hand the messages of `topic` to `assembler`."""
        self._assembler, self._topic = assembler, topic
        self._form: MessageForm | None = None
        self._indices = np.empty(0, np.intp)

    def read(self, data: bytes) -> tuple[int | None, Observation | None]:
        """Take a serialised message; returns its stamp (ns) as well, None when it cannot be read.

        Raises:
            RcdError: the topic's first message lacks a joint that the planner needs.
        """
        if self._form is not None and self._form.fits(data):
            stamp = read_stamp(data)
            return stamp, self._assembler.ordered(self._topic, stamp, self._form.read(data)[self._indices])
        message = deserialize(JointState, data)
        if message is None:
            return None, self._assembler.drop("unreadable")
        stamp = nanoseconds(message.header.stamp)
        observation = self._assembler.joint_state(self._topic, stamp, message.name, message.position, message.velocity)
        self._learn(message, data)
        return stamp, observation

    def _learn(self, message: JointState, data: bytes) -> None:
        """Remember where a message has what the planner needs, if it has all of it."""
        positions = len(message.position)
        sizes = {"joint_position": positions, "joint_velocity": len(message.velocity)}
        starts = {"joint_position": 0, "joint_velocity": positions}
        channels = self._assembler.joint_indices(self._topic, message.name)
        if not channels or any(sizes[channel.kind] != len(message.name) for channel, _ in channels):
            return
        self._indices = np.concatenate([starts[channel.kind] + indices for channel, indices in channels])
        self._form = _form(JointState, data)


class OdometryReader:
    """Reads one topic's `nav_msgs/Odometry`; the observation that a message completes, as the assembler says."""

    message_type: ClassVar[Any] = Odometry
    qos: ClassVar[NamedQos] = STATE

    def __init__(self, assembler: ObservationAssembler, topic: str) -> None:
        """Hand the messages of `topic` to `assembler`."""
        self._assembler, self._topic = assembler, topic
        self._form: MessageForm | None = None

    def read(self, data: bytes) -> tuple[int | None, Observation | None]:
        """Take a serialised message; returns its stamp (ns) as well, None when it cannot be read."""
        if self._form is not None and self._form.fits(data):
            stamp, values = read_stamp(data), self._form.read(data)[_POSE_AND_TWIST,].tolist()
        else:
            message = deserialize(Odometry, data)
            if message is None:
                return None, self._assembler.drop("unreadable")
            stamp, values = nanoseconds(message.header.stamp), _numbers(message)
            self._form = _form(Odometry, data)
        position, orientation, linear, angular = values[:3], values[3:7], values[7:10], values[10:]
        return stamp, self._assembler.odometry(self._topic, stamp, position, orientation, linear, angular)


class GoalReader:
    """Reads one topic's `geometry_msgs/PoseStamped`; the observation that a new goal makes, as the assembler says."""

    message_type: ClassVar[Any] = PoseStamped
    qos: ClassVar[NamedQos] = LATCHED

    def __init__(self, assembler: ObservationAssembler, topic: str) -> None:
        """Hand the messages of `topic` to `assembler`."""
        self._assembler, self._topic = assembler, topic

    def read(self, data: bytes) -> tuple[int | None, Observation | None]:
        """Take a serialised message; returns its stamp (ns) as well, None when it cannot be read."""
        message = deserialize(PoseStamped, data)
        if message is None:
            return None, self._assembler.drop("unreadable")
        position = message.pose.position
        observation = self._assembler.goal_pose(self._topic, (position.x, position.y, position.z))
        return nanoseconds(message.header.stamp), observation


READERS: dict[ChannelKind, type[ObservationReader]] = {
    "joint_position": JointStateReader,
    "joint_velocity": JointStateReader,
    "body_pose": OdometryReader,
    "body_twist": OdometryReader,
    "goal_position": GoalReader,
}
"""What reads the topics that carry channels of a kind."""


def _numbers(message: Odometry) -> list[float]:
    position, orientation = message.pose.pose.position, message.pose.pose.orientation
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    return [
        *(position.x, position.y, position.z),
        *(orientation.x, orientation.y, orientation.z, orientation.w),
        *(linear.x, linear.y, linear.z),
        *(angular.x, angular.y, angular.z),
    ]


def _form(message_type: Any, data: bytes) -> MessageForm | None:
    """The form of a message; None where a middleware encodes it in another way."""
    try:
        return MessageForm(message_type, data)
    except ValueError:
        return None
