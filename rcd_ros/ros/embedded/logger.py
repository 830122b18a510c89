"""A node's logger: ROS 2's line format on stderr, with `once` and `throttle_duration_sec`."""

from __future__ import annotations

import enum
import sys
import time


class LoggingSeverity(enum.IntEnum):
    """Severities, numbered as in ROS 2."""

    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50


class Logger:
    """Writes `[INFO] [seconds] [node]: text` lines; `once` and the throttle count for each line of code."""

    def __init__(self, name: str, level: LoggingSeverity = LoggingSeverity.INFO) -> None:
        self.name = name
        self._level = level
        self._last_written: dict[tuple[str, int], float] = {}

    def debug(self, message: str, *, once: bool = False, throttle_duration_sec: float | None = None) -> bool:
        """Write at DEBUG; returns whether the line was written."""
        return self._log(LoggingSeverity.DEBUG, message, once, throttle_duration_sec)

    def info(self, message: str, *, once: bool = False, throttle_duration_sec: float | None = None) -> bool:
        """Write at INFO; returns whether the line was written."""
        return self._log(LoggingSeverity.INFO, message, once, throttle_duration_sec)

    def warning(self, message: str, *, once: bool = False, throttle_duration_sec: float | None = None) -> bool:
        """Write at WARN; returns whether the line was written."""
        return self._log(LoggingSeverity.WARN, message, once, throttle_duration_sec)

    warn = warning

    def error(self, message: str, *, once: bool = False, throttle_duration_sec: float | None = None) -> bool:
        """Write at ERROR; returns whether the line was written."""
        return self._log(LoggingSeverity.ERROR, message, once, throttle_duration_sec)

    def fatal(self, message: str, *, once: bool = False, throttle_duration_sec: float | None = None) -> bool:
        """Write at FATAL; returns whether the line was written."""
        return self._log(LoggingSeverity.FATAL, message, once, throttle_duration_sec)

    def _log(self, severity: LoggingSeverity, message: str, once: bool, throttle: float | None) -> bool:
        if severity < self._level:
            return False
        if once or throttle is not None:
            frame = sys._getframe(2)
            site = (frame.f_code.co_filename, frame.f_lineno)
            last, now = self._last_written.get(site), time.monotonic()
            if last is not None and (once or now - last < (throttle or 0.0)):
                return False
            self._last_written[site] = now
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        sys.stderr.write(f"[{severity.name}] [{seconds}.{nanoseconds:09d}] [{self.name}]: {message}\n")
        sys.stderr.flush()
        return True
