"""When observations may and should be planned on: their age, and their rate. No ROS, no threads, no waiting.

A message's age is its age at receipt (receipt less stamp, on the node's clock) plus the time since then. The time
since is measured on a steady clock. A jump of the node's clock therefore neither makes fresh messages old nor keeps old
ones fresh. With a simulator the time since is simulated time: while it stands still nothing ages; after a jump or a
restart only the time that passes afterwards counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_JUMP_NS = 1_000_000_000
"""A simulated clock that gains more than this at once has jumped."""


@dataclass(frozen=True)
class _Received:
    """A topic's newest message: its stamp, how old it was when it came, and the elapsed time at that moment; ns."""

    stamp: int
    delay: int
    elapsed: int


class ObservationWatch:
    """Records when each topic's newest usable message arrived; times are in ns of the node's and of a steady clock."""

    def __init__(self, limits: Mapping[str, int], simulated: bool) -> None:
        """Watch topics whose greatest ages are `limits` (ns); `simulated`: the node's clock is a simulator's."""
        self._limits = dict(limits)
        self._simulated = simulated
        self._received: dict[str, _Received] = {}
        self._now: int | None = None
        self._steady = 0
        self._moved = 0
        self._elapsed = 0

    def set_limits(self, limits: Mapping[str, int]) -> None:
        """Sets the greatest ages (ns) for later checks."""
        self._limits = dict(limits)

    def received(self, topic: str, stamp: int, now: int, steady: int) -> None:
        """Record a usable message with this stamp; a repeated stamp is ignored."""
        self.tick(now, steady)
        last = self._received.get(topic)
        if last is None or last.stamp != stamp:
            self._received[topic] = _Received(stamp, now - stamp if now else 0, self._elapsed)

    def tick(self, now: int, steady: int) -> None:
        """Update the elapsed time."""
        if self._now is None:
            self._now, self._steady, self._moved = now, steady, steady
        if self._simulated:
            passed = now - self._now
            self._elapsed += passed if 0 < passed <= _JUMP_NS else 0
        else:
            self._elapsed += steady - self._steady
        if now != self._now:
            self._moved = steady
            if self._simulated:
                self._catch_up(now)
        self._now, self._steady = now, steady

    def _catch_up(self, now: int) -> None:
        """Judge messages that came before their time on the clock by the clock as it is now.

        A simulator publishes its clock and its observations on different topics: either may arrive first, and after a
        jump of the clock the observation seems to come from the future until the clock has arrived as well.
        """
        for topic, last in self._received.items():
            if last.delay < 0:
                self._received[topic] = _Received(last.stamp, min(now - last.stamp, 0), self._elapsed)

    def age(self, topic: str) -> int | None:
        """Age (ns) of a topic's newest message; None before the first."""
        last = self._received.get(topic)
        return None if last is None else max(last.delay, 0) + self._elapsed - last.elapsed

    @property
    def stood_still(self) -> int:
        """For how long (ns of the steady clock) a simulator's time has not moved; 0 without one."""
        return self._steady - self._moved if self._simulated else 0

    def problem(self) -> str:
        """Why nothing should be planned, as a sentence; empty while every topic is fresh or not yet received."""
        for topic, limit in self._limits.items():
            age = self.age(topic)
            if age is None:
                continue
            if age > limit:
                return f"'{topic}' is {age * 1e-9:.3g} s old, at most {limit * 1e-9:.3g} s are allowed"
            if self._received[topic].delay < -limit:
                ahead = -1e-9 * self._received[topic].delay
                return f"the stamps on '{topic}' are {ahead:.3g} s ahead of this node's clock: synchronise the clocks"
        return ""


class ObservationPacer:
    """Chooses about one observation a period: the one nearest to each period's beginning.

    Observations that come no faster than plans are due are all chosen, however much their stamps jitter.
    """

    def __init__(self, period: int) -> None:
        """Choose one every `period` ns."""
        self._period = period
        self.reset()

    def reset(self) -> None:
        """Chooses the next observation, whatever its stamp."""
        self._last: int | None = None
        self._due = 0

    def wants(self, stamp: int) -> bool:
        """Whether to plan on the observation of this stamp (ns), which is newer than those of earlier calls.

        A stamp that comes again is one whose goal has changed; an older one comes from a clock that has restarted.
        """
        before, self._last = self._last, stamp
        if before is None or stamp < before:
            self._due = stamp + self._period
            return True
        if stamp == before:
            return True
        if stamp < self._due - min(stamp - before, self._period) // 2:
            return False
        behind = stamp - self._due >= self._period
        self._due = (stamp if behind else self._due) + self._period
        return True
