"""Reading bags: rosbag2 folders and files (MCAP or SQLite), without ROS, their messages in the order of recording."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rosbags.rosbag2 import Reader
from rosbags.serde import SerdeError

from rcd_ros.data.bags.writer import typestore
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rosbags.typesys.stores.ros2_jazzy import builtin_interfaces__msg__Duration as Duration
    from rosbags.typesys.stores.ros2_jazzy import builtin_interfaces__msg__Time as Time
    from rosbags.typesys.stores.ros2_jazzy import diagnostic_msgs__msg__DiagnosticArray as DiagnosticArray

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

    def _deserialized(self, topic: str, type_name: str, data: bytes) -> object:
        try:
            return _message(type_name, data)
        except Exception as error:
            raise self._unreadable(
                error, f"a message on '{topic}' is not of its type {type_name}: record it again"
            ) from error

    def _unreadable(self, error: Exception, advice: str) -> RcdError:
        reason = " ".join(str(error).split()).rstrip(".").removesuffix("; please report issue")[:200]
        return RcdError(f"the bag '{self.path}' cannot be read ({reason or type(error).__name__}): {advice}")


def _message(type_name: str, data: bytes) -> object:
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


def nanoseconds(stamp: Time | Duration) -> int:
    """A recorded `builtin_interfaces` Time or Duration in ns."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def status_values(message: DiagnosticArray, key: str) -> Mapping[str, str] | None:
    """Keys and values of the status that has `key`, in a recorded `diagnostic_msgs/DiagnosticArray`; None: no such."""
    for status in message.status:
        values = {entry.key: entry.value for entry in status.values}
        if key in values:
            return values
    return None


_MCAP, _SQLITE, _ROS_1, _ZSTD = b"\x89MCAP0\r\n", b"SQLite format 3\0", b"#ROSBAG V", b"\x28\xb5\x2f\xfd"
_HEAD = 64
"""Bytes that tell what a file is."""
_SHOWN = 3


def advice_on_opening(path: Path) -> str:
    """For a bag, a folder or a single file, that cannot be opened."""
    if not path.is_dir():
        return _advice_on_file(path)
    files = storage_files(path)
    whole = [file for file in files if _opens(file)]
    if whole:
        names = ", ".join(f"'{file}'" for file in whole[:_SHOWN])
        more = f" and {len(whole) - _SHOWN} more" if len(whole) > _SHOWN else ""
        return f"files of a bag are read without its metadata.yaml, too: name {names}{more}"
    if files:
        return _advice_on_file(files[0])
    others = sorted((*path.glob("*.bag"), *path.glob("*.zstd")))
    return _advice_on_file(others[0]) if others else "it holds neither .mcap nor .db3: copy it again"


def advice_on_content(path: Path) -> str:
    """For a bag that can be opened, but whose messages cannot all be read."""
    files = storage_files(path) if path.is_dir() else [path]
    return _advice_on_file(files[0]) if files else "copy it again"


def storage_files(folder: Path) -> list[Path]:
    """The MCAP and SQLite files of a bag, by name."""
    return sorted((*folder.glob("*.mcap"), *folder.glob("*.db3")))


def _opens(file: Path) -> bool:
    try:
        with Reader(file):
            return True
    except Exception:  # whatever is wrong with it: it is not one to name
        return False


def _advice_on_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        return f"'{path}' cannot be opened ({error.strerror})"
    if head.startswith(_ROS_1):
        return f"'{path}' is a bag of ROS 1: `rosbags-convert --src {path} --dst FOLDER` makes one of ROS 2 of it"
    if head.startswith(_ZSTD):
        return f"'{path}' is compressed: `unzstd {path}` first"
    for magic, suffix, recover in (
        (_MCAP, ".mcap", f"`mcap recover {path} -o saved.mcap`"),
        (_SQLITE, ".db3", f"`sqlite3 {path} .recover | sqlite3 saved.db3`"),
    ):
        if head.startswith(magic):
            if path.suffix != suffix:
                return f"'{path}' is a file of the kind {suffix}: name it so"
            if magic == _MCAP and len(head) == _HEAD and _profile(head) != b"ros2":
                return f"'{path}' does not hold messages of ROS 2: convert what it was made from by `rosbags-convert`"
            return f"what was written of '{path}' before it was cut off or damaged may be saved by {recover}"
    return f"'{path}' is {'neither MCAP nor SQLite' if head else 'empty'}: copy or record it again"


def _profile(head: bytes) -> bytes:
    """What kind of messages an MCAP file holds: the first text of its first record, after magic, opcode and length."""
    return head[21 : 21 + int.from_bytes(head[17:21], "little")]
