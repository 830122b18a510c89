"""From messages to the planner's observation history, by name and by stamp. NumPy only, no ROS types.

Channels arrive in several messages. A vector is complete when every channel has a value for the stamp of the clock
channel, by the channel's own rule. What cannot be used is dropped and counted under its reason and topic, and
`lacks` says what a complete observation is waiting for.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.frames import FrameTree, Transform, same_frame
from rcd_ros.planning.rotations import canonical, product, rotate
from rcd_ros.planning.spec import AXES, ObservationChannel, TaskSpec

_CLOCK_RESTART_NS = 1_000_000_000
_CLOCK_RESTART_MESSAGES = 3
_KEPT = 32
"""Values kept per source, for channels that take the one nearest to a stamp."""
_KNOWN_FORMS = 64
_LEAST_SPAN_NS = 4_000_000
"""Shortest time between two positions whose difference is taken for a velocity: below it noise prevails."""
_LONGEST_SPAN_NS = 500_000_000
_FIELDS = ("joint_position", "joint_velocity", "joint_effort")
"""Kinds of channels in a JointState, in the order of its fields."""


@dataclass(frozen=True)
class Observation:
    """What to plan from: `history` (h, n_obs) in physical units, oldest first, its newest row taken at `stamp` (ns)."""

    stamp: int
    history: NDArray[np.float64]


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
class _Group:
    """Channels of one topic under one rule, and the sources that have brought them so far."""

    topic: str
    rule: Rule
    channels: list[ObservationChannel] = field(default_factory=list)
    places: list[list[int]] = field(default_factory=list)
    sources: dict[tuple[int, ...], Source] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return sum(map(len, self.places))

    @property
    def covered(self) -> int:
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


@dataclass
class _Goal:
    """A goal's channel, where an observation has it, and the goal in force."""

    channel: ObservationChannel
    axes: list[int]
    places: slice
    values: NDArray[np.float64] | None = None


Form = list[tuple[_Group, Source, NDArray[np.intp]]]
"""Where a message has its numbers: for each group its source, and the indices of its numbers."""


def topic_of(channel: ObservationChannel) -> str:
    """The topic of a channel; of a frame of tf, which has none of its own, `tf:frame`."""
    return f"tf:{channel.topic_names[0]}" if channel.message_type == "tf" else channel.topic


class ObservationAssembler:
    """Gathers the channels of a task spec into histories.

    `joint_state`, `odometry`, `pose`, `array`, `transform` and `goal_pose` take one message each and answer with an
    `Observation` when that message completed a new one, else with None. A goal has no time: it counts for all of a
    history, and a new one makes the newest observation a new one.

    Joints of one topic may come from several publishers (an arm's driver and a gripper's): each is taken by what it
    names, and joints that are not asked for are ignored. Observations are made at the stamps of the clock channel.
    Another channel has the same stamp within the tolerance, or (`hold`) its newest value until then, or (`nearest`) the
    nearest one among those that have come.

    Reactions to what is wrong with a message, each counted in `dropped`: "not finite", "missing joints" (of a publisher
    that brings less than another one), "other joints" (none that is asked for), "duplicated names", "wrong sizes",
    "no orientation", "another frame", "out of order" (an older stamp than the source's last), "repeated". Stamps that
    go back by a second or more, or stay older for three messages, are a clock that started anew: the history is
    forgotten and planning goes on (`restarts` counts it). Likewise the history does not reach across a gap.

    Joint velocities that a message lacks are derived from its positions. Of a quaternion's two signs the one with
    a positive w is taken. Positions of continuous joints are taken in the turn that is nearest to `centre`.

    Attributes:
        dropped: messages that could not be used, by reason.
        dropped_on: the same by topic and reason.
        taken: messages that could be used.
        goals: goals that were given.
        restarts: of the clock.
        incomplete: stamps of the clock channel in a row for which no observation was complete, but for the newest one.
        derived: topics whose velocities are derived from positions.
        frames: transforms between frames, for poses in another one than the task's.
    """

    def __init__(self, spec: TaskSpec, history: int, tolerance: float = 0.0, centre: ArrayLike | None = None) -> None:
        """Assemble for `spec`.

        Args:
            spec: of the task.
            history: observations in a history.
            tolerance: s that the stamps of one observation may differ, at least; the task's own may be greater.
            centre: (n_obs,) of what the planner was trained on; None: continuous joints go on from their last value.

        Raises:
            RcdError: the clock channel is a goal, or there is none.
        """
        self.dropped: Counter[str] = Counter()
        self.dropped_on: Counter[tuple[str, str]] = Counter()
        self.taken = self.restarts = self.goals = self.incomplete = 0
        self.derived: set[str] = set()
        self.frames = FrameTree()
        self._spec = spec
        self._size = spec.observation_size
        self._history = history
        self._period = round(spec.control_period * 1e9)
        self._centre = None if centre is None else np.asarray(centre, np.float64)
        self._groups: list[_Group] = []
        self._topics: dict[str, list[_Group]] = {}
        self._goals: dict[str, _Goal] = {}
        self._forms: dict[tuple[str, tuple[str, ...], tuple[int, ...]], Form | str] = {}
        self._names: dict[str, dict[str, None]] = {}
        self._frame_problems: dict[str, str] = {}
        self._turning = np.empty(0, np.intp)
        for channel, places in spec.placed():
            self._add(channel, places)
        self._lead_topic, self._lead_place = self._clock()
        self._lead: Source | None = None
        self._lead_stamp: int | None = None
        self._recent: deque[tuple[int, NDArray[np.float64]]] = deque()
        self.set_tolerance(tolerance)

    def set_tolerance(self, tolerance: float) -> None:
        """Another tolerance (s) from now on."""
        self._tolerance = round(1e9 * max(tolerance, self._spec.tolerance or 0.0))
        self._least_tolerance = round(1e9 * tolerance)

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
        return self._recent[-1][0] if self._recent else None

    def forget(self) -> None:
        """The robot has been put elsewhere: no history reaches back before what comes now."""
        self._recent.clear()
        self._lead_stamp = None
        for source in self._sources():
            source.forget()

    def joint_state(
        self,
        topic: str,
        stamp: int,
        names: Sequence[str],
        positions: ArrayLike,
        velocities: ArrayLike,
        efforts: ArrayLike = (),
    ) -> Observation | None:
        """Take the joints (rad or m, rad/s or m/s, N m or N) of a `sensor_msgs/JointState` with `stamp` in ns."""
        fields = [np.asarray(values, np.float64) for values in (positions, velocities, efforts)]
        form = self.joint_form(topic, names, tuple(len(values) for values in fields))
        return (
            self.drop(form, topic) if isinstance(form, str) else self.take(topic, stamp, np.concatenate(fields), form)
        )

    def joint_form(self, topic: str, names: Sequence[str], sizes: tuple[int, ...]) -> Form | str:
        """Where JointStates with these names have what is observed, in positions, velocities and efforts end to end.

        Args:
            topic: of them.
            names: of their joints.
            sizes: of their positions, velocities and efforts.

        Returns:
            The reason for which they cannot be used, where they cannot.
        """
        key = topic, tuple(names), sizes
        known = self._forms.get(key)
        if known is None or not self._is_current(known):
            if len(self._forms) >= _KNOWN_FORMS:
                self._forms.clear()
            known = self._forms[key] = self._find_joints(*key)
        return known

    def take(self, topic: str, stamp: int, numbers: NDArray[np.float64], form: Form) -> Observation | None:
        """Take a message's numbers with `stamp` in ns, by the form that its topic's messages have."""
        taken = False
        for group, source, indices in form:
            taken = self._store(group, source, stamp, numbers[indices]) or taken
        self.taken += taken
        return self._complete() if taken else None

    def odometry(
        self,
        topic: str,
        stamp: int,
        position: Iterable[float],
        orientation: Iterable[float],
        linear: Iterable[float],
        angular: Iterable[float],
        frame: str = "",
    ) -> Observation | None:
        """Take a `nav_msgs/Odometry` with `stamp` in ns.

        Args:
            topic: of a body's channels.
            stamp: ns.
            position: (3,) m, in `frame`.
            orientation: (4,) quaternion in ROS's order x, y, z, w.
            linear: (3,) m/s in the body's frame, as `nav_msgs/Odometry` has it.
            angular: (3,) rad/s in the body's frame.
            frame: of the message's header.
        """
        return self._body(topic, stamp, position, orientation, frame, (tuple(linear), tuple(angular)))

    def pose(
        self, topic: str, stamp: int, position: Iterable[float], orientation: Iterable[float], frame: str = ""
    ) -> Observation | None:
        """Take a body's `geometry_msgs/PoseStamped` with `stamp` in ns; arguments as of `odometry`."""
        return self._body(topic, stamp, position, orientation, frame, None)

    def array(self, topic: str, stamp: int, numbers: ArrayLike) -> Observation | None:
        """Take a `std_msgs/Float64MultiArray`, which has no stamp: `stamp` (ns) is when it came."""
        values = np.asarray(numbers, np.float64)
        group = self._topics[topic][0]
        layout = group.channels[0].layout or group.channels[0].topic_names
        if values.shape != (len(layout),):
            return self.drop("wrong sizes", topic)
        key = topic, tuple(layout), (len(layout),)
        form = self._forms.get(key)
        if form is None:
            where = {name: i for i, name in enumerate(layout)}
            form = self._forms[key] = [
                (group, source, np.array([where[n] for c in group.channels for n in c.topic_names], np.intp))
                for group in self._topics[topic]
                if (source := group.source(_template(group, [range(len(c.joints)) for c in group.channels])))
            ]
        assert not isinstance(form, str)
        return self.take(topic, stamp, values, form)

    def transform(self, parent: str, child: str, transform: Transform) -> None:
        """Take a transform of tf; `frames_moved` makes observations of what has changed."""
        self.frames.set(parent, child, transform)

    def frames_moved(self) -> Observation | None:
        """Take the poses of the channels that are frames of tf, as the transforms taken so far have them."""
        observation = None
        for topic, groups in self._topics.items():
            for group in groups:
                channel = group.channels[0]
                if channel.message_type != "tf":
                    continue
                found = self.frames.lookup(channel.frame, channel.topic_names[0])
                stamp = None if found is None else found.stamp or 0
                if found is None or stamp is None or stamp == self.stamp_of(topic):
                    continue
                w, x, y, z = found.rotation
                observation = self._body(topic, stamp, found.translation, (x, y, z, w), "", None) or observation
        return observation

    def goal_pose(self, topic: str, position: Sequence[float], frame: str = "") -> Observation | None:
        """Take the position (3,) of a goal's `geometry_msgs/PoseStamped`, m; it stays in force until another comes."""
        goal = self._goals[topic]
        placed = self._placed(topic, goal.channel, None, position, (1.0, 0.0, 0.0, 0.0), frame)
        if placed is None:
            return None
        values = np.array([placed[axis] for axis in goal.axes], np.float64)
        values = values * (goal.channel.topic_scale or 1.0) + (goal.channel.topic_offset or 0.0)
        if not np.isfinite(values).all():
            return self.drop("not finite", topic)
        self.taken += 1
        if goal.values is not None and np.array_equal(values, goal.values):
            return None
        goal.values = values
        self.goals += 1
        if not self._recent:
            return self._complete()
        for _, vector in self._recent:
            vector[goal.places] = values
        return self._newest()

    def drop(self, reason: str, topic: str = "") -> Observation | None:
        """Count a message that cannot be used under its reason; there is no observation then."""
        self.dropped[reason] += 1
        if topic:
            self.dropped_on[topic, reason] += 1
        return None

    def unheard(self) -> list[str]:
        """Topics of which nothing could be used yet."""
        topics = [topic for topic in self._topics if self.stamp_of(topic) is None]
        return topics + [topic for topic, goal in self._goals.items() if goal.values is None]

    def lacks(self) -> dict[str, str]:
        """What keeps the observation at the clock channel's newest stamp from being complete: topic -> a sentence."""
        found: dict[str, str] = {}
        for group in self._groups:
            problem = self._lack(group)
            if problem:
                found.setdefault(group.topic, problem)
        for topic, goal in self._goals.items():
            if goal.values is None:
                found[topic] = self._frame_problems.get(topic) or f"no goal has come on '{topic}'"
        return found

    def missing_joints(self) -> dict[str, str]:
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

    def _add(self, channel: ObservationChannel, places: range) -> None:
        topic = topic_of(channel)
        if channel.kind == "goal_position":
            axes = [AXES.index(axis) for axis in channel.joints]
            self._goals[topic] = _Goal(channel, axes, slice(places.start, places.stop))
            return
        rule = Rule.of(channel)
        groups = self._topics.setdefault(topic, [])
        group = next((group for group in groups if group.rule == rule), None)
        if group is None:
            group = _Group(topic, rule)
            groups.append(group)
            self._groups.append(group)
        group.channels.append(channel)
        group.places.append(list(places))
        turning = [places[channel.joints.index(joint)] for joint in channel.continuous]
        self._turning = np.append(self._turning, np.array(turning, np.intp))

    def _clock(self) -> tuple[str, int]:
        """Topic and first place of the clock channel."""
        wanted = self._spec.clock
        for channel, places in self._spec.placed():
            if channel.name == wanted or (not wanted and channel.kind != "goal_position"):
                if channel.kind == "goal_position":
                    break
                return topic_of(channel), places.start
        raise RcdError(f"task '{self._spec.name}' has no channel whose stamps say when to plan (clock '{wanted}')")

    def _sources(self) -> Iterable[Source]:
        return (source for group in self._groups for source in group.sources.values())

    def _is_current(self, form: Form | str) -> bool:
        """Whether the sources of a form are still those that are in use."""
        return isinstance(form, str) or all(
            any(source is known for known in group.sources.values()) for group, source, _ in form
        )

    def _find_joints(self, topic: str, names: tuple[str, ...], sizes: tuple[int, ...]) -> Form | str:
        groups = self._topics[topic]
        counts = Counter(names)
        wanted = [name for group in groups for channel in group.channels for name in channel.topic_names]
        self._names.setdefault(topic, {}).update(dict.fromkeys(names))
        if len(self._names[topic]) > 4 * _KNOWN_FORMS:  # of somebody who invents names without end
            self._names[topic] = dict.fromkeys(names)
        if any(counts[name] > 1 for name in wanted):
            return "duplicated names"
        if not any(counts[name] for name in wanted):
            return "other joints"
        where = {name: i for i, name in enumerate(names)}
        starts = np.cumsum([0, *sizes])
        form: Form = []
        for group in groups:
            present = [[i for i, name in enumerate(c.topic_names) if name in where] for c in group.channels]
            if not any(present):
                continue
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
            template = _template(group, present, derived, self._turns(group, present))
            key = tuple(template.places.tolist())
            known = group.sources.get(key)
            if known is not None and known.derived is None and known.stamp is not None and any(derived):
                return "wrong sizes"  # this publisher does have velocities
            if known is not None and known.derived is not None and not any(derived):
                del group.sources[key]
            source = group.source(template)
            if source is None:
                return "missing joints"
            if any(derived):
                self.derived.add(topic)
            form.append((group, source, np.array(indices, np.intp)))
        return form

    def _turns(self, group: _Group, present: Sequence[Sequence[int]]) -> list[float]:
        """For each value that is present, what a whole turn of a continuous joint is in the message's unit."""
        turning = {joint for channel in self._spec.observations for joint in channel.continuous}
        turns = []
        for channel, rows in zip(group.channels, present, strict=True):
            for i in rows:
                scale = abs(channel.topic_scale[i]) if channel.topic_scale else 1.0
                turns.append(2.0 * math.pi / scale if channel.joints[i] in turning else math.inf)
        return turns

    def _body(
        self,
        topic: str,
        stamp: int,
        position: Iterable[float],
        orientation: Iterable[float],
        frame: str,
        twist: tuple[Sequence[float], Sequence[float]] | None,
    ) -> Observation | None:
        x, y, z, w = orientation
        norm = math.sqrt(x * x + y * y + z * z + w * w)
        if not math.isfinite(norm) or norm < 0.5:
            return self.drop("not finite" if not math.isfinite(norm) else "no orientation", topic)
        taken = False
        for group in self._topics[topic]:
            values: list[float] = []
            for channel in group.channels:
                pose = self._placed(topic, channel, stamp, position, (w, x, y, z), frame)
                if pose is None:
                    return None
                if channel.kind == "body_pose":
                    values += (*pose[:3], *canonical(*pose[3:]))
                elif twist is None:
                    return self.drop("no velocity", topic)
                else:
                    values += (*rotate(*pose[3:], *twist[0]), *twist[1])
            template = next(iter(group.sources.values()), None)
            source = template or group.source(_template(group, [range(c.size) for c in group.channels]))
            assert source is not None
            taken = self._store(group, source, stamp, np.array(values)) or taken
        self.taken += taken
        return self._complete() if taken else None

    def _placed(
        self,
        topic: str,
        channel: ObservationChannel,
        stamp: int | None,
        position: Iterable[float],
        orientation: tuple[float, float, float, float],
        frame: str,
    ) -> tuple[float, ...] | None:
        """A pose in the channel's frame: position (3,), quaternion (w, x, y, z). None: dropped, in another frame."""
        if not channel.frame or channel.message_type == "tf" or same_frame(frame, channel.frame):
            if self._frame_problems:
                self._frame_problems.pop(topic, None)
            return (*position, *orientation)
        way = self.frames.lookup(channel.frame, frame, stamp) if frame else None
        if way is None:
            self._frame_problems[topic] = (
                f"'{topic}' is in frame '{frame}', the task's frame is '{channel.frame}', and no transform between "
                "them has come on /tf or /tf_static"
            )
            self.drop("another frame", topic)
            return None
        self._frame_problems.pop(topic, None)
        return (*way.apply(tuple(position)), *product(way.rotation, orientation))

    def _store(self, group: _Group, source: Source, stamp: int, numbers: NDArray[np.float64]) -> bool:
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
                values = self._chosen(group.rule, source, stamp)
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
        if len(self._turning):
            self._choose_turns(vector)
        self.incomplete = 0
        self._recent.append((stamp, vector))
        while stamp - self._recent[0][0] > self._history * self._period:
            self._recent.popleft()
        return self._newest()

    def _chosen(self, rule: Rule, source: Source, stamp: int) -> NDArray[np.float64] | None:
        """A source's values for the clock channel's stamp, by its rule; None: there are none."""
        if source.stamp is None or source.values is None:
            return None
        if source is self._lead:
            return source.values
        tolerance = self._tolerance_of(rule)
        if rule.align == "stamp":
            return source.values if abs(source.stamp - stamp) <= tolerance else None
        moment, values = source.stamp, source.values
        if rule.align == "nearest":
            moment, values = min(source.recent, key=partial(_distance, stamp))
        elif moment > stamp + tolerance:
            held = [entry for entry in source.recent if entry[0] <= stamp + tolerance]
            if not held:
                return None
            moment, values = held[-1]
        return None if rule.max_age is not None and abs(stamp - moment) > rule.max_age else values

    def _tolerance_of(self, rule: Rule) -> int:
        return self._tolerance if rule.tolerance is None else max(rule.tolerance, self._least_tolerance)

    def _lack(self, group: _Group) -> str:
        """Why a group has no values for the clock channel's newest stamp, as a sentence."""
        topic = group.topic
        if topic in self._frame_problems:
            return self._frame_problems[topic]
        if group.covered == 0:
            if topic in self.derived and not self._reasons(topic):
                return f"'{topic}' has no velocities: a second message with positions is awaited"
            return f"nothing usable has come on '{topic}'{self._reasons(topic)}"
        if group.covered != group.size:
            return self.missing_joints().get(topic, f"not all joints have come on '{topic}'{self._reasons(topic)}")
        lead = self._lead.stamp if self._lead is not None else None
        if lead is None:
            return ""
        for source in group.sources.values():
            if source.stamp is None or self._chosen(group.rule, source, lead) is not None:
                continue
            return self._stamp_problem(group, source.stamp - lead)
        return ""

    def _stamp_problem(self, group: _Group, ahead: int) -> str:
        what = f"the stamps of '{group.topic}' are {abs(ahead) * 1e-6:.3g} ms {'ahead of' if ahead > 0 else 'behind'}"
        if group.topic == self._lead_topic:
            what += " others on the same topic"
        else:
            what += f" those of '{self._lead_topic}'"
        if group.rule.align == "stamp":
            tolerance = self._tolerance_of(group.rule) * 1e-6
            needed = math.ceil(abs(ahead) * 1e-6) * 1e-3
            return f"{what}, at most {tolerance:g} ms are allowed: set stamp_tolerance to {needed:g} or more (s)"
        if group.rule.max_age is None:
            return f"{what}: there is no value to hold yet"
        return f"{what}, the task's max_age is {group.rule.max_age * 1e-6:g} ms"

    def _reasons(self, topic: str) -> str:
        counts = [f"{n} x {reason}" for (of, reason), n in sorted(self.dropped_on.items()) if of == topic]
        return f" ({', '.join(counts)})" if counts else ""

    def _choose_turns(self, vector: NDArray[np.float64]) -> None:
        """Shift continuous joints by whole turns: to the training data, or to where they were before."""
        places = self._turning
        if self._centre is not None:
            near = self._centre[places]
        elif self._recent:
            near = self._recent[-1][1][places]
        else:
            return
        vector[places] = near + _within_half_a_turn(vector[places] - near)

    def _newest(self) -> Observation:
        """The newest observation: for each of the last h periods what is nearest to it, the oldest one repeated."""
        rows = np.empty((self._history, self._size))
        stamp, rows[-1] = self._recent[-1]
        for back in range(1, self._history):
            _, rows[-1 - back] = min(self._recent, key=partial(_distance, stamp - back * self._period))
        if len(self._turning):
            newest = rows[-1, self._turning]
            rows[:, self._turning] = newest + _within_half_a_turn(rows[:, self._turning] - newest)
        return Observation(stamp, rows)


def frames_needed(spec: TaskSpec) -> bool:
    """Whether transforms may be of use: a channel is in a frame of the task, or is a frame itself."""
    return any(channel.frame or channel.message_type == "tf" for channel in spec.observations)


def given_ages(spec: TaskSpec) -> Mapping[str, float | None]:
    """Greatest age (s) of each topic that the task gives: None where a held value may have any age."""
    ages: dict[str, float | None] = {}
    for channel in spec.observations:
        topic = topic_of(channel)
        if channel.max_age is not None:
            ages[topic] = min(channel.max_age, ages.get(topic) or math.inf)
        elif channel.align != "stamp":
            ages.setdefault(topic, None)
    return ages


def _template(
    group: _Group,
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
            (getattr(channel, name) or (neutral,) * channel.size)[i]
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


def _distance(moment: int, observed: tuple[int, NDArray[np.float64]]) -> int:
    return abs(observed[0] - moment)


def _within_half_a_turn(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    turn = 2.0 * math.pi
    wrapped: NDArray[np.float64] = angles - turn * np.round(angles / turn)
    return wrapped
