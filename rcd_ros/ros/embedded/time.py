"""Points in time and spans of time, with rclpy's names and meanings. Integer nanoseconds inside."""

from __future__ import annotations

import enum
import functools
from typing import Any

from rcd_ros.ros.embedded.messages import message_class

NANOSECONDS = 1_000_000_000


class ClockType(enum.IntEnum):
    """Which clock a time was read from; times of different clocks cannot be compared."""

    ROS_TIME = 1
    SYSTEM_TIME = 2
    STEADY_TIME = 3


@functools.total_ordering
class Duration:
    """A span of time, `seconds` plus `nanoseconds`."""

    def __init__(self, *, seconds: float = 0, nanoseconds: int = 0) -> None:
        self.nanoseconds = _to_nanoseconds(seconds) + int(nanoseconds)

    @classmethod
    def from_msg(cls, msg: Any) -> Duration:
        """From a builtin_interfaces/Duration."""
        return cls(nanoseconds=msg.sec * NANOSECONDS + msg.nanosec)

    def to_msg(self) -> Any:
        """As a builtin_interfaces/Duration."""
        seconds, nanoseconds = divmod(self.nanoseconds, NANOSECONDS)
        return message_class("builtin_interfaces/msg/Duration")(sec=seconds, nanosec=nanoseconds)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.nanoseconds == other.nanoseconds

    def __lt__(self, other: Duration) -> bool:
        return self.nanoseconds < other.nanoseconds

    def __hash__(self) -> int:
        return hash(self.nanoseconds)

    def __repr__(self) -> str:
        return f"Duration(nanoseconds={self.nanoseconds})"


@functools.total_ordering
class Time:
    """A point in time on one clock."""

    def __init__(
        self, *, seconds: float = 0, nanoseconds: int = 0, clock_type: ClockType = ClockType.SYSTEM_TIME
    ) -> None:
        self.nanoseconds = _to_nanoseconds(seconds) + int(nanoseconds)
        self.clock_type = clock_type
        if self.nanoseconds < 0:
            raise ValueError(f"a Time cannot be negative, got {self.nanoseconds} ns")

    @classmethod
    def from_msg(cls, msg: Any, clock_type: ClockType = ClockType.ROS_TIME) -> Time:
        """From a builtin_interfaces/Time."""
        return cls(nanoseconds=msg.sec * NANOSECONDS + msg.nanosec, clock_type=clock_type)

    def to_msg(self) -> Any:
        """As a builtin_interfaces/Time."""
        seconds, nanoseconds = self.seconds_nanoseconds()
        return message_class("builtin_interfaces/msg/Time")(sec=seconds, nanosec=nanoseconds)

    def seconds_nanoseconds(self) -> tuple[int, int]:
        """Whole seconds and the rest in nanoseconds."""
        return divmod(self.nanoseconds, NANOSECONDS)

    def __add__(self, other: Duration) -> Time:
        if not isinstance(other, Duration):
            return NotImplemented
        return Time(nanoseconds=self.nanoseconds + other.nanoseconds, clock_type=self.clock_type)

    def __sub__(self, other: Any) -> Any:
        if isinstance(other, Time):
            self._same_clock(other)
            return Duration(nanoseconds=self.nanoseconds - other.nanoseconds)
        if isinstance(other, Duration):
            return Time(nanoseconds=self.nanoseconds - other.nanoseconds, clock_type=self.clock_type)
        return NotImplemented

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        self._same_clock(other)
        return self.nanoseconds == other.nanoseconds

    def __lt__(self, other: Time) -> bool:
        self._same_clock(other)
        return self.nanoseconds < other.nanoseconds

    def __hash__(self) -> int:
        return hash((self.nanoseconds, self.clock_type))

    def __repr__(self) -> str:
        return f"Time(nanoseconds={self.nanoseconds}, clock_type={self.clock_type.name})"

    def _same_clock(self, other: Time) -> None:
        if self.clock_type != other.clock_type:
            raise TypeError(f"times of different clocks: {self.clock_type.name} and {other.clock_type.name}")


def _to_nanoseconds(seconds: float) -> int:
    return round(seconds * NANOSECONDS) if isinstance(seconds, float) else int(seconds) * NANOSECONDS
