"""Background throttling: a checkpoint is loaded in small pieces beside a running planner.

A thread that needs a core for a fraction of a millisecond waits until the running thread sleeps or has used its time
slice of some milliseconds. A throttled thread therefore sleeps after each piece of about a millisecond; in other
threads the same work runs without pauses.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PAUSE_S = 0.001

_thread = threading.local()


@contextmanager
def throttled() -> Iterator[None]:
    """Throttle this thread: each call of `pause` in its work sleeps."""
    _thread.throttled = True
    try:
        yield
    finally:
        _thread.throttled = False


def pause() -> None:
    """Yield the core between two pieces of work in a throttled thread; does nothing in other threads."""
    if getattr(_thread, "throttled", False):
        time.sleep(PAUSE_S)
