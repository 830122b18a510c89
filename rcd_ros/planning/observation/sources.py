"""What the publishers of a task's topics bring: where an observation has it, in which unit, and at which stamps."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import ObservationChannel
from rcd_ros.planning.spec import TaskSpec

_KEPT = 32
"""Values kept per source, for channels that take the one nearest to a stamp."""
_LEAST_SPAN_NS = 4_000_000
"""Shortest time between two positions whose difference is taken for a velocity: below it noise prevails."""
_LONGEST_SPAN_NS = 500_000_000


@dataclass(frozen=True)
class Rule:
    """How the values of a channel are chosen for the clock channel's stamp; `tolerance` and `max_age` in ns."""

    align: str
    tolerance: int | None
    max_age: int | None

    @classmethod
    def of(cls, channel: ObservationChannel) -> Rule:
        """The rule of a channel; a tolerance of None is the task's or the node's."""
        tolerance, max_age = channel.tolerance, channel.max_age
        return cls(
            channel.align,
            None if tolerance is None else round(tolerance * 1e9),
            None if max_age is None else round(max_age * 1e9),
        )


@dataclass
class Source:
    """What one publisher brings: `places` of the observation, filled by values (in SI units) taken at `stamp`.

    Attributes:
        places: (k,) of the observation vector.
        scale, offset: (k,) or None; SI = scale * number + offset.
        derived: (k,) whether the value is the rate of what the message has; None: no value is.
        turn: (k,) numbers of the message that make a whole turn, of derived values; infinity for other joints.
    """

    places: NDArray[np.intp]
    scale: NDArray[np.float64] | None = None
    offset: NDArray[np.float64] | None = None
    derived: NDArray[np.bool_] | None = None
    turn: NDArray[np.float64] | None = None
    stamp: int | None = None
    values: NDArray[np.float64] | None = None
    older_in_a_row: int = 0
    recent: deque[tuple[int, NDArray[np.float64]]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    before: tuple[int, NDArray[np.float64]] | None = None

    def forget(self) -> None:
        """Discards what has been received."""
        self.stamp, self.values, self.older_in_a_row, self.before = None, None, 0, None
        self.recent.clear()

    def converted(self, stamp: int, numbers: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """A message's numbers (k,) in SI units; None where a rate needs one more message."""
        if self.derived is not None:
            rated = self._with_rates(stamp, numbers)
            if rated is None:
                return None
            numbers = rated
        if self.scale is not None:
            numbers = numbers * self.scale
        return numbers if self.offset is None else numbers + self.offset

    def _with_rates(self, stamp: int, numbers: NDArray[np.float64]) -> NDArray[np.float64] | None:
        before = self.before
        span = math.inf if before is None else stamp - before[0]
        if before is not None and 0 <= span < _LEAST_SPAN_NS:
            return None  # the next message is compared with the same earlier one
        self.before = stamp, numbers
        if before is None or not 0 < span <= _LONGEST_SPAN_NS:
            return None
        assert self.derived is not None and self.turn is not None
        change = numbers - before[1]
        turning = np.isfinite(self.turn)
        change[turning] -= self.turn[turning] * np.round(change[turning] / self.turn[turning])
        return np.where(self.derived, change / (span * 1e-9), numbers)


@dataclass
class Group:
    """Channels of one topic under one rule, and the sources that have brought them so far."""

    topic: str
    rule: Rule
    channels: list[ObservationChannel] = field(default_factory=list)
    places: list[list[int]] = field(default_factory=list)
    sources: dict[tuple[int, ...], Source] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of values that its channels have."""
        return sum(map(len, self.places))

    @property
    def covered(self) -> int:
        """Number of values that have been received."""
        return sum(len(source.places) for source in self.sources.values() if source.stamp is not None)

    def template(
        self, present: Sequence[Iterable[int]], derived: Sequence[bool] = (), turns: Sequence[float] = ()
    ) -> Source:
        """A source of those values of the channels that are `present` in its messages.

        Args:
            present: per channel the places of its values.
            derived: (k,) of each value that is present, whether it is the rate of what messages have.
            turns: (k,) of each, what a whole turn is in the message's unit.
        """
        rows = [list(chosen) for chosen in present]
        chosen = [(channel, i) for channel, row in zip(self.channels, rows, strict=True) for i in row]
        places = [places[i] for places, row in zip(self.places, rows, strict=True) for i in row]
        # A pose is scaled before it is brought into the task's frame.
        scaled = [(channel, i) if channel.kind != "body_pose" else None for channel, i in chosen]
        scale = [1.0 if at is None or not at[0].topic_scale else at[0].topic_scale[at[1]] for at in scaled]
        offset = [0.0 if at is None or not at[0].topic_offset else at[0].topic_offset[at[1]] for at in scaled]
        rates = any(derived)
        return Source(
            np.array(places, np.intp),
            np.array(scale) if set(scale) - {1.0} else None,
            np.array(offset) if set(offset) - {0.0} else None,
            np.array(derived, np.bool_) if rates else None,
            np.where(np.array(derived), np.array(turns), np.inf) if rates else None,
        )

    def source(self, template: Source) -> Source | None:
        """The source of these places, made if need be; None where another one brings all of them and more."""
        key = tuple(template.places.tolist())
        if key in self.sources:
            return self.sources[key]
        mine = set(key)
        if any(mine < set(other) for other in self.sources):
            return None
        for other in [other for other in self.sources if mine & set(other)]:
            del self.sources[other]
        self.sources[key] = template
        return template


Form = list[tuple[Group, Source, NDArray[np.intp]]]
"""Where a message has its numbers: for each group its source, and the indices of its numbers."""


def group_channels(spec: TaskSpec) -> dict[str, list[Group]]:
    """Topic -> its channels, grouped by their rule; goals have none and are left out."""
    topics: dict[str, list[Group]] = {}
    for channel, places in spec.placed():
        if channel.kind == "goal_position":
            continue
        rule, groups = Rule.of(channel), topics.setdefault(channel.topic_key, [])
        group = next((group for group in groups if group.rule == rule), None)
        if group is None:
            group = Group(channel.topic_key, rule)
            groups.append(group)
        group.channels.append(channel)
        group.places.append(list(places))
    return topics


def clock_of(spec: TaskSpec) -> tuple[str, int]:
    """Topic of the clock channel, and the first of its places in an observation.

    Raises:
        RcdError: it is a goal, or there is no such channel.
    """
    for channel, places in spec.placed():
        if channel.kind != "goal_position" and spec.clock in ("", channel.name):
            return channel.topic_key, places.start
    raise RcdError(f"task '{spec.name}' has no channel whose stamps say when to plan (clock '{spec.clock}')")


class Aligner:
    """Chooses values by `Rule`: the same stamp within the tolerance, the newest until then, or the nearest."""

    def __init__(self, spec_tolerance: float | None, tolerance: float) -> None:
        """Allow stamps to differ by `tolerance` (s), or by the task's `spec_tolerance` where that is more."""
        self._spec_tolerance = spec_tolerance or 0.0
        self.set_tolerance(tolerance)

    def set_tolerance(self, tolerance: float) -> None:
        """Sets the tolerance (s) for later calls."""
        self._tolerance = round(1e9 * max(tolerance, self._spec_tolerance))
        self._least_tolerance = round(1e9 * tolerance)

    def values(self, rule: Rule, source: Source, stamp: int) -> NDArray[np.float64] | None:
        """A source's values (k,) for the clock channel's stamp (ns), by its rule; None: there are none."""
        if source.stamp is None or source.values is None:
            return None
        tolerance = self._tolerance_of(rule)
        if rule.align == "stamp":
            return source.values if abs(source.stamp - stamp) <= tolerance else None
        moment, values = source.stamp, source.values
        if rule.align == "nearest":
            moment, values = min(source.recent, key=partial(distance, stamp))
        elif moment > stamp + tolerance:
            held = [entry for entry in source.recent if entry[0] <= stamp + tolerance]
            if not held:
                return None
            moment, values = held[-1]
        return None if rule.max_age is not None and abs(stamp - moment) > rule.max_age else values

    def problem(self, group: Group, lead_topic: str, lead: int) -> str:
        """Why a group has no values for the clock channel's stamp `lead` (ns), as a sentence; empty when it has."""
        for source in group.sources.values():
            if source.stamp is not None and self.values(group.rule, source, lead) is None:
                return self._sentence(group, lead_topic, source.stamp - lead)
        return ""

    def _sentence(self, group: Group, lead_topic: str, ahead: int) -> str:
        what = f"the stamps of '{group.topic}' are {abs(ahead) * 1e-6:.3g} ms {'ahead of' if ahead > 0 else 'behind'}"
        if group.topic == lead_topic:
            what += " others on the same topic"
        else:
            what += f" those of '{lead_topic}'"
        if group.rule.align == "stamp":
            tolerance = self._tolerance_of(group.rule) * 1e-6
            needed = math.ceil(abs(ahead) * 1e-6) * 1e-3
            return f"{what}, at most {tolerance:g} ms are allowed: set stamp_tolerance to {needed:g} or more (s)"
        if group.rule.max_age is None:
            return f"{what}: there is no value to hold yet"
        return f"{what}, the task's max_age is {group.rule.max_age * 1e-6:g} ms"

    def _tolerance_of(self, rule: Rule) -> int:
        return self._tolerance if rule.tolerance is None else max(rule.tolerance, self._least_tolerance)


def distance(moment: int, observed: tuple[int, NDArray[np.float64]]) -> int:
    """How far (ns) something observed is from a moment (ns)."""
    return abs(observed[0] - moment)
