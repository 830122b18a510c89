"""From messages to the planner's observation history, by name and by stamp. NumPy only, no ROS types.

Each method takes one kind of message: it finds the channels' values in it, and `Synchronizer` makes observations of
them. What cannot be used is dropped and counted under its reason and topic, and `lacks` says what a complete
observation is waiting for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from rcd_ros.planning.observation.forms import JointForms, array_form
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.observation.poses import PosePlacement
from rcd_ros.planning.observation.shortages import Shortages
from rcd_ros.planning.observation.sources import Form
from rcd_ros.planning.observation.synchronizer import Synchronizer
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.planning.transforms import FrameTree, Transform


class ObservationAssembler(Synchronizer):
    """Gathers the channels of a task spec into histories.

    `joint_state`, `odometry`, `pose`, `array`, `transform` and `goal_pose` take one message each and answer with an
    `Observation` when that message completed a new one, else with None. A goal has no time: it counts for all of a
    history, and a new one makes the newest observation a new one.

    Joints of one topic may come from several publishers (an arm's driver and a gripper's): each is taken by what it
    names, and joints that are not asked for are ignored. Joint velocities that a message lacks are derived from its
    positions. Positions of continuous joints are taken in the turn that is nearest to `centre`. Of a quaternion's two
    signs the one with a positive w is taken.

    Further reasons for which messages are dropped: "missing joints" (of a publisher that has fewer than another one),
    "other joints" (none that is asked for), "duplicated names", "wrong sizes", "no orientation", "another frame".

    Attributes:
        derived: topics whose velocities are derived from positions.
        frames: transforms between frames, for poses in another one than the task's.
    """

    def __init__(self, spec: TaskSpec, history: int, tolerance: float = 0.0, centre: ArrayLike | None = None) -> None:
        """Assemble for `spec`; arguments and errors as of `Synchronizer`."""
        super().__init__(spec, history, tolerance, centre)
        self._arrays: dict[str, Form] = {}
        self._placement = PosePlacement()
        self._joints = JointForms(spec, self._topics)
        self._shortages = Shortages(
            self._groups, self._goals, self._joints, self._placement, self._aligner, self.dropped_on
        )
        self.frames: FrameTree = self._placement.frames
        self.derived: set[str] = self._joints.derived

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
