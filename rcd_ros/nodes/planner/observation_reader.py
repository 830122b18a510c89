"""From serialised messages to observations: by the message's names when it is new, by known positions afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from rcd_ros.nodes.ros.cdr import DescribedMessage, MessageForm, read_stamp
from rcd_ros.nodes.ros.messages import nanoseconds
from rcd_ros.nodes.ros.qos import LATCHED, STATE, NamedQos
from rcd_ros.nodes.ros.raw import deserialize
from rcd_ros.planning.channels import ObservationChannel
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.observation.sources import Form

if TYPE_CHECKING:
    from rclpy.type_support import Msg

_POSE_AND_TWIST = (*range(7), *range(43, 49))
"""Of an odometry's numbers: position, orientation (x, y, z, w), linear and angular velocity; not the covariances."""
_PUBLISHERS = 4
"""Forms that are remembered per topic: joints may come from several publishers."""


class ObservationReader(Protocol):
    """Reads the messages of one topic."""

    message_type: ClassVar[type[Msg]]
    qos: ClassVar[NamedQos]

    def __init__(self, assembler: ObservationAssembler, topic: str, now: Callable[[], int]) -> None: ...

    def read(self, data: bytes) -> tuple[int | None, Observation | None]:
        """Take a serialised message; its stamp (ns), None when it cannot be read, and what it completes, if it does."""


class JointStateReader:
    """Reads one topic's `sensor_msgs/JointState`; the observation that a message completes, as the assembler says."""

    message_type: ClassVar[type[Msg]] = JointState
    qos: ClassVar[NamedQos] = STATE

    def __init__(self, assembler: ObservationAssembler, topic: str, now: Callable[[], int] | None = None) -> None:
        """Hand the messages of `topic` to `assembler`."""
        self._assembler, self._topic = assembler, topic
        self._forms: list[tuple[MessageForm, tuple[str, ...], tuple[int, ...]]] = []

    def read(self, data: bytes) -> tuple[int | None, Observation | None]:
        """Take a serialised message; returns its stamp (ns) as well, None when it cannot be read."""
        for form, names, sizes in self._forms:
            if form.fits(data):
                stamp, places = read_stamp(data), self._assembler.joint_form(self._topic, names, sizes)
                if isinstance(places, str):
                    return stamp, self._assembler.drop(places, self._topic)
                return stamp, self._assembler.take(self._topic, stamp, form.read(data), places)
        message = deserialize(JointState, data)
        if message is None:
            return None, self._assembler.drop("unreadable", self._topic)
        stamp = nanoseconds(message.header.stamp)
        fields = message.position, message.velocity, message.effort
        observation = self._assembler.joint_state(self._topic, stamp, message.name, *fields)
        self._learn(message, data)
        return stamp, observation

    def _learn(self, message: JointState, data: bytes) -> None:
        """Remember where a message has its numbers, if it has what the planner needs."""
        names, sizes = tuple(message.name), (len(message.position), len(message.velocity), len(message.effort))
        places: Form | str = self._assembler.joint_form(self._topic, names, sizes)
        form = None if isinstance(places, str) and places != "other joints" else _form(JointState, data)
        if form is not None:
            self._forms = [(form, names, sizes), *self._forms[: _PUBLISHERS - 1]]


class OdometryReader:
    """Reads one topic's `nav_msgs/Odometry`; the observation that a message completes, as the assembler says."""

    message_type: ClassVar[type[Msg]] = Odometry
    qos: ClassVar[NamedQos] = STATE

    def __init__(self, assembler: ObservationAssembler, topic: str, now: Callable[[], int] | None = None) -> None:
        """Hand the messages of `topic` to `assembler`."""
        self._assembler, self._topic = assembler, topic
        self._form: MessageForm | None = None
        self._frame = ""

    def read(self, data: bytes) -> tuple[int | None, Observation | None]:
        """Take a serialised message; returns its stamp (ns) as well, None when it cannot be read."""
        if self._form is not None and self._form.fits(data):  # the frame is part of the form
            stamp, values = read_stamp(data), self._form.read(data)[_POSE_AND_TWIST,].tolist()
        else:
            message = deserialize(Odometry, data)
            if message is None:
                return None, self._assembler.drop("unreadable", self._topic)
            stamp, values = nanoseconds(message.header.stamp), _numbers(message)
            self._form, self._frame = _form(Odometry, data), message.header.frame_id
        position, orientation, linear, angular = values[:3], values[3:7], values[7:10], values[10:]
        answer = self._assembler.odometry(self._topic, stamp, position, orientation, linear, angular, self._frame)
        return stamp, answer


class PoseReader:
    """Reads the pose of a body from one topic's `geometry_msgs/PoseStamped`."""

    message_type: ClassVar[type[Msg]] = PoseStamped
    qos: ClassVar[NamedQos] = STATE

    def __init__(self, assembler: ObservationAssembler, topic: str, now: Callable[[], int] | None = None) -> None:
        """Hand the messages of `topic` to `assembler`."""
        self._assembler, self._topic = assembler, topic
        self._form: MessageForm | None = None
        self._frame = ""

    def read(self, data: bytes) -> tuple[int | None, Observation | None]:
        """Take a serialised message; returns its stamp (ns) as well, None when it cannot be read."""
        if self._form is not None and self._form.fits(data):
            stamp, values = read_stamp(data), self._form.read(data).tolist()
        else:
            message = deserialize(PoseStamped, data)
            if message is None:
                return None, self._assembler.drop("unreadable", self._topic)
            stamp, place, turn = nanoseconds(message.header.stamp), message.pose.position, message.pose.orientation
            values = [place.x, place.y, place.z, turn.x, turn.y, turn.z, turn.w]
            self._form, self._frame = _form(PoseStamped, data), message.header.frame_id
        return stamp, self._assembler.pose(self._topic, stamp, values[:3], values[3:], self._frame)


class ArrayReader:
    """Reads one topic's `std_msgs/Float64MultiArray`; it has no stamp, so when it came counts."""

    message_type: ClassVar[type[Msg]] = Float64MultiArray
    qos: ClassVar[NamedQos] = STATE

    def __init__(self, assembler: ObservationAssembler, topic: str, now: Callable[[], int]) -> None:
        """Hand the messages of `topic` to `assembler`; `now` is the node's clock, ns."""
        self._assembler, self._topic, self._now = assembler, topic, now

    def read(self, data: bytes) -> tuple[int | None, Observation | None]:
        """Take a serialised message; returns when it came (ns) as well, None when it cannot be read."""
        message = deserialize(Float64MultiArray, data)
        if message is None:
            return None, self._assembler.drop("unreadable", self._topic)
        stamp = self._now()
        return stamp, self._assembler.array(self._topic, stamp, np.array(message.data))


class GoalReader:
    """Reads one topic's `geometry_msgs/PoseStamped`; the observation that a new goal makes, as the assembler says."""

    message_type: ClassVar[type[Msg]] = PoseStamped
    qos: ClassVar[NamedQos] = LATCHED

    def __init__(self, assembler: ObservationAssembler, topic: str, now: Callable[[], int] | None = None) -> None:
        """Hand the messages of `topic` to `assembler`."""
        self._assembler, self._topic = assembler, topic

    def read(self, data: bytes) -> tuple[int | None, Observation | None]:
        """Take a serialised message; returns its stamp (ns) as well, None when it cannot be read."""
        message = deserialize(PoseStamped, data)
        if message is None:
            return None, self._assembler.drop("unreadable", self._topic)
        place = message.pose.position
        observation = self._assembler.goal_pose(self._topic, (place.x, place.y, place.z), message.header.frame_id)
        return nanoseconds(message.header.stamp), observation


READERS: dict[str, type[ObservationReader]] = {
    "JointState": JointStateReader,
    "Odometry": OdometryReader,
    "PoseStamped": PoseReader,
    "Float64MultiArray": ArrayReader,
}
"""What reads the topics of each message type."""


def reader_type(channel: ObservationChannel) -> type[ObservationReader]:
    """What reads the topic of a channel; frames of tf have none of their own."""
    return GoalReader if channel.kind == "goal_position" else READERS[channel.message_type]


def _numbers(message: Odometry) -> list[float]:
    position, orientation = message.pose.pose.position, message.pose.pose.orientation
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    return [
        *(position.x, position.y, position.z),
        *(orientation.x, orientation.y, orientation.z, orientation.w),
        *(linear.x, linear.y, linear.z),
        *(angular.x, angular.y, angular.z),
    ]


def _form(message_type: type[DescribedMessage], data: bytes) -> MessageForm | None:
    """The form of a message; None where a middleware encodes it in another way."""
    try:
        return MessageForm(message_type, data)
    except ValueError:
        return None
