"""Synchronises values of several messages by their stamps into complete observations. NumPy only, no ROS types.

A vector is complete when every channel has a value for the stamp of the clock channel, by the channel's own rule.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.observation.history import History, Observation
from rcd_ros.planning.observation.poses import Goal
from rcd_ros.planning.observation.sources import Aligner, Form, Group, Source, clock_of, group_channels
from rcd_ros.planning.spec import TaskSpec

_CLOCK_RESTART_NS = 1_000_000_000
_CLOCK_RESTART_MESSAGES = 3


class Synchronizer:
    """Keeps the newest values of each channel, and makes observations of those that belong together.

    Observations are made at the stamps of the clock channel. Another channel has the same stamp within the tolerance,
    or (`hold`) its newest value until then, or (`nearest`) the nearest one among those received so far.

    Values that cannot be used are dropped and counted in `dropped` by reason: "not finite", "repeated", "out of order"
    (an older stamp than the source's last). Stamps that go back by a second or more, or stay older for three messages,
    mean that the clock has restarted: the history is discarded and planning goes on (`restarts` counts it). A history
    does not reach across a gap either.

    Attributes:
        dropped: messages that could not be used, by reason.
        dropped_on: the same by topic and reason.
        taken: messages that could be used.
        goals: goals that were given.
        restarts: of the clock.
        incomplete: stamps of the clock channel in a row for which no observation was complete, but for the newest one.
    """

    def __init__(self, spec: TaskSpec, history: int, tolerance: float = 0.0, centre: ArrayLike | None = None) -> None:
        """Synchronise the channels of `spec`.

        Args:
            spec: of the task.
            history: observations in a history (n_obs_steps).
            tolerance: s that the stamps of one observation may differ, at least; the task's own may be greater.
            centre: (n_obs,) of what the planner was trained on; None: continuous joints go on from their last value.

        Raises:
            RcdError: the clock channel is a goal, or there is none.
        """
        self.dropped: Counter[str] = Counter()
        self.dropped_on: Counter[tuple[str, str]] = Counter()
        self.taken = self.restarts = self.goals = self.incomplete = 0
        self._size = spec.observation_size
        self._topics = group_channels(spec)
        self._groups = [group for groups in self._topics.values() for group in groups]
        self._goals = {
            channel.topic_key: Goal(channel, slice(places.start, places.stop))
            for channel, places in spec.placed()
            if channel.kind == "goal_position"
        }
        self._aligner = Aligner(spec.tolerance, tolerance)
        self._history = History(spec, history, None if centre is None else np.asarray(centre, np.float64))
        self._lead_topic, self._lead_place = clock_of(spec)
        self._lead: Source | None = None
        self._lead_stamp: int | None = None

    def set_tolerance(self, tolerance: float) -> None:
        """Sets the tolerance (s) for later messages."""
        self._aligner.set_tolerance(tolerance)

    @property
    def lead(self) -> str:
        """Topic of the clock channel."""
        return self._lead_topic

    def stamp_of(self, topic: str) -> int | None:
        """Stamp (ns) of the newest message of a topic that could be used; goals have none."""
        stamps = [
            source.stamp
            for group in self._topics.get(topic, ())
            for source in group.sources.values()
            if source.stamp is not None
        ]
        return max(stamps, default=None)

    @property
    def stamp(self) -> int | None:
        """Stamp (ns) of the newest complete observation."""
        return self._history.stamp

    def forget(self) -> None:
        """Discards the history and all received values, e.g. after the robot was moved by a reset."""
        self._history.forget()
        self._lead_stamp = None
        for group in self._groups:
            for source in group.sources.values():
                source.forget()

    def take(self, topic: str, stamp: int, numbers: NDArray[np.float64], form: Form) -> Observation | None:
        """Take a message's numbers with `stamp` in ns, by the form that its topic's messages have."""
        taken = False
        for group, source, indices in form:
            taken = self._store(group, source, stamp, numbers[indices]) or taken
        self.taken += taken
        return self._complete() if taken else None

    def drop(self, reason: str, topic: str = "") -> Observation | None:
        """Count a message that cannot be used under its reason; there is no observation then."""
        self.dropped[reason] += 1
        if topic:
            self.dropped_on[topic, reason] += 1
        return None

    def unreceived(self) -> list[str]:
        """Topics of which no message could be used yet."""
        topics = [topic for topic in self._topics if self.stamp_of(topic) is None]
        return topics + [topic for topic, goal in self._goals.items() if goal.values is None]

    def _store(self, group: Group, source: Source, stamp: int, numbers: NDArray[np.float64]) -> bool:
        """Take a source's numbers; whether they could be used."""
        if not np.isfinite(numbers).all():
            self.drop("not finite", group.topic)
            return False
        if source.stamp is not None and stamp == source.stamp:
            self.drop("repeated", group.topic)
            return False
        if source.stamp is not None and stamp < source.stamp:
            source.older_in_a_row += 1
            if source.stamp - stamp < _CLOCK_RESTART_NS and source.older_in_a_row < _CLOCK_RESTART_MESSAGES:
                self.drop("out of order", group.topic)
                return False
            self.restarts += 1
            self.forget()
        values = source.converted(stamp, numbers)
        if values is None:
            return False
        source.stamp, source.values, source.older_in_a_row = stamp, values, 0
        if group.rule.align != "stamp":
            source.recent.append((stamp, values))
        if self._lead is not source and self._lead_place in source.places:
            self._lead = source
        return True

    def _complete(self) -> Observation | None:
        """The observation at the clock channel's stamp, once the others are there too."""
        stamp = None if self._lead is None else self._lead.stamp
        if stamp is None or stamp == self.stamp:
            return None
        if stamp != self._lead_stamp:
            self.incomplete += self._lead_stamp is not None and self._lead_stamp != self.stamp
            self._lead_stamp = stamp
        vector = np.empty(self._size)
        for group in self._groups:
            filled = 0
            for source in group.sources.values():
                values = self._aligner.values(group.rule, source, stamp)
                if values is None:
                    return None
                vector[source.places] = values
                filled += len(source.places)
            if filled != group.size:
                return None
        for goal in self._goals.values():
            if goal.values is None:
                return None
            vector[goal.places] = goal.values
        self.incomplete = 0
        self._history.add(stamp, vector)
        return self._history.newest()
