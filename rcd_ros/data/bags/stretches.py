"""A bag from its beginning to its end: what was observed and commanded, cut where an episode begins or ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.bags.bag import BOOL, STRING, Bag, Recorded
from rcd_ros.data.bags.layout import BagLayout, EpisodeCuts
from rcd_ros.data.bags.topics import RecordedObservations, TaskTopics
from rcd_ros.planning.execution.received_plan import CommandReader, ReceivedPlan
from rcd_ros.planning.spec import TaskSpec

_SAME_CLOCK_NS = 2_000_000_000
"""Stamps that differ by less from the time of recording are of the same clock; a simulator has another one."""
_BEGINNING_NS = 1_000_000_000
"""Until then a simulator's time may really be 0, so that a stamp of 0 does not say that it was left open."""
_HEADER = 4
"""Bytes before a serialised message's first field."""
_REQUEST_SENT, _REQUEST_RECEIVED = 0, 1
"""First field of a `service_msgs/ServiceEventInfo`."""


@dataclass(frozen=True)
class Arrived:
    """A command as it came.

    Attributes:
        time: of recording, ns.
        moment: on the clock of the observations' stamps, ns.
        seen: stamp of the newest observation then, ns.
        plan: the trajectory.
        topic: as recorded.
    """

    time: int
    moment: int
    seen: int
    plan: ReceivedPlan
    topic: str


@dataclass
class Moment:
    """An observation (n_obs,) taken at `stamp`, in the bag at `time` (ns), and what came in until the next one.

    `in_force` are commands from before that stay in force until others come.
    """

    time: int
    stamp: int
    values: NDArray[np.float64]
    in_force: tuple[Arrived, ...] = ()
    commands: list[Arrived] = field(default_factory=list)
    goals: list[str] = field(default_factory=list)


@dataclass
class Stretch:
    """What is between two cuts.

    Attributes:
        moments: oldest first.
        success: what was said of it; None: nothing.
        why: what it began with, for messages to people.
    """

    moments: list[Moment] = field(default_factory=list)
    success: bool | None = None
    why: str = ""


@dataclass
class Stretches:
    """All of a bag.

    Attributes:
        stretches: in recorded order, empty ones left out.
        observed: complete observations.
        outside: observations between the end of one episode and the beginning of the next.
        unusable: messages that could not be used, by reason.
        missing: what every observation lacked; empty where some were complete.
        derived: topics whose velocities were derived from positions.
        has_completions: whether the bag says which goals were completed.
        first_stamp: of the first observation, ns.
    """

    stretches: list[Stretch]
    observed: int
    outside: int
    unusable: Counter[str]
    missing: str
    derived: tuple[str, ...]
    has_completions: bool
    first_stamp: int


def read_stretches(
    bag: Bag, spec: TaskSpec, layout: BagLayout, topics: TaskTopics, tolerance: float = 0.0, bridged: bool = False
) -> Stretches:
    """Everything in the order of recording.

    Args:
        bag: the recorded run.
        spec: all channels of the task.
        layout: where commands are, and what cuts episodes.
        topics: where the task's topics are in the bag.
        tolerance: s that stamps may differ, at least.
        bridged: a bridge of this package took the commands; of one whose time begins at 0, a stamp of 0 is a stamp.

    Raises:
        RcdError: the file is damaged, or lacks a topic that is to cut or label it.
    """
    return _Reader(bag, spec, layout, topics, tolerance, bridged).read()


class _Reader:
    def __init__(
        self, bag: Bag, spec: TaskSpec, layout: BagLayout, topics: TaskTopics, tolerance: float, bridged: bool
    ) -> None:
        self._bag, self._cuts, self._bridged = bag, layout.cuts, bridged
        if layout.tolerance is not None:
            spec = spec.model_copy(update={"tolerance": layout.tolerance})
        self._observations = RecordedObservations(bag, spec, topics, tolerance=tolerance)
        sources = {source.topic: source for source in layout.commands or ()}
        interfaces, period = (
            dict.fromkeys(spec.command.joints, spec.command.interface),
            round(spec.control_period * 1e9),
        )
        self._readers = {
            name: CommandReader(sources[topic], interfaces, period, lasting=not bridged)
            for name, topic in topics.commands.items()
        }
        self._cut_topic, self._cut_events = topics.of_layout(layout.cuts.topic), topics.of_layout(layout.cuts.events)
        self._success = topics.of_layout(layout.success)
        self._completions = topics.full("task_completions")
        self._has_completions = bag.types.get(self._completions) == STRING
        self._stretches = [Stretch(why=_beginning(layout.cuts))]
        self._before = Moment(0, 0, np.empty(0))
        self._in_force: tuple[Arrived, ...] = ()
        self._inside = True
        self._cut = False
        self._sent_seen = False
        self._outside = self._observed = 0
        self._first: int | None = None

    def read(self) -> Stretches:
        topics = {*self._observations.topics, *self._readers, self._completions}
        topics |= {name for name in (self._cut_topic, self._success) if name is not None}
        for recorded in self._bag.messages(topics, raw=() if self._cut_events is None else (self._cut_events,)):
            self._take(recorded)
        assembler = self._observations.assembler
        return Stretches(
            [stretch for stretch in self._stretches if stretch.moments],
            self._observed,
            self._outside,
            assembler.dropped,
            "" if self._observed else self._observations.missing(),
            tuple(sorted(assembler.derived)),
            self._has_completions,
            self._first or 0,
        )

    def _take(self, recorded: Recorded) -> None:
        topic = recorded.topic
        if topic == self._cut_events:
            kind = recorded.message[_HEADER]
            self._sent_seen |= kind == _REQUEST_SENT
            if kind == (_REQUEST_SENT if self._sent_seen else _REQUEST_RECEIVED):  # each request once
                self._begin()
        elif topic == self._cut_topic:
            if recorded.type == BOOL and not recorded.message.data:
                self._end()
            else:
                self._begin()
        elif topic == self._success and recorded.type == BOOL:
            self._stretches[-1].success = bool(recorded.message.data)
        elif topic == self._completions:
            self._newest.goals += [recorded.message.data] if self._has_completions else []
        elif topic in self._readers:
            self._command(recorded)
        else:
            self._observe(recorded)

    @property
    def _newest(self) -> Moment:
        moments = self._stretches[-1].moments
        return moments[-1] if moments else self._before

    def _begin(self) -> None:
        if not self._cut:  # what was before the first cut belongs to no episode
            self._outside += sum(len(stretch.moments) for stretch in self._stretches)
            self._stretches = []
        self._stretches.append(Stretch(why=f"episode {len(self._stretches)}"))
        self._cut = self._inside = True

    def _end(self) -> None:
        self._cut, self._inside = True, False

    def _command(self, recorded: Recorded) -> None:
        newest = self._newest
        moment = recorded.time if abs(newest.time - newest.stamp) < _SAME_CLOCK_NS else self._moment(recorded.time)
        arrival = newest.stamp if self._bridged else moment
        plan = self._readers[recorded.topic].read(recorded.message, arrival)
        if plan is None:
            return
        if plan.stamp == 0 and newest.stamp >= _BEGINNING_NS and not (self._bridged and self._first == 0):
            plan = replace(plan, stamp=arrival)  # as joint_trajectory_controller has it
        arrived = Arrived(recorded.time, moment, newest.stamp, plan, recorded.topic)
        newest.commands.append(arrived)
        if plan.lasting:
            others = (each for each in self._in_force if each.topic != recorded.topic)
            self._in_force = (*others, arrived)

    def _moment(self, time: int) -> int:
        """A time of recording on another clock, that of the stamps."""
        return self._newest.stamp + time - self._newest.time

    def _observe(self, recorded: Recorded) -> None:
        assembler = self._observations.assembler
        restarts = assembler.restarts
        observation = self._observations.take(recorded)
        if assembler.restarts > restarts:
            self._stretches.append(Stretch(why="the clock was reset"))
        if observation is None:
            return
        self._observed += 1
        self._first = observation.stamp if self._first is None else self._first
        if not self._inside:
            self._outside += 1
            return
        moments, silence = self._stretches[-1].moments, self._cuts.silence
        if silence is not None and moments and observation.stamp - moments[-1].stamp > silence * 1e9:
            self._stretches.append(Stretch(why=f"after {silence:g} s of silence"))
        moment = Moment(recorded.time, observation.stamp, observation.history[-1], self._in_force)
        self._stretches[-1].moments.append(moment)


def _beginning(cuts: EpisodeCuts) -> str:
    return "before the first cut" if cuts.topic or cuts.service else "the whole bag"
