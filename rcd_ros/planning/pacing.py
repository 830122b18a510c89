"""Which observations to plan on where they come faster than plans are due."""

from __future__ import annotations


class ObservationPacer:
    """Chooses about one observation a period: the one nearest to each period's beginning.

    Observations that come no faster than plans are due are all chosen, however much their stamps jitter.
    """

    def __init__(self, period: int) -> None:
        """Choose one every `period` ns."""
        self._period = period
        self.reset()

    def reset(self) -> None:
        """Choose the next one, whenever it comes."""
        self._last: int | None = None
        self._due = 0

    def wants(self, stamp: int) -> bool:
        """Whether to plan on the observation of this stamp (ns), which came after all others that were asked about.

        A stamp that comes again is one whose goal has changed; an older one is of a clock that has begun anew.
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
