"""Messages as serialised bytes with the moment they were sent: what a recorder needs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.subscription import Subscription

if TYPE_CHECKING:
    from rclpy.type_support import Msg, MsgT

_log = logging.getLogger(__name__)

_LONGEST_WAY_NS = 500_000_000


def subscribe_raw(
    node: Node, message_type: type[MsgT], topic: str, callback: Callable[[bytes, int], None], qos: QoSProfile
) -> Subscription[MsgT]:
    """Call back with every message of a topic as (serialised bytes, time in ns since 1970).

    The time is that of sending: messages of different topics keep their true order however late they are taken. It is
    that of receiving where a message took longer than half a second or the sender's clock disagrees with this
    machine's, and that of taking with ROS 2 Humble, whose rclpy does not report it. No message of a topic is given an
    earlier time than the one before it.
    """
    newest = 0

    def with_times(data: bytes, times: Mapping[str, int]) -> None:
        nonlocal newest
        received = int(times["received_timestamp"]) or time.time_ns()
        # A clock that was set back must not hold all that follows at one time.
        newest = max(_moment(int(times["source_timestamp"]), received), min(newest, received))
        callback(data, newest)

    def alone(data: bytes) -> None:
        callback(data, time.time_ns())

    # rclpy looks at how many arguments it takes
    chosen = cast("Callable[[MsgT], None]", with_times if _tells_times() else alone)
    return node.create_subscription(message_type, topic, chosen, qos, raw=True)


def what_waits(subscription: Subscription[MsgT]) -> list[Callable[[], None]]:
    """The calls that hand over what a subscription of `subscribe_raw` has received, taken though nothing spins."""
    return list(iter(partial(_next_call, subscription), None))


def serialize(message: Msg) -> bytes:
    """A message as it goes over the wire, with its encapsulation header; publishers take it in the message's place."""
    return bytes(serialize_message(message))


def deserialize(message_type: type[MsgT], data: bytes) -> MsgT | None:
    """The message that went over the wire as `data`; None when it cannot be read as one of this type."""
    try:
        return deserialize_message(data, message_type)
    except Exception as error:  # what is raised depends on the middleware and on where the bytes go wrong
        _log.debug("%d bytes are no %s: %s", len(data), message_type.__name__, error)
        return None


def _moment(sent: int, received: int) -> int:
    return sent if received - _LONGEST_WAY_NS <= sent <= received else received


def _tells_times() -> bool:
    return hasattr(Subscription, "CallbackType")


def _next_call(subscription: Subscription[MsgT]) -> Callable[[], None] | None:
    with subscription.handle:
        taken = subscription.handle.take_message(subscription.msg_type, True)
    return None if taken is None else partial(subscription.callback, *(taken if _tells_times() else taken[:1]))
