"""Timers, on real or simulated time."""

from __future__ import annotations

from collections.abc import Callable

from rcd_ros.ros.embedded.clock import Clock


class Timer:
    """Calls back once a period. Periods that were missed are skipped, never made up for."""

    def __init__(self, period_nanoseconds: int, callback: Callable[[], None], clock: Clock) -> None:
        self.timer_period_ns = period_nanoseconds
        self.callback = callback
        self.clock = clock
        self._canceled = False
        self.reset()

    def reset(self) -> None:
        """Start a new period now; revives a cancelled timer."""
        self._canceled = False
        self._was_simulated = self.clock.is_simulated
        self._next = self.clock.timer_nanoseconds() + self.timer_period_ns

    def cancel(self) -> None:
        """Call back no more."""
        self._canceled = True

    def is_canceled(self) -> bool:
        """Whether it was cancelled."""
        return self._canceled

    def is_ready(self) -> bool:
        """Whether it is due."""
        return not self._canceled and self._remaining() <= 0

    def take(self) -> Callable[[], None] | None:
        """The call that serves it, if it is due."""
        return self.call if self.is_ready() else None

    def nanoseconds_to_wait(self) -> int | None:
        """Real time until it is due; None when only a message on `/clock` (or nothing) can bring that about."""
        remaining = self._remaining()
        return None if self._canceled or self.clock.is_simulated else max(remaining, 0)

    def call(self) -> None:
        """Begin the next period and call back."""
        late = self.clock.timer_nanoseconds() - self._next
        self._next += (late // self.timer_period_ns + 1) * self.timer_period_ns if self.timer_period_ns else 0
        self.callback()

    def _remaining(self) -> int:
        now = self.clock.timer_nanoseconds()
        jumped_back = self._next - now > self.timer_period_ns
        if jumped_back or self._was_simulated != self.clock.is_simulated:
            self._was_simulated = self.clock.is_simulated
            self._next = now + self.timer_period_ns
        return self._next - now
