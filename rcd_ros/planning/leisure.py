"""Work that takes its time: a checkpoint is loaded in small pieces beside a planner that plans.

Whoever needs a core for a fraction of a millisecond waits until who has it has used up a turn of some milliseconds, or
pauses. So a thread that works at leisure pauses after each piece of about a millisecond; elsewhere the same work is
done in one go.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PAUSE_S = 0.001

_thread = threading.local()


@contextmanager
def at_leisure() -> Iterator[None]:
    """Let this thread pause wherever its work says `pause`."""
    _thread.at_leisure = True
    try:
        yield
    finally:
        _thread.at_leisure = False


def pause() -> None:
    """Let others go first, between two pieces of work, in a thread that works at leisure; nothing happens elsewhere."""
    if getattr(_thread, "at_leisure", False):
        time.sleep(PAUSE_S)
