"""A thread that works on the newest item it is given; an item that a newer one overtakes is never worked on."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")

REHEARSAL_S = 1.5e-3
"""How long before the next item is expected the work is rehearsed: enough to be done with it."""
SWITCH_S = 2.5e-4
"""How long a thread may keep Python's interpreter from one that wants to work; Python's own choice is 5 ms."""


class PlanningThread(Generic[Item]):
    """Calls `work(item)` outside the executor's callbacks, so that messages are taken in while a plan is made."""

    def __init__(
        self, work: Callable[[Item], None], rehearse: Callable[[], None] | None = None, period: float = 0.0
    ) -> None:
        """Make the thread; it begins with `start`.

        Args:
            work: is called with the newest item.
            rehearse: is called `REHEARSAL_S` before the next item is expected: what ran since the last one has pushed
                code and weights out of the processor's caches, and a rehearsal brings them back in time.
            period: s from one item to the next.
        """
        self._work = work
        self._rehearse = rehearse
        self._period = period
        self._access = threading.Lock()
        self._waiting: Item | None = None
        self._calls: list[Callable[[], None]] = []
        self._closing = False
        self._wakeups: SimpleQueue[None] = SimpleQueue()
        self._failure: BaseException | None = None
        # A daemon: a planner that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="planning", daemon=True)

    def start(self) -> None:
        """Begin to work on what is offered; from now on the process's threads give way to each other quickly."""
        sys.setswitchinterval(SWITCH_S)
        self._thread.start()

    def offer(self, item: Item) -> bool:
        """Give it something newer to do; returns whether that overtook an item that was still waiting."""
        with self._access:
            overtaken = self._waiting is not None
            self._waiting = item
        if not overtaken:
            self._wakeups.put(None)
        return overtaken

    def call(self, action: Callable[[], None]) -> None:
        """Run something in the thread between two items, before the one that waits."""
        with self._access:
            self._calls.append(action)
        self._wakeups.put(None)

    @property
    def is_running(self) -> bool:
        """Whether it has begun and not ended."""
        return self._thread.is_alive()

    def set_period(self, period: float) -> None:
        """Another time (s) from one item to the next from now on."""
        self._period = period

    @property
    def failure(self) -> BaseException | None:
        """What `work` or a call has raised: the thread has ended with it."""
        return self._failure

    def close(self, patience: float) -> bool:
        """End the thread after the item in work, without the one that waits and without calls that were not run yet.

        Returns:
            Whether it has ended within `patience` seconds.
        """
        self._closing = True
        self._wakeups.put(None)
        if self.is_running:
            self._thread.join(patience)
        return not self.is_running

    def _run(self) -> None:
        try:
            begun = None
            while True:
                self._wait(begun)
                woken = time.monotonic()
                if self._closing:
                    return
                with self._access:
                    item, self._waiting = self._waiting, None
                    calls, self._calls = self._calls, []
                for action in calls:
                    action()
                if item is not None:
                    begun = woken
                    self._work(item)
        except BaseException as failure:
            self._failure = failure

    def _wait(self, begun: float | None) -> None:
        """Wait for an item; rehearse on the way when the last one, begun at `begun`, lies back long enough."""
        if self._rehearse is not None and begun is not None:
            pause = begun + self._period - REHEARSAL_S - time.monotonic()
            if pause > 0.0:
                try:
                    return self._wakeups.get(timeout=pause)
                except Empty:
                    self._rehearse()
        self._wakeups.get()
