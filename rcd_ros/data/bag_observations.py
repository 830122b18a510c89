"""Recorded messages as the planner node takes them: by the same `ObservationAssembler`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rcd_ros.data.bag_topics import FRAMES, TaskTopics
from rcd_ros.data.bags import CLOCK, JOINT_STATE, MESSAGE_TYPES, ODOMETRY, Bag, Recorded, nanoseconds
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.planning.transforms import Transform

_FRAMES_TYPE = MESSAGE_TYPES["tf"]


class RecordedObservations:
    """Observations of a bag, message by message in the order of recording.

    Attributes:
        topics: recorded topics that observations come from, transforms and the simulator's clock included.
        assembler: gathers them; counts what it cannot use.
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
        """Observe `spec` in a bag; `history`, `tolerance` and `centre` are those of the planner node's assembler."""
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
        """Take a message of one of `topics`; the observation that it completes, if it does."""
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


def _xyz(vector: Any) -> tuple[float, float, float]:
    return vector.x, vector.y, vector.z


def _xyzw(turn: Any) -> tuple[float, float, float, float]:
    return turn.x, turn.y, turn.z, turn.w
