"""Why an observation is not complete, in sentences: what each topic has not brought, and what it brought instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rcd_ros.planning.observation.forms import JointForms
from rcd_ros.planning.observation.poses import Goal, PosePlacement
from rcd_ros.planning.observation.sources import Aligner, Group


class Shortages:
    """Explains what the groups and goals of an `ObservationAssembler` lack; changes none of them."""

    def __init__(
        self,
        groups: Sequence[Group],
        goals: Mapping[str, Goal],
        joints: JointForms,
        placement: PosePlacement,
        aligner: Aligner,
        dropped_on: Mapping[tuple[str, str], int],
    ) -> None:
        """Explain what these lack.

        Args:
            groups: of channels, with the sources that have brought them.
            goals: by topic.
            joints: how the joints of messages were found.
            placement: how poses were brought into the task's frame.
            aligner: how values are chosen for a stamp.
            dropped_on: messages that could not be used, by topic and reason.
        """
        self._groups, self._goals, self._joints = groups, goals, joints
        self._placement, self._aligner, self._dropped_on = placement, aligner, dropped_on

    def at(self, clock_topic: str, stamp: int | None) -> dict[str, str]:
        """Topic -> why it has no values for the clock channel's newest stamp.

        Args:
            clock_topic: topic of the clock channel.
            stamp: its newest one (ns); None: it has brought none yet.
        """
        found: dict[str, str] = {}
        for group in self._groups:
            problem = self._of_group(group, clock_topic, stamp)
            if problem:
                found.setdefault(group.topic, problem)
        for topic, goal in self._goals.items():
            if goal.values is None:
                found[topic] = self._placement.problems.get(topic) or f"no goal has come on '{topic}'"
        return found

    def _of_group(self, group: Group, clock_topic: str, stamp: int | None) -> str:
        topic = group.topic
        if topic in self._placement.problems:
            return self._placement.problems[topic]
        reasons = self._reasons(topic)
        if group.covered == 0 and topic in self._joints.derived and not reasons:
            return f"'{topic}' has no velocities: a second message with positions is awaited"
        if group.covered != group.size:
            begin = "nothing usable has" if group.covered == 0 else "not all joints have"
            return self._joints.missing().get(topic, f"{begin} come on '{topic}'{reasons}")
        return "" if stamp is None else self._aligner.problem(group, clock_topic, stamp)

    def _reasons(self, topic: str) -> str:
        counts = [f"{n} x {reason}" for (of, reason), n in sorted(self._dropped_on.items()) if of == topic]
        return f" ({', '.join(counts)})" if counts else ""
