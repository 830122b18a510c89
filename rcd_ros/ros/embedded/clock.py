"""Clocks: system, steady, and ROS time, which follows `/clock` when `use_sim_time` is set."""

from __future__ import annotations

import time

from rcd_ros.ros.embedded.time import ClockType, Time


class Clock:
    """A source of `Time`. A ROS clock reads the system's time until a simulated time is set."""

    def __init__(self, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> None:
        self.clock_type = clock_type
        self._simulated: int | None = None

    def now(self) -> Time:
        """The time now on this clock; 0 while a simulated clock has not spoken yet."""
        if self._simulated is not None:
            return Time(nanoseconds=self._simulated, clock_type=self.clock_type)
        nanoseconds = time.monotonic_ns() if self.clock_type == ClockType.STEADY_TIME else time.time_ns()
        return Time(nanoseconds=nanoseconds, clock_type=self.clock_type)

    @property
    def is_simulated(self) -> bool:
        """Whether time comes from `/clock`: then it may stand still or jump back."""
        return self._simulated is not None

    def set_simulated(self, nanoseconds: int | None) -> None:
        """Follow simulated time (None: the system's again). The node's time source calls it."""
        self._simulated = nanoseconds

    def timer_nanoseconds(self) -> int:
        """What timers count by: simulated time, else a clock that no clock adjustment can stop."""
        return time.monotonic_ns() if self._simulated is None else self._simulated
