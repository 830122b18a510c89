"""Works on the newest item, one at a time; an item that a newer one overtakes is never worked on.

Quick work is done in the thread that offers the item: handing it over costs a switch between threads, and caches that
the other thread does not share. Work that takes longer is done in a thread of its own, so that the one that offers
items goes on taking messages.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")

REHEARSAL_S = 1.0e-3
"""How long before the next item is expected the work is rehearsed: enough to be done with it."""
SWITCH_S = 2.5e-4
"""How long a thread may keep Python's interpreter from one that wants to work; Python's own choice is 5 ms."""
QUICK_SHARE = 0.5
"""Share of the time from one item to the next up to which work counts as quick."""


class PlanningThread(Generic[Item]):
    """Calls `work(item)` and what is to run between two items; only one of them runs at a time."""

    def __init__(
        self, work: Callable[[Item], None], rehearse: Callable[[], None] | None = None, period: float = 0.0
    ) -> None:
        """Make the thread; it begins with `start`.

        Args:
            work: is called with the newest item.
            rehearse: is called `REHEARSAL_S` before the next item is expected, in the thread that worked on the last
                one: what ran since then has pushed code and weights out of the processor's caches, and a rehearsal
                brings them back in time.
            period: s from one item to the next.
        """
        self._work = work
        self._rehearse = rehearse
        self._period = period
        self._access = threading.Lock()
        self._busy = threading.Lock()
        self._waiting: Item | None = None
        self._calls: list[Callable[[], None]] = []
        self._closing = False
        self._wakeups: SimpleQueue[None] = SimpleQueue()
        self._failure: BaseException | None = None
        self._begun: float | None = None
        """When work on the last item began, until it is rehearsed."""
        self._worker = 0
        """Thread that worked on the last item."""
        self._offered = self._interval = 0.0
        """When the last item was offered, and how long after the one before it (s)."""
        self._span = math.inf
        """How long the last item was worked on (s)."""
        # A daemon: a planner that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="planning", daemon=True)

    def start(self) -> None:
        """Begin to work on what is offered; from now on the process's threads give way to each other quickly."""
        sys.setswitchinterval(SWITCH_S)
        self._thread.start()

    def offer(self, item: Item, wake: bool = True) -> bool:
        """Give it something newer to do.

        Args:
            item: to work on.
            wake: False: the caller goes on with `work_here`.

        Returns:
            Whether the item overtook one that was still waiting.
        """
        now = time.monotonic()
        self._interval, self._offered = now - self._offered, now
        with self._access:
            overtaken = self._waiting is not None
            self._waiting = item
        if wake and not overtaken:
            self._wakeups.put(None)
        return overtaken

    def work_here(self) -> None:
        """Work on the item that was offered, in the calling thread if that is quick and nothing else is in work."""
        quick = self._span <= QUICK_SHARE * min(self._interval, self._period)
        if not (quick and self._busy.acquire(blocking=False)):
            self._wakeups.put(None)
            return
        try:
            self._take_turn()
        finally:
            self._busy.release()

    def call(self, action: Callable[[], None]) -> None:
        """Run something between two items, before the one that waits."""
        with self._access:
            self._calls.append(action)
        self._wakeups.put(None)

    def wake(self) -> None:
        """Let the thread look at once whether there is something to do."""
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

    def pause(self) -> float:
        """s until the calling thread is to call `rehearse`; infinity: not before it has worked on another item."""
        begun = self._begun
        if self._rehearse is None or begun is None or self._worker != threading.get_ident():
            return math.inf
        return begun + self._period - REHEARSAL_S - time.monotonic()

    def rehearse(self) -> None:
        """Rehearse the work in the calling thread, unless something is in work."""
        self._begun = None
        if self._rehearse is not None and not self._closing and self._busy.acquire(blocking=False):
            try:
                self._rehearse()
            except BaseException as failure:
                self._fail(failure)
            finally:
                self._busy.release()

    def _run(self) -> None:
        while not self._closing:
            self._wait()
            with self._busy:
                self._take_turn()

    def _take_turn(self) -> None:
        """Run what was called and work on the item that waits."""
        if self._closing:
            return
        with self._access:
            item, self._waiting = self._waiting, None
            calls, self._calls = self._calls, []
        try:
            for action in calls:
                action()
            if item is not None:
                begun = time.monotonic()
                self._work(item)
                self._worker, self._span = threading.get_ident(), time.monotonic() - begun
                self._begun = begun if self._span < self._period - REHEARSAL_S else None
        except BaseException as failure:
            self._fail(failure)

    def _fail(self, failure: BaseException) -> None:
        self._failure, self._closing = failure, True
        self._wakeups.put(None)

    def _wait(self) -> None:
        """Wait for an item or a call; rehearse on the way if it is this thread's turn."""
        pause = self.pause()
        if pause < math.inf:
            try:
                return self._wakeups.get(timeout=max(pause, 0.0))
            except Empty:
                if self.pause() <= 0.0:
                    self.rehearse()
        self._wakeups.get()
