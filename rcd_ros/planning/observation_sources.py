"""What the publishers of a task's topics bring: where an observation has it, and how it becomes SI units."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.spec import ObservationChannel

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
        """Nothing has come yet."""
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
            return None  # the next one is compared with the same one
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
        """Number of values that have come."""
        return sum(len(source.places) for source in self.sources.values() if source.stamp is not None)

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


def topic_of(channel: ObservationChannel) -> str:
    """The topic of a channel; of a frame of tf, which has none of its own, `tf:frame`."""
    return f"tf:{channel.topic_names[0]}" if channel.message_type == "tf" else channel.topic


def template(
    group: Group,
    present: Sequence[Iterable[int]],
    derived: Sequence[bool] = (),
    turns: Sequence[float] = (),
) -> Source:
    """A source of those values of a group's channels that are `present` in its messages."""
    rows = [list(chosen) for chosen in present]
    if group.channels[0].kind in ("body_pose", "body_twist"):
        rows = [list(range(channel.size)) for channel in group.channels]
    places = [places[i] for places, chosen in zip(group.places, rows, strict=True) for i in chosen]
    factors = {}
    for name, neutral in (("topic_scale", 1.0), ("topic_offset", 0.0)):
        values = [
            (_of_message(channel, name) or (neutral,) * channel.size)[i]
            for channel, chosen in zip(group.channels, rows, strict=True)
            for i in chosen
        ]
        factors[name] = None if all(value == neutral for value in values) else np.array(values)
    rates = any(derived)
    return Source(
        np.array(places, np.intp),
        factors["topic_scale"],
        factors["topic_offset"],
        np.array(derived, np.bool_) if rates else None,
        np.where(np.array(derived), np.array(turns), np.inf) if rates else None,
    )


def _of_message(channel: ObservationChannel, name: str) -> tuple[float, ...]:
    """A channel's factors or shifts; a pose's are used before it is brought into the task's frame."""
    values: tuple[float, ...] = () if channel.kind == "body_pose" else getattr(channel, name)
    return values
