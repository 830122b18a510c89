"""Real time: the timer that drives a simulation by the wall clock, and whether the simulation keeps up with it."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.clock import Clock
from rclpy.node import Node

HELD = 0.99
"""Share of the asked speed that counts as holding it."""


class Pace:
    """Statistics of a timer with two ticks a control period, which skips ticks that it has missed, as ROS timers do.

    A tick that is late by less than half a period shifts no later tick; a plan has that much less time to arrive. One
    that is later shifts all that follow: the simulated time stood still. Such a period is an overrun. Overruns favour
    a slow planner, so results with many of them are no results for the speed that was asked for.
    """

    def __init__(self, control_period: float, speed: float) -> None:
        """Expect a control period (s) every `control_period / speed` s."""
        self.periods = 0
        self.overruns = 0
        self._control_period = control_period
        self._asked = speed
        self._tick = 0.5 * control_period / speed
        self._wall = 0.0
        self._last = self._due = 0.0

    def begin(self, now: float) -> None:
        """Simulated time runs from `now` (s) on: at an episode's first observation, or after a pause."""
        self._last, self._due = now, now + 2.0 * self._tick

    def end_period(self, now: float) -> None:
        """A control period has ended at `now` (s)."""
        skipped = max(0, int((now - self._due) / self._tick))
        self.overruns += skipped > 0
        self.periods += 1
        self._wall += now - self._last
        self._last, self._due = now, self._due + (2 + skipped) * self._tick

    @property
    def speed(self) -> float | None:
        """Simulated seconds a second while time ran; None before the first period."""
        return self.periods * self._control_period / self._wall if self._wall > 0.0 else None

    @property
    def is_held(self) -> bool:
        """Whether the speed is reached that was asked for; true before the first period."""
        return self.speed is None or self.speed >= HELD * self._asked

    @property
    def problem(self) -> str:
        """That the speed is not held, as a sentence; empty when it is."""
        if self.speed is None or self.is_held:
            return ""
        return (
            f"this machine simulates at {self.speed:.3g} times real time instead of {self._asked:g} times "
            f"({self.overruns} of {self.periods} periods began late): choose a lower speed"
        )

    def values(self) -> dict[str, float | None]:
        """Keys and values, for a diagnostic status or a results file."""
        speed = self.speed
        return {
            "periods": self.periods,
            "overruns": self.overruns,
            "speed_reached": None if speed is None else round(speed, 4),
            "speed_held": self.is_held,
        }


class RealtimeTicker:
    """Ticks in the middle of each control period and at its end; `pace` has the statistics."""

    def __init__(self, node: Node, wall: Clock, control_period: float, speed: float, tick: Callable[[], None]) -> None:
        """Call `tick` every `control_period / (2 * speed)` s of the clock `wall`."""
        self._node, self._wall, self._tick = node, wall, tick
        self._control_period = control_period
        self._start(speed)

    def set_speed(self, speed: float) -> None:
        """Run at another speed from now on, with new statistics."""
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
