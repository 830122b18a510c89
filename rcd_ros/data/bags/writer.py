"""Bags as they are written: rosbag2's folder with one MCAP file, as `ros2 bag` and Foxglove read it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from rosbags.interfaces import (
    Connection,
    Nodetype,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rosbags.interfaces.typing import Basename, FieldDesc, Typesdict
    from rosbags.typesys.store import Typestore

RESERVE_BYTES = 4 << 20
"""Kept free on the disk while a bag is open: what its end may need when everything else is full."""
_RECORD_BYTES = 31
"""What MCAP adds to a message."""


TRIGGER_EVENT = "std_srvs/srv/Trigger_Event"
"""What a service says of its calls, such as the planner's `begin_episode`."""
_TEXT = f"""service_msgs/ServiceEventInfo info
std_srvs/Trigger_Request[<=1] request
std_srvs/Trigger_Response[<=1] response
{"=" * 80}
MSG: service_msgs/ServiceEventInfo
uint8 event_type
builtin_interfaces/Time stamp
uint8[16] client_gid
int64 sequence_number
{"=" * 80}
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
{"=" * 80}
MSG: std_srvs/Trigger_Request
uint8 structure_needs_at_least_one_member
{"=" * 80}
MSG: std_srvs/Trigger_Response
bool success
string message
"""
"""Definition of these events as MCAP has it, which rosbags cannot make of a service's types."""
_REQUEST, _RESPONSE = "std_srvs/srv/Trigger_Request", "std_srvs/srv/Trigger_Response"


@cache
def typestore() -> Typestore:
    """ROS 2's standard message definitions."""
    store = get_typestore(Stores.ROS2_JAZZY)
    types: Typesdict = {
        _REQUEST: ([], [_value("structure_needs_at_least_one_member", "uint8")]),
        _RESPONSE: ([], [_value("success", "bool"), _value("message", "string")]),
        TRIGGER_EVENT: (
            [],
            [
                ("info", (Nodetype.NAME, "service_msgs/msg/ServiceEventInfo")),
                ("request", (Nodetype.SEQUENCE, ((Nodetype.NAME, _REQUEST), 1))),
                ("response", (Nodetype.SEQUENCE, ((Nodetype.NAME, _RESPONSE), 1))),
            ],
        ),
    }
    store.register(types)
    return store


def _value(name: str, kind: Basename) -> tuple[str, FieldDesc]:
    return name, (Nodetype.BASE, (kind, 0))


class Definition(TypedDict, total=False):
    """Arguments of rosbags that define a type when a topic is added to a bag."""

    typestore: Typestore
    msgdef: str
    rihs01: str


def definition(type_name: str) -> Definition:
    """How a type of `typestore()` is defined."""
    if type_name == TRIGGER_EVENT:
        return {"msgdef": _TEXT, "rihs01": typestore().hash_rihs01(type_name)}
    return {"typestore": typestore()}


def check_new_bag(folder: Path) -> None:
    """Refuse a bag's folder that exists.

    Raises:
        RcdError: there is a file, a folder or a link of that name.
    """
    if os.path.lexists(folder):
        raise RcdError(f"'{folder}' exists already: choose another folder for the bag")


def qos(reliable: bool, transient_local: bool) -> Qos:
    """QoS of a topic's publishers, by which `ros2 bag play` publishes again; the rest is ROS 2's default."""
    forever = QosTime(9_223_372_036, 854_775_807)
    return Qos(
        QosHistory.KEEP_LAST,
        10,
        QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        QosDurability.TRANSIENT_LOCAL if transient_local else QosDurability.VOLATILE,
        forever,
        forever,
        QosLiveliness.AUTOMATIC,
        forever,
        avoid_ros_namespace_conventions=False,
    )


class BagWriter:
    """Writes serialised messages, topic by topic as they join."""

    def __init__(self, folder: Path, about: Mapping[str, str] | None = None) -> None:
        """Make a new bag in `folder`; `about` goes into its metadata.

        Raises:
            RcdError: the folder exists.
            OSError: it cannot be written.
        """
        check_new_bag(folder)
        self.folder = folder
        self.counts: dict[str, int] = {}
        """Messages by topic."""
        self.size = 0
        """Bytes of all messages so far."""
        self._connections: dict[str, Connection] = {}
        self._writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
        for key, value in (about or {}).items():
            self._writer.set_custom_data(key, value)
        self._writer.open()
        storage: Any = self._writer.storage
        self._file = storage.bio
        self._whole = self._file.tell()
        self._reserve = folder / ".reserve"
        try:
            with self._reserve.open("wb") as reserve:
                os.posix_fallocate(reserve.fileno(), 0, RESERVE_BYTES)
        except OSError:
            self._abandon()
            shutil.rmtree(folder, ignore_errors=True)  # there is nothing in it yet
            raise

    @property
    def messages(self) -> int:
        """Number of messages so far."""
        return sum(self.counts.values())

    def join(self, topic: str, type_name: str, offered: Qos) -> None:
        """Let a topic be part of the bag, whether or not it will have messages.

        Args:
            topic: full name.
            type_name: such as `sensor_msgs/msg/JointState`, one of `typestore()`.
            offered: QoS of its publishers.
        """
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic, type_name, **definition(type_name), offered_qos_profiles=[offered]
            )
            self.counts[topic] = 0

    def write(self, topic: str, time: int, data: bytes) -> None:
        """Add one message.

        Args:
            topic: one that has joined.
            time: ns since 1970.
            data: as serialised by ROS 2 (CDR with its header).

        Raises:
            OSError: the disk is full or gone; `close` saves what was written before.
        """
        self._writer.write(self._connections[topic], time, data)
        self._whole = self._file.tell()
        self.counts[topic] += 1
        self.size += len(data) + _RECORD_BYTES

    def close(self) -> None:
        """Write the index and the metadata, so that the bag can be read.

        What the last `write` left of a part that did not fit is cut off first; that part is then written again.

        Raises:
            OSError: not even that could be written. The bag's beginning is there, without an index.
        """
        try:
            self._reserve.unlink(missing_ok=True)
            self._file.seek(self._whole)
            self._file.truncate()
            self._writer.close()
        except OSError:
            self._abandon()
            raise

    def _abandon(self) -> None:
        with contextlib.suppress(OSError):
            self._reserve.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._file.close()
