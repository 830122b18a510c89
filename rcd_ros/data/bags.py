"""Reading bags: rosbag2 folders and files (MCAP or SQLite), without ROS, their messages in the order of recording."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Reader
from rosbags.serde import SerdeError

from rcd_ros.data.bag_advice import advice_on_content, advice_on_opening, storage_files
from rcd_ros.data.bag_writer import typestore
from rcd_ros.errors import RcdError

TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
JOINT_STATE = "sensor_msgs/msg/JointState"
ODOMETRY = "nav_msgs/msg/Odometry"
POSE = "geometry_msgs/msg/PoseStamped"
DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"
STRING = "std_msgs/msg/String"
BOOL = "std_msgs/msg/Bool"
CLOCK = "rosgraph_msgs/msg/Clock"
MESSAGE_TYPES = {
    "JointTrajectory": TRAJECTORY,
    "JointState": JOINT_STATE,
    "Odometry": ODOMETRY,
    "PoseStamped": POSE,
    "Float64MultiArray": "std_msgs/msg/Float64MultiArray",
    "tf": "tf2_msgs/msg/TFMessage",
}
"""Full names of the types that tasks name."""

_ENCAPSULATION = 4
"""Bytes before a serialised message."""
_APPENDED = 8
"""Bytes behind it that Fast CDR appends at most; rosbags takes up to three."""


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

    def messages(self, topics: Collection[str], raw: Collection[str] = ()) -> Iterator[Recorded]:
        """The messages of these topics, oldest first; those on topics that are `raw` as they were serialised.

        Raises:
            RcdError: the file is damaged, or a message is not as its type says.
        """
        try:
            with Reader(self.path) as reader:
                wanted = [c for c in reader.connections if c.topic in topics or c.topic in raw]
                for connection, time, data in reader.messages(wanted) if wanted else ():
                    as_it_is = connection.topic in raw
                    message = data if as_it_is else self._deserialized(connection.topic, connection.msgtype, data)
                    yield Recorded(time, connection.topic, connection.msgtype, message)
        except RcdError:
            raise
        except Exception as error:
            raise self._unreadable(error, advice_on_content(self.path)) from error

    def _deserialized(self, topic: str, type_name: str, data: bytes) -> Any:
        try:
            return _message(type_name, data)
        except Exception as error:
            raise self._unreadable(
                error, f"a message on '{topic}' is not of its type {type_name}: record it again"
            ) from error

    def _unreadable(self, error: Exception, advice: str) -> RcdError:
        reason = " ".join(str(error).split()).rstrip(".").removesuffix("; please report issue")[:200]
        return RcdError(f"the bag '{self.path}' cannot be read ({reason or type(error).__name__}): {advice}")


def _message(type_name: str, data: bytes) -> Any:
    """A serialised message; what Fast CDR has appended is left out."""
    store = typestore()
    try:
        return store.deserialize_cdr(data, type_name)
    except SerdeError:
        definition = store.get_msgdef(type_name)
        read = definition.deserialize_cdr_le if data[1] else definition.deserialize_cdr_be
        message, end = read(data[_ENCAPSULATION:], 0, definition.cls, store)
        if end + _ENCAPSULATION + _APPENDED < len(data):
            raise
        return message


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
