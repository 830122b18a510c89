"""The wire between robot and planner, with somebody on it who can lose, delay, repeat and falsify messages.

Robot and planner publish under names of their own; every message is passed on to the name under which the other side
listens, as it came, or as the tampering of its topic makes it.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.nodes.planner.observation_reader import reader_type
from rcd_ros.nodes.ros.raw import deserialize
from rcd_ros.planning.spec import TaskSpec

QUEUE = 1000
ROBOT, PLANNER = "robot", "planned"
"""Prefixes under which the two sides publish."""
LOOK_S = 0.005
"""How exactly a delay is kept."""

Change = Callable[[Any], Iterable[Any]]
"""One message -> what is passed on in its place: none, one or many, or the bytes of what is no message at all."""


def unchanged(message: Any) -> Iterable[Any]:
    """The message itself."""
    return (message,)


@dataclass(frozen=True)
class Tampering:
    """What happens to the messages of some topics: a change, then a delay (s)."""

    topics: tuple[str, ...]
    change: Change = unchanged
    delay: float = 0.0


class Wire(Node):
    """Passes the messages of a task's topics on; `tamper` and `mend` change and restore it."""

    def __init__(self, name: str, spec: TaskSpec) -> None:
        """Connect the topics of `spec`, and the clock."""
        super().__init__(name)
        self._tampering: dict[str, Tampering] = {}
        self._late: list[tuple[float, int, str, Any]] = []
        self._order = itertools.count()
        kinds: dict[str, Any] = {"clock": ClockMessage}
        for channel in spec.observations:
            kinds[channel.topic] = reader_type(channel).message_type
        self.observed = tuple(kinds)
        """Topics from the robot to the planner, the clock first."""
        self._senders = {}
        for topic, kind in {**kinds, spec.command.topic: JointTrajectory}.items():
            side = PLANNER if topic == spec.command.topic else ROBOT
            self._senders[topic] = self.create_publisher(kind, topic, QUEUE)
            self.create_subscription(kind, f"{side}/{topic}", partial(self._pass_on, topic, kind), QUEUE, raw=True)
        self.create_timer(LOOK_S, self._deliver, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def robot_remappings(self) -> tuple[tuple[str, str], ...]:
        """Remappings for the robot's side."""
        return tuple((topic, f"{ROBOT}/{topic}") for topic in self.observed)

    def planner_remappings(self) -> tuple[tuple[str, str], ...]:
        """Remappings for a planner."""
        return tuple((topic, f"{PLANNER}/{topic}") for topic in self._senders if topic not in self.observed)

    def tamper(self, *tamperings: Tampering) -> None:
        """From now on, do this to the messages of these topics."""
        self._tampering.update({topic: tampering for tampering in tamperings for topic in tampering.topics})

    def mend(self) -> None:
        """Pass everything on as it is again; what is delayed still comes."""
        self._tampering.clear()

    def send(self, topic: str, message: Any) -> None:
        """Publish a message, or bytes, where the other side of `topic` listens."""
        self._senders[topic].publish(message)

    def _pass_on(self, topic: str, kind: Any, data: bytes) -> None:
        tampering = self._tampering.get(topic)
        if tampering is None:
            self.send(topic, data)
            return
        changed = (data,) if tampering.change is unchanged else tampering.change(deserialize(kind, data))
        due = time.monotonic() + tampering.delay
        for message in changed:
            if tampering.delay:
                heapq.heappush(self._late, (due, next(self._order), topic, message))
            else:
                self.send(topic, message)

    def _deliver(self) -> None:
        while self._late and self._late[0][0] <= time.monotonic():
            _, _, topic, message = heapq.heappop(self._late)
            self.send(topic, message)
