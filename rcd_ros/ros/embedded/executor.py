"""The executor: waits until a message, a request, a reply or a timer needs attention, and runs its callback."""

from __future__ import annotations

import operator
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cyclonedds.core import WaitSet
from cyclonedds.util import duration

from rcd_ros.ros.embedded.context import Context, ExternalShutdownException, get_default_context
from rcd_ros.ros.embedded.future import Future
from rcd_ros.ros.embedded.time import NANOSECONDS
from rcd_ros.ros.embedded.timer import Timer
from rcd_ros.ros.embedded.topics import Subscription, Work

if TYPE_CHECKING:
    from rcd_ros.ros.embedded.node import Node
    from rcd_ros.ros.embedded.sources import Source

_FOREVER = duration(infinite=True)


class SingleThreadedExecutor:
    """Runs the callbacks of its nodes one after another in the thread that spins.

    It sleeps in a DDS wait set until data arrive or the next timer is due; it never polls. When it wakes it looks at
    the subscriptions first.
    """

    def __init__(self, *, context: Context | None = None) -> None:
        self.context = context or get_default_context()
        self._nodes: list[Node] = []
        self._turn = 0
        self._guard = self.context.add_guard()
        self._waitset: WaitSet | None = None
        self._parts: list[Sequence[Source]] = []
        self._sources: list[Source] = []

    def add_node(self, node: Node) -> bool:
        """Serve this node too, which its executor before no longer does; False when it is served already."""
        if node in self._nodes:
            return False
        if node.executor is not None:
            node.executor.remove_node(node)
        self._nodes.append(node)
        node.executor = self
        self.wake()
        return True

    def remove_node(self, node: Node) -> None:
        """Serve this node no longer."""
        if node in self._nodes:
            self._nodes.remove(node)
            node.executor = None
            self.wake()

    def get_nodes(self) -> list[Node]:
        """The nodes served."""
        return list(self._nodes)

    def wake(self) -> None:
        """Make a waiting `spin` look around."""
        self._guard.set(True)

    def spin(self) -> None:
        """Run callbacks until the runtime is shut down.

        Raises:
            ExternalShutdownException: it was shut down while spinning.
        """
        while True:
            self.spin_once()

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Run one callback, waiting for it at most `timeout_sec` (forever when None or negative)."""
        forever = timeout_sec is None or timeout_sec < 0
        deadline = None if forever else time.monotonic_ns() + round((timeout_sec or 0.0) * NANOSECONDS)
        while (work := self._next_work()) is None:
            if deadline is not None and time.monotonic_ns() >= deadline:
                return
            self._wait(deadline)
        work()

    def spin_until_future_complete(self, future: Future, timeout_sec: float | None = None) -> None:
        """Run callbacks until the future is done or the timeout has passed."""
        deadline = None if timeout_sec is None else time.monotonic() + timeout_sec
        while not future.done():
            remaining = None if deadline is None else deadline - time.monotonic()
            if remaining is not None and remaining <= 0:
                return
            self.spin_once(remaining)

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Let go of all nodes."""
        for node in self.get_nodes():
            self.remove_node(node)
        self._waitset = None
        self.context.remove_guard(self._guard)
        return True

    def _next_work(self) -> Work | None:
        """One piece of work; the sources take turns, so that a busy one cannot starve the others."""
        if not self.context.ok():
            raise ExternalShutdownException
        sources = self._current_sources()
        # To ask every reader takes longer than to ask once whether any of them has something, and this call lets the
        # process's other threads at the interpreter.
        news = self._current_waitset().wait(0) > 0
        for index in range(len(sources)):
            turn = (self._turn + index) % len(sources)
            source = sources[turn]
            if (news or isinstance(source, Timer)) and (work := source.take()) is not None:
                self._turn = turn + 1
                return work
        self._turn = 0
        return None

    def _current_sources(self) -> list[Source]:
        """What the nodes have; they replace their lists when something comes or goes."""
        parts: list[Sequence[Source]] = [part for node in self._nodes for part in (node.waitables, node.timers)]
        if len(parts) != len(self._parts) or not all(map(operator.is_, parts, self._parts)):
            everything = [source for part in parts for source in part]
            self._sources = sorted(everything, key=lambda source: not isinstance(source, Subscription))
            self._parts, self._waitset, self._turn = parts, None, 0
        return self._sources

    def _wait(self, deadline: int | None) -> None:
        """Sleep until an entity has news, somebody wakes us, a timer is due or the deadline (monotonic ns) is here."""
        waits = (timer.nanoseconds_to_wait() for node in self._nodes for timer in node.timers)
        delays = [wait for wait in waits if wait is not None]
        if deadline is not None:
            delays.append(max(deadline - time.monotonic_ns(), 0))
        self._current_waitset().wait(min(delays, default=_FOREVER))
        self._guard.take()

    def _current_waitset(self) -> WaitSet:
        self._current_sources()
        if self._waitset is None:
            self._waitset = WaitSet(self.context.participant)
            for condition in [
                self._guard,
                *(waitable.condition for node in self._nodes for waitable in node.waitables),
            ]:
                self._waitset.attach(condition)
        return self._waitset
