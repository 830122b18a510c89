"""An orderly end on SIGINT and SIGTERM, between two callbacks and while everything can still be published."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class SignalHandling:
    """Turns the first SIGINT or SIGTERM into a call of `end`; a second one acts as if we were not here.

    Python runs its handlers only between bytecodes, and a DDS wait is one long call into C. So a thread sleeps on the
    descriptor that the interpreter writes to when a signal arrives, and calls `end`, which has to wake what waits.
    """

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        self._previous_fd = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        self._previous: dict[int, Any] = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        self._thread = threading.Thread(target=self._forward, name="signals", daemon=True)
        self._thread.start()

    def restore(self) -> None:
        """Put the previous handlers back."""
        if threading.current_thread() is threading.main_thread():
            self._restore_handlers()
            signal.set_wakeup_fd(self._previous_fd)
        os.close(self._write_end)  # ends the thread
        self._thread.join(timeout=1.0)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._restore_handlers()

    def _restore_handlers(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def _forward(self) -> None:
        for numbers in self._received():
            if not numbers.isdisjoint(_SIGNALS):
                self._end()
        os.close(self._read_end)

    def _received(self) -> Iterator[set[int]]:
        while received := os.read(self._read_end, 64):
            yield set(received)
