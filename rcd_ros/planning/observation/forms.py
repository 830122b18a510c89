"""Which numbers of a message an observation has, and where: joints by name, numbers of an array by its layout."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from rcd_ros.planning.observation.sources import Form, Group
from rcd_ros.planning.spec import TaskSpec

_KNOWN_FORMS = 64
_FIELDS = ("joint_position", "joint_velocity", "joint_effort")
"""Kinds of channels in a JointState, in the order of its fields."""


def array_form(groups: Sequence[Group], layout: Sequence[str]) -> Form:
    """Where arrays whose numbers are named by `layout` have what is observed."""
    where = {name: i for i, name in enumerate(layout)}
    return [
        (group, source, np.array([where[n] for c in group.channels for n in c.topic_names], np.intp))
        for group in groups
        if (source := group.source(group.template([range(len(c.joints)) for c in group.channels])))
    ]


class JointForms:
    """Finds joints of JointStates by name, and remembers where messages of the same names had them.

    Attributes:
        derived: topics whose velocities are derived from positions.
    """

    def __init__(self, spec: TaskSpec, topics: Mapping[str, list[Group]]) -> None:
        """Look for the channels of `topics`, whose groups take what is found."""
        self.derived: set[str] = set()
        self._topics = topics
        self._turning = {joint for channel in spec.observations for joint in channel.continuous}
        self._known: dict[tuple[str, tuple[str, ...], tuple[int, ...]], Form | str] = {}
        self._names: dict[str, dict[str, None]] = {}

    def form(self, topic: str, names: Sequence[str], sizes: tuple[int, ...]) -> Form | str:
        """Where JointStates with these names have what is observed, in positions, velocities and efforts end to end.

        Args:
            topic: of them.
            names: of their joints.
            sizes: of their positions, velocities and efforts.

        Returns:
            The reason for which they cannot be used, where they cannot.
        """
        key = topic, tuple(names), sizes
        known = self._known.get(key)
        if known is None or not _is_current(known):
            if len(self._known) >= _KNOWN_FORMS:
                self._known.clear()
            known = self._known[key] = self._find(*key)
        return known

    def missing(self) -> dict[str, str]:
        """Topics whose publishers lack joints that the planner needs, each with a sentence."""
        found = {}
        for topic, groups in self._topics.items():
            names = self._names.get(topic)
            if names is None:
                continue
            needed = [n for group in groups for channel in group.channels for n in channel.topic_names]
            missing = [name for name in dict.fromkeys(needed) if name not in names]
            if missing:
                found[topic] = (
                    f"the planner needs joints {list(dict.fromkeys(needed))} on '{topic}', the robot publishes "
                    f"{list(names)}: missing {missing}"
                )
        return found

    def _find(self, topic: str, names: tuple[str, ...], sizes: tuple[int, ...]) -> Form | str:
        groups = self._topics[topic]
        counts = Counter(names)
        wanted = [name for group in groups for channel in group.channels for name in channel.topic_names]
        self._names.setdefault(topic, {}).update(dict.fromkeys(names))
        if len(self._names[topic]) > 4 * _KNOWN_FORMS:  # bounds what a publisher of ever new names may occupy
            self._names[topic] = dict.fromkeys(names)
        if any(counts[name] > 1 for name in wanted):
            return "duplicated names"
        if not any(counts[name] for name in wanted):
            return "other joints"
        form: Form = []
        for group in groups:
            part = self._part(group, names, sizes)
            if isinstance(part, str):
                return part
            form += part
        return form

    def _part(self, group: Group, names: tuple[str, ...], sizes: tuple[int, ...]) -> Form | str:
        """What a message has of one group; nothing where it has none of it."""
        where = {name: i for i, name in enumerate(names)}
        starts = np.cumsum([0, *sizes])
        present = [[i for i, name in enumerate(c.topic_names) if name in where] for c in group.channels]
        if not any(present):
            return []
        indices: list[int] = []
        derived: list[bool] = []
        for channel, rows in zip(group.channels, present, strict=True):
            if channel.kind not in _FIELDS:
                return "wrong type"
            number = _FIELDS.index(channel.kind)
            rate = bool(rows) and channel.kind == "joint_velocity" and sizes[number] == 0
            if rate:
                number = _FIELDS.index("joint_position")
            if rows and sizes[number] != len(names):
                return "wrong sizes"
            indices += [int(starts[number]) + where[channel.topic_names[i]] for i in rows]
            derived += [rate] * len(rows)
        made = group.template(present, derived, self._turns(group, present))
        key = tuple(made.places.tolist())
        known = group.sources.get(key)
        if known is not None and known.derived is None and known.stamp is not None and any(derived):
            return "wrong sizes"  # this publisher does have velocities
        if known is not None and known.derived is not None and not any(derived):
            del group.sources[key]
        source = group.source(made)
        if source is None:
            return "missing joints"
        if any(derived):
            self.derived.add(group.topic)
        return [(group, source, np.array(indices, np.intp))]

    def _turns(self, group: Group, present: Sequence[Sequence[int]]) -> list[float]:
        """For each value that is present, what a whole turn of a continuous joint is in the message's unit."""
        turns = []
        for channel, rows in zip(group.channels, present, strict=True):
            for i in rows:
                scale = abs(channel.topic_scale[i]) if channel.topic_scale else 1.0
                turns.append(2.0 * math.pi / scale if channel.joints[i] in self._turning else math.inf)
        return turns


def _is_current(form: Form | str) -> bool:
    """Whether the sources of a form are still those that are in use."""
    return isinstance(form, str) or all(
        any(source is known for known in group.sources.values()) for group, source, _ in form
    )
