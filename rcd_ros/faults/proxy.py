"""A proxy between robot and planner that loses, delays, repeats and falsifies messages.

Robot and planner publish under prefixed names. The proxy passes each message on to the name to which the other side
subscribes: unchanged, or as the injection on its topic makes it.
"""

from __future__ import annotations

import heapq
import itertools
import time
from dataclasses import dataclass
from functools import partial

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.faults.message_changes import Change, Passed
from rcd_ros.nodes.planner.observation_reader import reader_type
from rcd_ros.nodes.ros.raw import deserialize
from rcd_ros.planning.spec import TaskSpec

QUEUE = 1000
ROBOT, PLANNER = "robot", "planned"
"""Prefixes under which the two sides publish."""
DELAY_RESOLUTION_S = 0.005


@dataclass(frozen=True)
class Injection:
    """What happens to the messages of some topics.

    Attributes:
        topics: as the task names them, or `clock`.
        change: of each message; None: none.
        delay: s, after the change.
    """

    topics: tuple[str, ...]
    change: Change | None = None
    delay: float = 0.0


class Proxy(Node):
    """Passes the messages of a task's topics and the clock on."""

    def __init__(self, name: str, spec: TaskSpec) -> None:
        """Connect the topics of `spec`, and the clock."""
        super().__init__(name)
        self._injections: dict[str, Injection] = {}
        self._delayed: list[tuple[float, int, str, Passed]] = []
        self._order = itertools.count()
        types: dict[str, type] = {"clock": ClockMessage}
        for channel in spec.observations:
            types[channel.topic] = reader_type(channel).message_type
        self._observed = tuple(types)
        self._command = spec.command.topic
        self._outputs = {}
        for topic, kind in {**types, self._command: JointTrajectory}.items():
            side = PLANNER if topic == self._command else ROBOT
            self._outputs[topic] = self.create_publisher(kind, topic, QUEUE)
            self.create_subscription(kind, f"{side}/{topic}", partial(self._pass_on, topic, kind), QUEUE, raw=True)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(DELAY_RESOLUTION_S, self._send_delayed, clock=steady)

    def robot_remappings(self) -> tuple[tuple[str, str], ...]:
        """Remappings of the robot's side."""
        return tuple((topic, f"{ROBOT}/{topic}") for topic in self._observed)

    def planner_remappings(self) -> tuple[tuple[str, str], ...]:
        """Remappings of a planner."""
        return ((self._command, f"{PLANNER}/{self._command}"),)

    def inject(self, *injections: Injection) -> None:
        """Replace what happens to the messages of the injections' topics."""
        self._injections.update({topic: injection for injection in injections for topic in injection.topics})

    def clear(self) -> None:
        """End all injections; messages that are delayed are still delivered."""
        self._injections.clear()

    def _pass_on(self, topic: str, kind: type, data: bytes) -> None:
        injection = self._injections.get(topic)
        if injection is None:
            self._outputs[topic].publish(data)
            return
        changed = (data,) if injection.change is None else injection.change(deserialize(kind, data))
        due = time.monotonic() + injection.delay
        for message in changed:
            if injection.delay:
                heapq.heappush(self._delayed, (due, next(self._order), topic, message))
            else:
                self._outputs[topic].publish(message)

    def _send_delayed(self) -> None:
        while self._delayed and self._delayed[0][0] <= time.monotonic():
            _, _, topic, message = heapq.heappop(self._delayed)
            self._outputs[topic].publish(message)
