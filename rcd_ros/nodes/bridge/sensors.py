"""Imitated sensors: each topic has its own rate, and arrives later than its stamp."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.scene_publisher import ScenePublisher, TopicMessage
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.suggest import did_you_mean

_WHOLE = 1e-6


@dataclass(frozen=True)
class SensorSettings:
    """How a robot's drivers publish.

    Attributes:
        rates: Hz by topic; other topics are published once a control period.
        delays: s by topic, from the stamp of a message to its publication; other topics are published at once.
        velocities: whether JointStates have velocities.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    delays: Mapping[str, float] = field(default_factory=dict)
    velocities: bool = True

    @classmethod
    def parse(cls, spec: TaskSpec, rates: Sequence[str], delays: Sequence[str], velocities: bool) -> SensorSettings:
        """Settings written as `topic=number`.

        Raises:
            RcdError: an entry has another form, a number out of range, or no topic of the task.
        """
        return cls(
            _by_topic(spec, "sensor_rates", rates, "Hz, above 0", lambda rate: rate > 0.0),
            _by_topic(spec, "sensor_delays", delays, "s, 0 or more", lambda delay: delay >= 0.0),
            velocities,
        )

    def ticks(self, spec: TaskSpec) -> int:
        """How many times in a control period the fastest topic is published, at least once.

        Raises:
            RcdError: that is no whole number.
        """
        control_rate = 1.0 / spec.control_period
        topic = max(self.rates, key=lambda name: self.rates[name], default="")
        ratio = self.rates[topic] / control_rate if topic else 1.0
        if ratio > 1.0 and abs(ratio - round(ratio)) > _WHOLE:
            raise RcdError(
                f"sensor_rates has '{topic}={self.rates[topic]:g}', the fastest rate must be a multiple of the control "
                f"rate of {control_rate:g} Hz: set it to {round(ratio) * control_rate:g}"
            )
        return max(1, round(ratio))


class ImitatedSensors:
    """Publishes a scene topic by topic, each when its driver would.

    At the beginning of an episode all topics are published at once, as by drivers that have run for some time.
    """

    def __init__(self, scene: ScenePublisher, spec: TaskSpec, settings: SensorSettings) -> None:
        """Publish by `scene` for the task `spec`."""
        self._scene = scene
        usual = 1.0 / spec.control_period
        self._rates = {topic: settings.rates.get(topic, usual) for topic in scene.sensors}
        self._delays = {topic: round(1e9 * settings.delays.get(topic, 0.0)) for topic in scene.sensors}
        self._plain = not settings.rates and not any(self._delays.values())
        self._number = count()
        self._waiting: list[tuple[int, int, TopicMessage]] = []
        self._sent: dict[str, list[TopicMessage]] = {}
        self._begun: int | None = None
        self._stamp: int | None = None
        self._taken: dict[str, int] = {}

    def begin(self) -> None:
        """An episode begins: drop what is left of the last one."""
        self._begun = self._stamp = None
        self._waiting.clear()
        self._sent.clear()

    def show(self, stamp: int, observation: NDArray[np.float64]) -> None:
        """Publish what is due of an observation.

        Args:
            stamp: when it was taken, ns; the newest one again: each topic's last messages are published again, for a
                node that has missed them.
            observation: (n_obs,), in the data set's columns.
        """
        if self._plain:
            self._scene.publish(stamp, observation)
            return
        if stamp == self._stamp:
            self._scene.send([sent for messages in self._sent.values() for sent in messages])
            return
        first = self._begun is None
        if self._begun is None:
            self._begun, self._taken = stamp, dict.fromkeys(self._rates, 0)
        self._stamp = stamp
        due = {topic for topic in self._rates if first or self._is_due(topic, stamp - self._begun)}
        for message in self._scene.messages(stamp, observation):
            topic = message[0]
            if topic in due:
                late = 0 if first else self._delays[topic]
                heapq.heappush(self._waiting, (stamp + late, next(self._number), message))
        self.deliver(stamp)

    def deliver(self, now: int) -> None:
        """Publish what arrives by `now` (ns)."""
        fresh: dict[str, list[TopicMessage]] = {}
        while self._waiting and self._waiting[0][0] <= now:
            message = heapq.heappop(self._waiting)[2]
            fresh.setdefault(message[0], []).append(message)
            self._scene.send([message])
        self._sent.update(fresh)

    def _is_due(self, topic: str, passed: int) -> bool:
        """Whether a topic's driver has taken a new value by `passed` ns after the episode's beginning."""
        number = math.floor(passed * 1e-9 * self._rates[topic] + _WHOLE)
        taken, self._taken[topic] = self._taken[topic], number
        return number > taken


def _by_topic(
    spec: TaskSpec, name: str, entries: Sequence[str], what: str, valid: Callable[[float], bool]
) -> dict[str, float]:
    known = [channel.topic_key for channel in spec.observations if channel.kind != "goal_position"]
    found: dict[str, float] = {}
    for entry in entries:
        topic, _, text = entry.rpartition("=")
        topic = topic.strip()
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not topic or not math.isfinite(number) or not valid(number):
            raise RcdError(f"{name} holds '{entry}': write topic=number ({what})")
        if topic not in known:
            raise RcdError(
                f"{name} names '{topic}'{did_you_mean(topic, known)}; observed are: {', '.join(dict.fromkeys(known))}"
            )
        found[topic] = number
    return found
