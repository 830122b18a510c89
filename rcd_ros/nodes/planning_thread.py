"""A thread that works on the newest item it is given; an item that a newer one overtakes is never worked on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

Item = TypeVar("Item")


class PlanningThread(Generic[Item]):
    """Calls `work(item)` outside the executor's callbacks, so that messages are taken in while a plan is made."""

    def __init__(self, work: Callable[[Item], None]) -> None:
        """Make the thread; it begins with `start`."""
        self._work = work
        self._access = threading.Lock()
        self._waiting: Item | None = None
        self._closing = False
        self._wakeups: SimpleQueue[None] = SimpleQueue()
        self._failure: BaseException | None = None
        # A daemon: a planner that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="planning", daemon=True)

    def start(self) -> None:
        """Begin to work on what is offered."""
        self._thread.start()

    def offer(self, item: Item) -> bool:
        """Give it something newer to do; returns whether that overtook an item that was still waiting."""
        with self._access:
            overtaken = self._waiting is not None
            self._waiting = item
        if not overtaken:
            self._wakeups.put(None)
        return overtaken

    def check(self) -> None:
        """Raise here what `work` has raised, if it has: the thread has ended with it."""
        if self._failure is not None:
            raise self._failure

    def close(self, patience: float) -> bool:
        """End the thread after the item in work, without the one that waits.

        Returns:
            Whether it has ended within `patience` seconds.
        """
        self._closing = True
        self._wakeups.put(None)
        if self._thread.is_alive():
            self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while True:
                self._wakeups.get()
                if self._closing:
                    return
                with self._access:
                    item, self._waiting = self._waiting, None
                if item is not None:
                    self._work(item)
        except BaseException as failure:
            self._failure = failure
