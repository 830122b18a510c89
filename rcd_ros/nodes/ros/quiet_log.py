"""Warnings that log each reason once in a period, whatever other reasons come between."""

from __future__ import annotations

import re
import threading
import time
from typing import Protocol

PERIOD_S = 5.0
_MOST = 200
"""Reasons that are kept: texts from outside may vary without limit."""
_NUMBER = re.compile(r"(?<![A-Za-z_/])[-+]?\d+(\.\d+)?(e[-+]?\d+)?")


class Logger(Protocol):
    """What is needed of a node's logger."""

    def warning(self, message: str, /) -> object:
        """Log a warning."""


def reason_of(text: str) -> str:
    """A message without its numbers."""
    return _NUMBER.sub("#", text)


class QuietLog:
    """Logs through a node's logger. Any thread may call it.

    rclpy's own throttling is by line of code: there two reasons from one line hide each other.
    """

    def __init__(self, logger: Logger, period: float = PERIOD_S) -> None:
        """Log a reason at most once in `period` seconds."""
        self._logger, self._period = logger, period
        self._access = threading.Lock()
        self._said: dict[str, float] = {}
        self._once: set[str] = set()

    def warning(self, text: str) -> bool:
        """Log a warning unless its reason was logged within the period; whether it was logged."""
        reason, now = reason_of(text), time.monotonic()
        with self._access:
            if now - self._said.get(reason, -self._period) < self._period:
                return False
            if len(self._said) >= _MOST:
                self._said = {known: moment for known, moment in self._said.items() if now - moment < self._period}
                if len(self._said) >= _MOST:
                    return False
            self._said[reason] = now
        self._logger.warning(text)
        return True

    def once(self, text: str) -> bool:
        """Log a warning unless its reason was logged since `forget`; whether it was logged."""
        reason = reason_of(text)
        with self._access:
            if reason in self._once or len(self._once) >= _MOST:
                return False
            self._once.add(reason)
        self._logger.warning(text)
        return True

    def forget(self) -> None:
        """`once` may log every reason again."""
        with self._access:
            self._once.clear()
