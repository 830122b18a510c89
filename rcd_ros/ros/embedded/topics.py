"""Publishers and subscriptions."""

from __future__ import annotations

import inspect
import logging
import struct
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from cyclonedds.core import InstanceState, ReadCondition, SampleState, ViewState
from cyclonedds.domain import DomainParticipant
from cyclonedds.internal import InvalidSample
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic

from rcd_ros.ros.embedded import definitions, names
from rcd_ros.ros.embedded.domain import delete
from rcd_ros.ros.embedded.messages import check_message, raw_class, serialized_class
from rcd_ros.ros.embedded.qos import QoSProfile

_log = logging.getLogger(__name__)

Work = Callable[[], None]


class Publisher:
    """Writes messages of one type to one topic."""

    def __init__(self, participant: DomainParticipant, message_type: Any, full_name: str, qos: QoSProfile) -> None:
        self.msg_type = message_type
        self.topic_name = full_name
        user_data = f"typehash={definitions.type_hash(message_type.ros_type_name)};"
        self._serialized_type = serialized_class(message_type)
        self._writer = make_writer(participant, names.topic_on_wire(full_name), message_type, qos, user_data)
        self.readers: tuple[DataReader, ...] = ()
        self.writers = (self._writer,)

    def publish(self, message: Any) -> None:
        """Send a message, or the bytes of one as they go over the wire.

        Raises:
            TypeError: a value that ROS 2's message classes would refuse.
        """
        if isinstance(message, bytes):
            self._writer.write(self._serialized_type(message))
            return
        if not isinstance(message, self.msg_type):
            raise TypeError(f"'{self.topic_name}' carries {self.msg_type.ros_type_name}, not {type(message).__name__}")
        check_message(message)
        self._writer.write(message)

    def get_subscription_count(self) -> int:
        """Number of subscriptions that receive from here."""
        return len(self._writer.get_matched_subscriptions())

    def destroy(self) -> None:
        """Leave the topic."""
        delete(self._writer)


class Subscription:
    """Calls back with every message received from one topic.

    `raw` ones hand over the serialised bytes as they came. A callback of two arguments gets the times (ns since 1970)
    of sending and receiving as well: a dict with `source_timestamp` and `received_timestamp`.
    """

    def __init__(
        self,
        participant: DomainParticipant,
        message_type: Any,
        full_name: str,
        callback: Callable[..., None],
        qos: QoSProfile,
        raw: bool = False,
    ) -> None:
        self.msg_type = message_type
        self.topic_name = full_name
        self.callback = callback
        self.raw = raw
        self._wants_info = _takes_two(callback)
        user_data = f"typehash={definitions.type_hash(message_type.ros_type_name)};"
        self._reader, self.condition = make_reader(
            participant,
            names.topic_on_wire(full_name),
            raw_class(message_type) if raw else message_type,
            qos,
            user_data,
        )
        self.readers = (self._reader,)
        self.writers: tuple[DataWriter, ...] = ()

    def take(self) -> Work | None:
        """The call that handles the next received message, if there is one."""
        sample = take_one(self._reader)
        if sample is None:
            return None
        message = sample.data if self.raw else sample
        if not self._wants_info:
            return partial(self.callback, message)
        sent, received = sample.sample_info.source_timestamp, time.time_ns()
        return partial(self.callback, message, {"source_timestamp": sent, "received_timestamp": received})

    def destroy(self) -> None:
        """Leave the topic."""
        delete(self.condition)
        delete(self._reader)


def make_writer(
    participant: DomainParticipant, name: str, data_type: Any, qos: QoSProfile, user_data: str
) -> DataWriter:
    """A DDS writer with ROS 2's conventions."""
    return DataWriter(participant, Topic(participant, name, data_type), qos=qos.to_dds(user_data))


def make_reader(
    participant: DomainParticipant, name: str, data_type: Any, qos: QoSProfile, user_data: str
) -> tuple[DataReader, ReadCondition]:
    """A DDS reader with ROS 2's conventions, and the condition that says it has something new."""
    reader = DataReader(participant, Topic(participant, name, data_type), qos=qos.to_dds(user_data))
    return reader, ReadCondition(reader, SampleState.NotRead | ViewState.Any | InstanceState.Any)


def take_one(reader: DataReader) -> Any:
    """The next sample, or None; notices that a writer has gone, and samples that cannot be read, are passed over."""
    while True:
        try:
            samples = reader.take(1)
        except (struct.error, UnicodeDecodeError) as error:
            _log.warning("dropped a sample of %s that is not as its type says: %s", reader.topic.name, error)
            continue
        if not samples:
            return None
        if not isinstance(samples[0], InvalidSample):
            return samples[0]


def _takes_two(callback: Callable[..., None]) -> bool:
    """Whether a callback cannot be called with a message alone, as rclpy decides it."""
    try:
        signature = inspect.signature(callback)
    except ValueError:  # some functions written in C do not say
        return False
    try:
        signature.bind(object())
    except TypeError:
        return True
    return False
