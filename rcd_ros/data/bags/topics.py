"""A task's topics in a bag, where they may be in a namespace or have other names, and the observations on them.

Recorded messages are taken as the planner node takes them: by the same `ObservationAssembler`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from rcd_ros.data.bags.bag import CLOCK, JOINT_STATE, MESSAGE_TYPES, ODOMETRY, Bag, Recorded, nanoseconds
from rcd_ros.data.bags.layout import BagLayout
from rcd_ros.errors import RcdError
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.planning.transforms import Transform
from rcd_ros.suggest import did_you_mean

if TYPE_CHECKING:
    from rosbags.typesys.stores.ros2_jazzy import geometry_msgs__msg__Point as Point
    from rosbags.typesys.stores.ros2_jazzy import geometry_msgs__msg__Quaternion as Quaternion
    from rosbags.typesys.stores.ros2_jazzy import geometry_msgs__msg__Vector3 as Vector3

FRAMES = ("/tf", "/tf_static")


class TaskTopics:
    """A task's topics in one bag.

    Attributes:
        namespace: of the recorded nodes.
        observations: recorded name -> the task's own.
        commands: likewise; topics of commands that are not in the bag are missing.
        trajectories: recorded name of the topic that the planner commands on.
    """

    def __init__(
        self,
        bag: Bag,
        spec: TaskSpec,
        namespace: str | None = None,
        names: Mapping[str, str] | None = None,
        layout: BagLayout | None = None,
    ) -> None:
        """Find them.

        Args:
            bag: where to look.
            spec: names the topics of observations and commands.
            namespace: of the recorded nodes; None: the one namespace that has the command topic, else the clock's.
            names: the recorded full name of a topic, where that is another than namespace and name.
            layout: says where commands are; None: on the topics of the task's controllers.

        Raises:
            RcdError: an observation's topic is missing, or all of the command's, or one is of another type.
        """
        layout = layout or BagLayout.usual(spec)
        self._bag, self._names = bag, dict(names or {})
        observed = {c.topic: MESSAGE_TYPES[c.message_type] for c in spec.observations if c.message_type != "tf"}
        commanded = {source.topic: MESSAGE_TYPES[source.message] for source in layout.commands or ()}
        needed = observed | commanded
        for name in self._names:
            if name not in needed:
                raise RcdError(f"task '{spec.name}' has no topic '{name}'{did_you_mean(name, needed)}")
        self.namespace = self._find_namespace(commanded, observed) if namespace is None else "/" + namespace.strip("/")
        for topic, wanted in needed.items():
            self._check(spec, topic, wanted, topic in observed)
        self.observations = {self.full(topic): topic for topic in observed}
        self.commands = {self.full(topic): topic for topic in commanded if self.full(topic) in bag.types}
        self.trajectories = self.full(spec.command.topic)
        if commanded and not self.commands:
            missing = ", ".join(f"'{self.full(topic)}'" for topic in commanded)
            raise RcdError(
                f"the bag '{bag.path}' lacks topic {missing}, which says what '{spec.name}' commands; it holds "
                f"{', '.join(sorted(bag.types))}: name another with --remap {next(iter(commanded))}:=/..., or say in "
                "the task file, under columns: bag: command:, where commands are (next_observation: nowhere)"
            )

    def full(self, topic: str) -> str:
        """The recorded name of a topic of ours, whether or not the bag has it."""
        if topic in self._names:
            return self._names[topic]
        return topic if topic.startswith("/") else f"{self.namespace.rstrip('/')}/{topic}"

    def of_layout(self, topic: str) -> str | None:
        """The recorded name of a topic that a layout names, relative or full; None: it names none.

        Raises:
            RcdError: it is not in the bag.
        """
        if not topic:
            return None
        found = next((name for name in (self.full(topic), f"/{topic.lstrip('/')}") if name in self._bag.types), None)
        if found is None:
            raise RcdError(f"the bag '{self._bag.path}' lacks topic '{self.full(topic)}', which is to cut or label it")
        return found

    def _check(self, spec: TaskSpec, topic: str, wanted: str, observed: bool) -> None:
        bag, full = self._bag, self.full(topic)
        found = bag.types.get(full)
        if found is None and observed:
            raise RcdError(
                f"the bag '{bag.path}' lacks topic '{full}' of task '{spec.name}'; it holds "
                f"{', '.join(sorted(bag.types))}: name another with --remap {topic}:=/...; or record it, too"
            )
        if found is not None and found != wanted:
            raise RcdError(f"topic '{full}' in '{bag.path}' is {found}, task '{spec.name}' has {wanted}")

    def _find_namespace(self, commanded: Mapping[str, str], observed: Mapping[str, str]) -> str:
        """The one below which a topic of a command is, else one of an observation."""
        for wanted in (commanded, observed):
            found = sorted(set(self._namespaces(wanted)))
            if len(found) > 1:
                raise RcdError(f"'{self._bag.path}' holds robots in several namespaces: choose --namespace {found[0]}")
            if found:
                return found[0]
        return "/"

    def _namespaces(self, wanted: Mapping[str, str]) -> Iterable[str]:
        for topic, kind in wanted.items():
            if topic in self._names or topic.startswith("/"):
                continue
            for name, recorded in self._bag.types.items():
                if recorded == kind and name.endswith(f"/{topic}"):
                    yield name.removesuffix(f"/{topic}") or "/"


_FRAMES_TYPE = MESSAGE_TYPES["tf"]


class RecordedObservations:
    """Observations of a bag, message by message in the order of recording.

    Attributes:
        topics: recorded topics that observations come from, transforms and the simulator's clock included.
        assembler: makes observations of the messages, and counts those that it cannot use.
    """

    def __init__(
        self,
        bag: Bag,
        spec: TaskSpec,
        topics: TaskTopics,
        history: int = 1,
        tolerance: float = 0.0,
        centre: ArrayLike | None = None,
    ) -> None:
        """Observe `spec` in a bag.

        Args:
            bag: where `topics` were found.
            spec: of the task.
            topics: recorded names.
            history: observations that each one is given with, itself included.
            tolerance: s that stamps of one observation may differ, at least.
            centre: (n_obs,) of what a planner was trained on; None: continuous joints go on from their last value.
        """
        self.assembler = ObservationAssembler(spec, history, tolerance, centre)
        self._names = topics.observations
        self._goals = {channel.topic for channel in spec.goal_channels}
        self._clock = next((name for name, kind in bag.types.items() if kind == CLOCK), None)
        self._now: int | None = None
        frames = [name for name in FRAMES if bag.types.get(name) == _FRAMES_TYPE] if spec.uses_frames else []
        unstamped = any(channel.message_type == "Float64MultiArray" for channel in spec.observations)
        clock = [self._clock] if self._clock is not None and unstamped else []
        self.topics = (*self._names, *frames, *clock)

    def take(self, recorded: Recorded) -> Observation | None:
        """The observation that a message of one of `topics` completes; None where it completes none."""
        if recorded.topic == self._clock:
            self._now = nanoseconds(recorded.message.clock)
            return None
        if recorded.type == _FRAMES_TYPE:
            return self._take_frames(recorded)
        topic, message = self._names[recorded.topic], recorded.message
        if recorded.type == MESSAGE_TYPES["Float64MultiArray"]:
            moment = recorded.time if self._now is None else self._now
            return self.assembler.array(topic, moment, np.asarray(message.data, np.float64))
        stamp, frame = nanoseconds(message.header.stamp), message.header.frame_id
        if recorded.type == JOINT_STATE:
            fields = message.position, message.velocity, message.effort
            return self.assembler.joint_state(topic, stamp, message.name, *fields)
        if recorded.type == ODOMETRY:
            pose, twist = message.pose.pose, message.twist.twist
            rates = _xyz(twist.linear), _xyz(twist.angular)
            return self.assembler.odometry(topic, stamp, _xyz(pose.position), _xyzw(pose.orientation), *rates, frame)
        place, turn = message.pose.position, message.pose.orientation
        if topic in self._goals:
            return self.assembler.goal_pose(topic, _xyz(place), frame)
        return self.assembler.pose(topic, stamp, _xyz(place), _xyzw(turn), frame)

    def missing(self) -> str:
        """What every observation lacked, as half a sentence; empty where some were complete."""
        told = self.assembler.missing_joints() or self.assembler.lacks()
        return "; ".join(told.values())

    def _take_frames(self, recorded: Recorded) -> Observation | None:
        still = recorded.topic.endswith("_static")
        for entry in recorded.message.transforms:
            turn = _xyzw(entry.transform.rotation)
            stamp = None if still else nanoseconds(entry.header.stamp)
            transform = Transform(stamp, _xyz(entry.transform.translation), (turn[3], *turn[:3]))
            self.assembler.transform(entry.header.frame_id, entry.child_frame_id, transform)
        return self.assembler.frames_moved()


def _xyz(vector: Vector3 | Point) -> tuple[float, float, float]:
    return vector.x, vector.y, vector.z


def _xyzw(turn: Quaternion) -> tuple[float, float, float, float]:
    return turn.x, turn.y, turn.z, turn.w
