"""From messages to the planner's observation history, by name and by stamp. NumPy only, no ROS types.

Channels arrive in several messages. A vector is complete when every topic has delivered one for (nearly) the same
stamp. What cannot be used is dropped and counted under its reason, so that diagnostics can say why nothing is planned.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.rotations import rotate
from rcd_ros.planning.spec import AXES, ObservationChannel, TaskSpec

_CLOCK_RESTART_NS = 1_000_000_000
_CLOCK_RESTART_MESSAGES = 3


@dataclass(frozen=True)
class Observation:
    """What to plan from: `history` (h, n_obs) in physical units, oldest first, its newest row taken at `stamp` (ns)."""

    stamp: int
    history: NDArray[np.float64]


@dataclass
class _Topic:
    """One topic's channels and its newest values, channel by channel; `places` are theirs in the observation."""

    channels: list[ObservationChannel]
    places: NDArray[np.intp]
    stamp: int | None = None
    values: NDArray[np.float64] | None = None
    older_in_a_row: int = 0
    known_names: tuple[str, ...] = ()
    known_indices: list[NDArray[np.intp]] = field(default_factory=list)

    def index(self, names: Sequence[str]) -> list[NDArray[np.intp]] | None:
        """Where each channel's joints are in a message; None where a needed name is missing or comes twice."""
        if tuple(names) != self.known_names:
            counts = Counter(names)
            joints = {joint for channel in self.channels for joint in channel.joints}
            if any(counts[joint] != 1 for joint in joints):
                return None
            where = {name: i for i, name in enumerate(names)}
            self.known_names = tuple(names)
            self.known_indices = [np.array([where[j] for j in c.joints], np.intp) for c in self.channels]
        return self.known_indices


@dataclass
class _Goal:
    """A goal's channel, where an observation has it, and the goal in force."""

    axes: list[int]
    places: slice
    values: NDArray[np.float64] | None = None


class ObservationAssembler:
    """Gathers the channels of a task spec into histories.

    `joint_state`, `odometry` and `goal_pose` take one message each and answer with an `Observation` when that message
    completed a new one, else with None. A goal has no time: it counts for all of a history, and a new one makes the
    newest observation a new one.

    Reactions to what is wrong with a message, each counted in `dropped`: "not finite", "missing joints",
    "duplicated names", "wrong sizes", "out of order" (an older stamp than the topic's last), "repeated". A topic whose
    first message lacks a joint belongs to another robot: that raises. Joints that are not asked for are ignored.
    Stamps that go back by a second or more, or stay older for three messages, are a clock that started anew: the
    history is forgotten and planning goes on (`restarts` counts it). Likewise the history does not reach across a gap.
    `goals` counts the goals that were given.
    """

    def __init__(self, spec: TaskSpec, history: int, tolerance: float = 0.0) -> None:
        """Assemble for `spec`; `tolerance` (s): how far apart the stamps of one observation's messages may be."""
        self.dropped: Counter[str] = Counter()
        self.restarts = 0
        self.goals = 0
        self._size = spec.observation_size
        self._history = history
        self._period = round(spec.control_period * 1e9)
        self.set_tolerance(tolerance)
        self._topics: dict[str, _Topic] = {}
        self._goals: dict[str, _Goal] = {}
        for channel, places in spec.placed():
            if channel.kind == "goal_position":
                axes = [AXES.index(axis) for axis in channel.joints]
                self._goals[channel.topic] = _Goal(axes, slice(places.start, places.stop))
                continue
            topic = self._topics.setdefault(channel.topic, _Topic([], np.empty(0, np.intp)))
            topic.channels.append(channel)
            topic.places = np.append(topic.places, places)
        self._lead = next(iter(self._topics.values()))
        self._recent: deque[tuple[int, NDArray[np.float64]]] = deque()

    def set_tolerance(self, tolerance: float) -> None:
        """Another tolerance (s) from now on."""
        self._tolerance = round(tolerance * 1e9)

    def stamp_of(self, topic: str) -> int | None:
        """Stamp (ns) of the newest message of a topic that could be used; goals have none."""
        return self._topics[topic].stamp if topic in self._topics else None

    @property
    def stamp(self) -> int | None:
        """Stamp (ns) of the newest complete observation."""
        return self._recent[-1][0] if self._recent else None

    def joint_state(
        self, topic: str, stamp: int, names: Sequence[str], positions: ArrayLike, velocities: ArrayLike
    ) -> Observation | None:
        """Take the joints (rad or m, rad/s or m/s) of a `sensor_msgs/JointState` with `stamp` in ns.

        Raises:
            RcdError: the topic's first message lacks a joint that the planner needs.
        """
        entry = self._topics[topic]
        indices = entry.index(names)
        if indices is None:
            needed = list(dict.fromkeys(joint for channel in entry.channels for joint in channel.joints))
            missing = [joint for joint in needed if joint not in names]
            if missing and not entry.known_names:
                raise RcdError(
                    f"the planner needs joints {needed} on '{topic}', the robot publishes {list(names)}: "
                    f"missing {missing}"
                )
            return self.drop("missing joints" if missing else "duplicated names")
        values = []
        for channel, index in zip(entry.channels, indices, strict=True):
            source = np.asarray(positions if channel.kind == "joint_position" else velocities, np.float64)
            if source.shape != (len(names),):
                return self.drop("wrong sizes")
            values.append(source[index])
        return self._take(entry, stamp, np.concatenate(values))

    def joint_indices(
        self, topic: str, names: Sequence[str]
    ) -> list[tuple[ObservationChannel, NDArray[np.intp]]] | None:
        """Where each channel's joints are in messages with these names; None where one is missing or comes twice."""
        entry = self._topics[topic]
        indices = entry.index(names)
        return None if indices is None else list(zip(entry.channels, indices, strict=True))

    def ordered(self, topic: str, stamp: int, values: NDArray[np.float64]) -> Observation | None:
        """Take a topic's values with `stamp` in ns, channel by channel as the task spec has them."""
        return self._take(self._topics[topic], stamp, values)

    def odometry(
        self,
        topic: str,
        stamp: int,
        position: Iterable[float],
        orientation: Iterable[float],
        linear: Iterable[float],
        angular: Iterable[float],
    ) -> Observation | None:
        """Take a `nav_msgs/Odometry` with `stamp` in ns.

        Args:
            topic: of a body's channels.
            stamp: ns.
            position: (3,) m, world frame.
            orientation: (4,) quaternion in ROS's order x, y, z, w.
            linear: (3,) m/s in the body's frame, as `nav_msgs/Odometry` has it.
            angular: (3,) rad/s in the body's frame.
        """
        entry = self._topics[topic]
        x, y, z, w = orientation
        norm = math.sqrt(x * x + y * y + z * z + w * w)
        if not math.isfinite(norm) or norm < 0.5:
            return self.drop("not finite" if not math.isfinite(norm) else "no orientation")
        pose = (*position, w, x, y, z)
        twist = (*rotate(w, x, y, z, *linear), *angular)
        values = [value for c in entry.channels for value in (pose if c.kind == "body_pose" else twist)]
        return self._take(entry, stamp, np.array(values))

    def goal_pose(self, topic: str, position: Sequence[float]) -> Observation | None:
        """Take the position (3,) of a goal's `geometry_msgs/PoseStamped`, m; it stays in force until another comes."""
        goal = self._goals[topic]
        values = np.array([position[axis] for axis in goal.axes], np.float64)
        if not np.isfinite(values).all():
            return self.drop("not finite")
        if goal.values is not None and np.array_equal(values, goal.values):
            return None
        goal.values = values
        self.goals += 1
        if not self._recent:
            return self._complete()
        for _, vector in self._recent:
            vector[goal.places] = values
        return self._newest()

    def drop(self, reason: str) -> Observation | None:
        """Count a message that cannot be used under its reason; there is no observation then."""
        self.dropped[reason] += 1
        return None

    def _take(self, entry: _Topic, stamp: int, values: NDArray[np.float64]) -> Observation | None:
        if not np.isfinite(values).all():
            return self.drop("not finite")
        if entry.stamp is not None and stamp == entry.stamp:
            return self.drop("repeated")
        if entry.stamp is not None and stamp < entry.stamp:
            entry.older_in_a_row += 1
            if entry.stamp - stamp < _CLOCK_RESTART_NS and entry.older_in_a_row < _CLOCK_RESTART_MESSAGES:
                return self.drop("out of order")
            self._restart()
        entry.stamp, entry.values, entry.older_in_a_row = stamp, values, 0
        return self._complete()

    def _restart(self) -> None:
        """The clock began anew: nothing gathered under the old one is of use."""
        self.restarts += 1
        self._recent.clear()
        for entry in self._topics.values():
            entry.stamp, entry.values, entry.older_in_a_row = None, None, 0

    def _complete(self) -> Observation | None:
        """The observation at the leading topic's stamp, once the other topics are there too."""
        stamp = self._lead.stamp
        if stamp is None or stamp == self.stamp:
            return None
        for entry in self._topics.values():
            if entry.stamp is None or abs(entry.stamp - stamp) > self._tolerance:
                return None
        vector = np.empty(self._size)
        for goal in self._goals.values():
            if goal.values is None:
                return None
            vector[goal.places] = goal.values
        for entry in self._topics.values():
            vector[entry.places] = entry.values
        self._recent.append((stamp, vector))
        while stamp - self._recent[0][0] > self._history * self._period:
            self._recent.popleft()
        return self._newest()

    def _newest(self) -> Observation:
        """The newest observation: for each of the last h periods what is nearest to it, the oldest one repeated."""
        rows = np.empty((self._history, self._size))
        stamp, rows[-1] = self._recent[-1]
        for back in range(1, self._history):
            _, rows[-1 - back] = min(self._recent, key=partial(_distance, stamp - back * self._period))
        return Observation(stamp, rows)


def _distance(moment: int, observed: tuple[int, NDArray[np.float64]]) -> int:
    return abs(observed[0] - moment)
