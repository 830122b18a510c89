"""The planner node's subscriptions to what a task observes, and a watch on whether it still comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.timer import Timer

from rcd_ros.nodes.planner.frame_reader import FrameReader
from rcd_ros.nodes.planner.observation_reader import ObservationReader, reader_type
from rcd_ros.nodes.planner.observation_waiting import ObservationWaiting
from rcd_ros.nodes.ros.listener import Idle, Listener
from rcd_ros.nodes.ros.node_clock import node_clock
from rcd_ros.nodes.ros.qos import OVERRIDABLE
from rcd_ros.nodes.ros.quiet_log import QuietLog
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.observation.timing import ObservationWatch
from rcd_ros.planning.spec import TaskSpec

if TYPE_CHECKING:
    from rclpy.subscription import Subscription
    from rclpy.type_support import Msg

_LOOKS = 4
"""How often in a greatest age the watch looks whether it has passed."""
_LOOK_S = (0.005, 0.25)
_STANDSTILL_S = 2.0
"""A simulator's time that has not moved for so long is reported."""


class ObservationIntake:
    """Subscribes, assembles and watches.

    Observations are handed over in a thread of their own, what has become too old in the executor's.

    Attributes:
        assembler: gathers the messages; counts what it cannot use.
        stale: why the newest observation may not be planned on any more; empty while it may.
        waiting: says what a complete observation is waiting for.
    """

    def __init__(
        self,
        node: Node,
        spec: TaskSpec,
        assembler: ObservationAssembler,
        limits: Mapping[str, int],
        on_observation: Callable[[Observation, bool], None],
        on_repeated: Callable[[int | None], None],
        on_stale: Callable[[str], None],
        idle: Idle | None = None,
    ) -> None:
        """Subscribe.

        Args:
            node: whose subscriptions they are.
            spec: of the task.
            assembler: of its observations.
            limits: greatest age of each topic, ns.
            on_observation: called with each complete observation, and whether that is in the listening thread.
            on_repeated: called with the stamp (ns) of a message on the leading topic that completes nothing new.
            on_stale: called once with the reason when what was observed has become too old.
            idle: what the listening thread does between two messages.
        """
        self.assembler = assembler
        self.stale = ""
        self._node = node
        self._log = QuietLog(node.get_logger())
        self._told = False
        self._now = node_clock(node)
        self._lead = assembler.lead
        self._on_observation, self._on_repeated, self._on_stale = on_observation, on_repeated, on_stale
        self._simulated = bool(node.get_parameter("use_sim_time").value)
        self._access = threading.Lock()
        self._watch = ObservationWatch(limits, self._simulated)
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer: Timer | None = None
        self._limits: dict[str, int] = {}
        self.set_limits(limits)
        readers = {c.topic: reader_type(c) for c in spec.observations if c.message_type != "tf"}
        self._listener = Listener(node, "observations", idle)
        subscriptions = [self._subscribe(t, kind(assembler, t, self._now)) for t, kind in readers.items()]
        self._frames = FrameReader(node, assembler, self._on_frames) if spec.uses_frames else None
        types = {topic: kind.message_type for topic, kind in readers.items()}
        self.waiting = ObservationWaiting(node, assembler, types, subscriptions, self._frames)
        self._listener.start()

    def set_limits(self, limits: Mapping[str, int]) -> None:
        """Other greatest ages (ns) from now on."""
        if self._timer is not None and limits == self._limits:
            return
        self._limits = dict(limits)
        with self._access:
            self._watch.set_limits(limits)
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        least, most = _LOOK_S
        period = min(max(1e-9 * min(limits.values()) / _LOOKS, least), most)
        self._timer = self._node.create_timer(period, self._look, clock=self._steady)

    def close(self) -> None:
        """Stop listening."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        self._listener.close()
        if self._frames is not None:
            self._frames.close()

    @property
    def standstill(self) -> str:
        """That a simulator's time does not move, as a sentence; empty while it does or there is none."""
        seconds = 1e-9 * self._watch.stood_still
        if seconds < _STANDSTILL_S or self.assembler.stamp is None:
            return ""
        return f"simulated time stands still for {seconds:.0f} s: the simulator is paused or gone"

    def values(self) -> dict[str, object]:
        """Ages and counts, for a diagnostic status."""
        values: dict[str, object] = {"clock_restarts": self.assembler.restarts}
        for topic in self._limits:
            age = self._watch.age(topic)
            values[f"age_s: {topic}"] = "nothing usable" if age is None else round(1e-9 * age, 4)
        for (topic, reason), count in sorted(self.assembler.dropped_on.items()):
            values[f"dropped: {topic}: {reason}"] = count
        for topic in sorted(self.assembler.derived):
            values[f"velocities: {topic}"] = "from differences of positions"
        return values

    def _subscribe(self, topic: str, reader: ObservationReader) -> Subscription[Msg]:
        return self._listener.subscribe(
            reader.message_type,
            topic,
            partial(self._on_message, reader, topic),
            reader.qos.profile(),
            OVERRIDABLE,
        )

    def _on_message(self, reader: ObservationReader, topic: str, data: bytes) -> None:
        with self._access:
            before = self.assembler.taken
            stamp, observation = reader.read(data)
            taken = self.assembler.taken != before
            if taken and stamp is not None:
                self._watch.received(topic, stamp, self._now(), time.monotonic_ns())
        if observation is not None:
            self._on_observation(observation, True)
        elif topic == self._lead and not taken:
            self._on_repeated(stamp)

    def _on_frames(self) -> None:
        """Transforms have come."""
        with self._access:
            observation = self.assembler.frames_moved()
            for topic in self._limits:
                if topic.startswith("tf:") and (stamp := self.assembler.stamp_of(topic)) is not None:
                    self._watch.received(topic, stamp, self._now(), time.monotonic_ns())
        if observation is not None:
            self._on_observation(observation, False)

    def _look(self) -> None:
        """See whether what was observed has become too old, or is fresh again."""
        with self._access:
            self._watch.tick(self._now(), time.monotonic_ns())
            problem = self._watch.problem()
        if problem and not self.stale:
            self._told = self._log.warning(f"no new plan: {problem}")
            self._on_stale(problem)
        elif self.stale and not problem and self._told:
            self._node.get_logger().info("observations are fresh again")
        self.stale = problem
