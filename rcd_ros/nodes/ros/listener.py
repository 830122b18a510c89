"""Takes serialised messages in a thread of its own, by a wait set that is kept.

rclpy's executors gather all entities of a node and make a wait set for every callback, which takes longer than a small
network. A `Listener` waits for its few subscriptions alone, in their own thread, and hands over bytes; everything else
of the node (parameters, services, timers) stays with the node's executor.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

from rclpy.callback_groups import CallbackGroup
from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions

if TYPE_CHECKING:
    from rclpy.subscription import Subscription
    from rclpy.type_support import MsgT

_log = logging.getLogger(__name__)

PATIENCE_S = 2.0
"""How long `close` waits for a callback."""
_LOOK_NS = 500_000_000
"""How often the thread looks whether rclpy was shut down, when nothing comes."""


class Idle(Protocol):
    """Something to do in the listener's thread between two messages."""

    def pause(self) -> float:
        """s until `rehearse` is to be called; infinity: not before another message has come."""

    def rehearse(self) -> None:
        """Do what is due."""


class _Unserved(CallbackGroup):
    """Keeps its entities from every executor."""

    def can_execute(self, entity: object) -> bool:
        return False

    def beginning_execution(self, entity: object) -> bool:
        return False

    def ending_execution(self, entity: object) -> None:
        pass


class Listener:
    """Subscriptions of a node that are served by a thread of their own.

    Callbacks get serialised messages, one at a time, in the listener's thread. A callback that raises ends the
    listening: `failure` keeps what it raised.

    Attributes:
        failure: what a callback raised, None while all is well.
    """

    def __init__(self, node: Node, name: str = "listening", idle: Idle | None = None) -> None:
        """Make a listener without subscriptions; `name` is the thread's, `idle` what it does between messages."""
        self.failure: BaseException | None = None
        self._node = node
        self._idle = idle
        self._group = _Unserved()
        self._subscriptions: list[tuple[Subscription[Any], Callable[[bytes], None]]] = []
        self._closing = False
        handle = node.context.handle
        assert handle is not None, "rclpy is initialised where there is a node"
        self._context = handle
        with self._context:
            self._wake = _rclpy.GuardCondition(self._context)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def subscribe(
        self,
        message_type: type[MsgT],
        topic: str,
        callback: Callable[[bytes], None],
        qos: QoSProfile | int,
        overriding: QoSOverridingOptions | None = None,
    ) -> Subscription[MsgT]:
        """Subscribe before `start`; returns rclpy's subscription."""
        raw = cast("Callable[[MsgT], None]", callback)
        subscription = self._node.create_subscription(
            message_type, topic, raw, qos, callback_group=self._group, qos_overriding_options=overriding, raw=True
        )
        self._subscriptions.append((subscription, callback))
        return subscription

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening, and destroy the subscriptions; a second call does nothing.

        A callback that does not return is left behind after `PATIENCE_S`: the thread is a daemon.
        """
        if self._closing:
            return
        self._closing = True
        with self._wake:
            self._wake.trigger_guard_condition()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(PATIENCE_S)
        for subscription, _ in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._wake.destroy_when_not_in_use()

    def _run(self) -> None:
        try:
            self._listen()
        except BaseException as failure:
            self.failure = failure
            if self._context.ok():
                _log.exception("listening has failed")

    def _listen(self) -> None:
        subscriptions = [
            (subscription.handle, subscription.msg_type, callback) for subscription, callback in self._subscriptions
        ]
        handles = [handle for handle, _, _ in subscriptions]
        by_pointer = {handle.pointer: (handle.take_message, kind, call) for handle, kind, call in subscriptions}
        idle = self._idle
        with self._context:
            wait_set = _rclpy.WaitSet(len(handles), 1, 0, 0, 0, 0, self._context)
            while not self._closing and self._context.ok():
                wait_set.clear_entities()  # waiting empties it; the memory is kept
                for handle in handles:
                    wait_set.add_subscription(handle)
                wait_set.add_guard_condition(self._wake)
                pause = _LOOK_NS if idle is None else round(1e9 * min(max(idle.pause(), 0.0), 1e-9 * _LOOK_NS))
                wait_set.wait(pause)
                ready = wait_set.get_ready_entities("subscription")
                if not ready and idle is not None and idle.pause() <= 0.0:
                    idle.rehearse()
                for pointer in ready:
                    take, kind, callback = by_pointer[pointer]
                    taken = take(kind, True)
                    if taken is not None:
                        callback(cast("bytes", taken[0]))
