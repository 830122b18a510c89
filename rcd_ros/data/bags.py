"""Reading bags: rosbag2 folders and files (MCAP or SQLite), without ROS, their messages in the order of recording."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Reader

from rcd_ros.data.bag_advice import advice_on_content, advice_on_opening, storage_files
from rcd_ros.data.bag_writer import typestore
from rcd_ros.errors import RcdError
from rcd_ros.planning.observation import Observation, ObservationAssembler
from rcd_ros.planning.spec import ChannelKind, TaskSpec
from rcd_ros.suggest import did_you_mean

TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
JOINT_STATE = "sensor_msgs/msg/JointState"
ODOMETRY = "nav_msgs/msg/Odometry"
POSE = "geometry_msgs/msg/PoseStamped"
DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"
STRING = "std_msgs/msg/String"


@dataclass(frozen=True)
class Recorded:
    """One message of a bag: when it was recorded (ns since 1970), where, and what."""

    time: int
    topic: str
    type: str
    message: Any


class Bag:
    """A recorded run."""

    def __init__(self, path: Path) -> None:
        """Look into a bag: a folder with `metadata.yaml`, or a single `.mcap` or `.db3` file.

        Raises:
            RcdError: there is none, or it cannot be read, or it holds no message.
        """
        self.path = path
        if not path.exists():
            raise RcdError(f"there is no bag '{path}'")
        if path.is_dir() and not (path / "metadata.yaml").exists():
            why = ", its recorder did not end properly" if storage_files(path) else ""
            raise RcdError(f"'{path}' is no bag, it has no metadata.yaml{why}: {advice_on_opening(path)}")
        try:
            with Reader(path) as reader:
                self.types = {c.topic: c.msgtype for c in reader.connections}
                """Topics' full names and message types."""
                count = reader.message_count
            if not all(isinstance(text, str) for text in (*self.types, *self.types.values())):
                raise TypeError("Invalid bag metadata: a topic's name or type is no text")
        # rosbags leaves some checks to what fails next: SQLite, Zstandard, LZ4, YAML.
        except Exception as error:
            raise self._unreadable(error, advice_on_opening(path)) from error
        if count == 0:
            raise RcdError(f"the bag '{path}' is empty: were the nodes running, and on the same ROS_DOMAIN_ID?")

    def messages(self, topics: Collection[str]) -> Iterator[Recorded]:
        """The messages of these topics, oldest first.

        Raises:
            RcdError: the file is damaged, or a message is not as its type says.
        """
        try:
            with Reader(self.path) as reader:
                wanted = [c for c in reader.connections if c.topic in topics]
                for connection, time, data in reader.messages(wanted) if wanted else ():
                    message = self._deserialized(connection.topic, connection.msgtype, data)
                    yield Recorded(time, connection.topic, connection.msgtype, message)
        except RcdError:
            raise
        except Exception as error:
            raise self._unreadable(error, advice_on_content(self.path)) from error

    def _deserialized(self, topic: str, type_name: str, data: bytes) -> Any:
        try:
            return typestore().deserialize_cdr(data, type_name)
        except Exception as error:
            raise self._unreadable(
                error, f"a message on '{topic}' is not of its type {type_name}: record it again"
            ) from error

    def _unreadable(self, error: Exception, advice: str) -> RcdError:
        reason = " ".join(str(error).split()).rstrip(".").removesuffix("; please report issue")[:200]
        return RcdError(f"the bag '{self.path}' cannot be read ({reason or type(error).__name__}): {advice}")


class TaskTopics:
    """Where a bag keeps a task's topics, which a recorded robot may have had in a namespace or under other names."""

    def __init__(self, bag: Bag, spec: TaskSpec, namespace: str | None, names: Mapping[str, str]) -> None:
        """Find them.

        Args:
            bag: where to look.
            spec: names the topics of observations and commands.
            namespace: of the recorded nodes; None: the one namespace that has the command topic.
            names: the recorded full name of a topic, where that is another than namespace and name.

        Raises:
            RcdError: an observation's or the command's topic is missing, or is of another type.
        """
        self._bag, self._names = bag, names
        command = spec.command.topic
        self.namespace = self._find_namespace(command) if namespace is None else "/" + namespace.strip("/")
        needed = {channel.topic: _message_type(channel.kind) for channel in spec.observations} | {command: TRAJECTORY}
        for name in names:
            if name not in needed:
                raise RcdError(f"task '{spec.name}' has no topic '{name}'{did_you_mean(name, needed)}")
        self.observations = {self.full(topic): topic for topic in needed if topic != command}
        """Recorded name -> the task's own."""
        self.trajectories = self.full(command)
        for topic, wanted in needed.items():
            found = bag.types.get(self.full(topic))
            if found is None:
                raise RcdError(
                    f"the bag '{bag.path}' lacks topic '{self.full(topic)}' of task '{spec.name}'; it holds "
                    f"{', '.join(sorted(bag.types))}: name another with --remap {topic}:=/...; or record it, too"
                )
            if found != wanted:
                raise RcdError(
                    f"topic '{self.full(topic)}' in '{bag.path}' is {found}, task '{spec.name}' has {wanted}"
                )

    def full(self, topic: str) -> str:
        """The recorded name of a topic of ours, whether or not the bag has it."""
        return self._names.get(topic, f"{self.namespace.rstrip('/')}/{topic}")

    def _find_namespace(self, command: str) -> str:
        if command in self._names:
            return "/"
        ends = f"/{command}"
        found = [
            topic.removesuffix(ends) or "/"
            for topic, kind in self._bag.types.items()
            if kind == TRAJECTORY and topic.endswith(ends)
        ]
        if len(found) > 1:
            raise RcdError(f"'{self._bag.path}' holds planners in several namespaces: choose --namespace {found[0]}")
        return found[0] if found else "/"


def assemble(assembler: ObservationAssembler, topic: str, recorded: Recorded) -> Observation | None:
    """Give a recorded message to an assembler as the task's `topic`, as the planner node does.

    Raises:
        RcdError: the topic's first message lacks a joint.
    """
    message = recorded.message
    stamp = nanoseconds(message.header.stamp)
    if recorded.type == JOINT_STATE:
        return assembler.joint_state(topic, stamp, message.name, message.position, message.velocity)
    if recorded.type == POSE:
        goal = message.pose.position
        return assembler.goal_pose(topic, (goal.x, goal.y, goal.z))
    pose, twist = message.pose.pose, message.twist.twist
    return assembler.odometry(
        topic,
        stamp,
        (pose.position.x, pose.position.y, pose.position.z),
        (pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w),
        (twist.linear.x, twist.linear.y, twist.linear.z),
        (twist.angular.x, twist.angular.y, twist.angular.z),
    )


def nanoseconds(stamp: Any) -> int:
    """A recorded `builtin_interfaces` Time or Duration in ns."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def status_values(message: Any, key: str) -> Mapping[str, str] | None:
    """Keys and values of the status that has `key`, in a recorded `diagnostic_msgs/DiagnosticArray`; None: no such."""
    for status in message.status:
        values = {entry.key: entry.value for entry in status.values}
        if key in values:
            return values
    return None


def _message_type(kind: ChannelKind) -> str:
    if kind == "goal_position":
        return POSE
    return JOINT_STATE if kind.startswith("joint") else ODOMETRY
