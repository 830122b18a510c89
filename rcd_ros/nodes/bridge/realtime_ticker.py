"""Drives a simulation by the wall clock: two ticks a control period, at a speed that may change while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.clock import Clock
from rclpy.node import Node

from rcd_ros.nodes.bridge.pace import Pace


class RealtimeTicker:
    """Ticks in the middle of each control period and at its end, and keeps the books of them (`pace`)."""

    def __init__(self, node: Node, wall: Clock, control_period: float, speed: float, tick: Callable[[], None]) -> None:
        """Call `tick` every half `control_period` (s) of a time that runs `speed` times faster than life."""
        self._node, self._wall, self._tick = node, wall, tick
        self._control_period = control_period
        self._start(speed)

    def set_speed(self, speed: float) -> None:
        """Run at another speed from now on; the books begin anew."""
        self._node.destroy_timer(self._timer)
        self._start(speed)
        self.begin()

    def begin(self) -> None:
        """A control period begins now."""
        self._timer.reset()
        self.pace.begin(time.monotonic())

    def end_period(self) -> None:
        """A control period ends now."""
        self.pace.end_period(time.monotonic())

    def _start(self, speed: float) -> None:
        self.speed = speed
        self.pace = Pace(self._control_period, speed)
        self._timer = self._node.create_timer(0.5 * self._control_period / speed, self._tick, clock=self._wall)
