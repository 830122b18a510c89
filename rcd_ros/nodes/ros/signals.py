"""An orderly end on SIGINT and SIGTERM, between two callbacks and while everything can still be published."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

_Handler = Callable[[int, FrameType | None], object] | int | None
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_REPEATS_S = 3.0
"""A terminal, a service manager and a launcher may each pass the same wish on to a process: on a busy machine
`ros2 launch` does so more than a second after the terminal. It escalates after 5 s."""


class SignalHandling:
    """Turns the first SIGINT or SIGTERM into a call of `end`; one after `_REPEATS_S` has its default effect.

    Python runs its handlers only between bytecodes, and a DDS wait is one long call into C. So a thread sleeps on the
    descriptor that the interpreter writes to when a signal arrives, and calls `end`, which has to wake what waits.
    """

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        self._previous_fd = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        self._first: float | None = None
        self._previous: dict[int, _Handler] = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        self._thread = threading.Thread(target=self._forward, name="signals", daemon=True)
        self._thread.start()
        # A library that forks (OpenVINO's telemetry does, and ends its child by SIGTERM) passes handlers and descriptor
        # on: the child's signals would arrive here.
        os.register_at_fork(after_in_child=_forget_handlers)

    @property
    def received(self) -> bool:
        """Whether a signal has come; known in the main thread before `end` is called in the other one."""
        return self._first is not None

    def restore(self) -> None:
        """Put the previous handlers back; after a signal, only once its repeats are over."""
        if threading.current_thread() is threading.main_thread():
            if self._first is None:
                self._restore_handlers()
            signal.set_wakeup_fd(self._previous_fd)
        os.close(self._write_end)  # ends the thread
        self._thread.join(timeout=1.0)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        self._first = self._first or now
        if now - self._first > _REPEATS_S:
            self._restore_handlers()
            os.kill(os.getpid(), number)

    def _restore_handlers(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def _forward(self) -> None:
        for numbers in self._arrivals():
            if not numbers.isdisjoint(_SIGNALS):
                self._end()
        os.close(self._read_end)

    def _arrivals(self) -> Iterator[set[int]]:
        while received := os.read(self._read_end, 64):
            yield set(received)


def _forget_handlers() -> None:
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)


def ignore_signals() -> None:
    """Let SIGINT and SIGTERM have no effect, for the rest of a process that is ending."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
