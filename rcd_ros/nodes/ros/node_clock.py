"""A node's clock in nanoseconds, read in a fraction of a microsecond where no simulator drives it."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.clock import ROSClock
from rclpy.node import Node


def node_clock(node: Node) -> Callable[[], int]:
    """A function that returns the time (ns) of `node`'s clock.

    `Clock.now` makes three Python objects for a number. Without simulated time the clock of a node is the system's.
    """
    clock = node.get_clock()
    if not isinstance(clock, ROSClock):
        return lambda: int(clock.now().nanoseconds)

    def now() -> int:
        return int(clock.now().nanoseconds) if clock.ros_time_is_active else time.time_ns()

    return now
