"""From messages to the planner's observation history, by name and by stamp. NumPy only, no ROS types.

Channels arrive in several messages. A vector is complete when every channel has a value for the stamp of the clock
channel, by the channel's own rule. What cannot be used is dropped and counted under its reason and topic, and
`lacks` says what a complete observation is waiting for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.planning.observation.forms import JointForms, array_form
from rcd_ros.planning.observation.history import History, Observation
from rcd_ros.planning.observation.poses import Goal, PosePlacement
from rcd_ros.planning.observation.shortages import Shortages
from rcd_ros.planning.observation.sources import Aligner, Form, Group, Source, clock_of, group_channels
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.planning.transforms import FrameTree, Transform

_CLOCK_RESTART_NS = 1_000_000_000
_CLOCK_RESTART_MESSAGES = 3


class ObservationAssembler:
    """Gathers the channels of a task spec into histories.

    `joint_state`, `odometry`, `pose`, `array`, `transform` and `goal_pose` take one message each and answer with an
    `Observation` when that message completed a new one, else with None. A goal has no time: it counts for all of a
    history, and a new one makes the newest observation a new one.

    Joints of one topic may come from several publishers (an arm's driver and a gripper's): each is taken by what it
    names, and joints that are not asked for are ignored. Observations are made at the stamps of the clock channel.
    Another channel has the same stamp within the tolerance, or (`hold`) its newest value until then, or (`nearest`) the
    nearest one among those received so far.

    Messages that cannot be used are dropped and counted in `dropped` by reason: "not finite", "missing joints" (of a
    publisher that brings less than another one), "other joints" (none that is asked for), "duplicated names", "wrong
    sizes", "no orientation", "another frame", "out of order" (an older stamp than the source's last), "repeated".

    Stamps that go back by a second or more, or stay older for three messages, mean that the clock has restarted: the
    history is discarded and planning goes on (`restarts` counts it). A history does not reach across a gap either.

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
        self._arrays: dict[str, Form] = {}
        self._placement = PosePlacement()
        self._aligner = Aligner(spec.tolerance, tolerance)
        self._history = History(spec, history, None if centre is None else np.asarray(centre, np.float64))
        self._lead_topic, self._lead_place = clock_of(spec)
        self._lead: Source | None = None
        self._lead_stamp: int | None = None
        self._joints = JointForms(spec, self._topics)
        self._shortages = Shortages(
            self._groups, self._goals, self._joints, self._placement, self._aligner, self.dropped_on
        )
        self.frames: FrameTree = self._placement.frames
        self.derived: set[str] = self._joints.derived

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
        """See `JointForms.form`; the reason for which they cannot be used, where they cannot."""
        return self._joints.form(topic, names, sizes)

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
        form = self._arrays.get(topic)
        if form is None:
            form = self._arrays[topic] = array_form(self._topics[topic], layout)
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
        is_new = goal.take(self._placement, position, frame)
        if isinstance(is_new, str):
            return self.drop(is_new, topic)
        self.taken += 1
        if not is_new or goal.values is None:
            return None
        self.goals += 1
        if self._history.stamp is None:
            return self._complete()
        self._history.replace(goal.places, goal.values)
        return self._history.newest()

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

    def lacks(self) -> dict[str, str]:
        """What keeps the observation at the clock channel's newest stamp from being complete: topic -> a sentence."""
        stamp = None if self._lead is None else self._lead.stamp
        return self._shortages.at(self._lead_topic, stamp)

    def missing_joints(self) -> dict[str, str]:
        """Topics whose publishers lack joints that the planner needs, each with a sentence."""
        return self._joints.missing()

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
            values = self._placement.body(group, stamp, position, (w, x, y, z), frame, twist)
            if isinstance(values, str):
                return self.drop(values, topic)
            known = next(iter(group.sources.values()), None)
            source = known or group.source(group.template([range(c.size) for c in group.channels]))
            assert source is not None
            taken = self._store(group, source, stamp, values) or taken
        self.taken += taken
        return self._complete() if taken else None

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
