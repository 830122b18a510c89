"""Makes a task specification from a task file: resolves units, names, limits and columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Literal

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import JOINT_UNITS, USUAL_MESSAGES, ChannelKind, ObservationChannel
from rcd_ros.planning.spec import Condition, ScoreSpec, TaskSpec
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.file.command import FileCommand
from rcd_ros.tasks.file.conversion import (
    POSE_UNITS,
    TWIST_UNITS,
    UNITS,
    body_to_si,
    each_unit,
    first_line,
    named,
    names_on_topic,
    to_si,
    unless,
)
from rcd_ros.tasks.file.joints import FileJoints
from rcd_ros.tasks.file.reading import LoadedTaskFile
from rcd_ros.tasks.file.schema import COMPARISON, ObserveEntry

SUCCESS = "success"
"""The goal of a task file that names no goals."""
USUAL_SECONDS = 20.0
"""Length of an episode of a task without a simulation."""

_OF_ENTRY: tuple[tuple[Literal["position", "velocity", "effort"], ChannelKind], ...] = (
    ("position", "joint_position"),
    ("velocity", "joint_velocity"),
    ("effort", "joint_effort"),
)


def spec_of(file: LoadedTaskFile) -> TaskSpec:
    """The specification of a task file.

    In the task's data sets the observation vector concatenates the channels, the action vector the commanded joints,
    all in SI units.

    Raises:
        RcdError: a name, a unit, a limit or a model file does not fit the rest; with the line.
    """
    return _Conversion(file).spec()


def channels_of(name: str, entry: ObserveEntry) -> Iterator[tuple[str, ChannelKind]]:
    """Names and kinds of the channels that an entry of `observe` makes, in their order.

    An entry with one content has its own name; one with several has `<name>_position`, `<name>_velocity` and so on.
    """
    kinds: list[ChannelKind] = [kind for content, kind in _OF_ENTRY if getattr(entry, content)]
    kinds += ["body_pose"] if entry.pose else []
    kinds += ["body_twist"] if entry.twist else []
    kinds += ["goal_position"] if entry.goal else []
    kinds += ["values"] if entry.values else []
    for kind in kinds:
        yield (name if len(kinds) == 1 else f"{name}_{kind.rpartition('_')[2]}"), kind


class _Conversion:
    def __init__(self, file: LoadedTaskFile) -> None:
        self.file = file
        self.joints = FileJoints(file)

    def spec(self) -> TaskSpec:
        content = self.file.content
        observations = self._observations()
        command = FileCommand(self.file, self.joints).channel(observations)
        steps = content.simulation.seconds if content.simulation is not None else USUAL_SECONDS
        success = tuple(self._conditions(observations))
        goals = tuple(dict.fromkeys(condition.goal for condition in success)) or (SUCCESS,)
        score, high = content.score, content.score.reference_high
        if high is None and score.kind == "return":
            raise self.file.error("a return needs reference_high, the value that scores 100", "score")
        clock = content.clock or next((name for name, entry in content.observe.items() if not entry.goal), "")
        if clock not in content.observe:
            near = did_you_mean(clock, content.observe)
            raise self.file.error(f"there is no entry '{clock}' in observe{near}", "clock")
        if content.observe[clock].goal:
            raise self.file.error(f"'{clock}' is a goal: goals have no rate to plan at", "clock")
        return TaskSpec(
            name=content.task,
            control_period=1.0 / content.rate,
            episode_steps=max(1, round(steps * content.rate)),
            observations=observations,
            command=command,
            score=ScoreSpec(
                kind=score.kind,
                goals=goals if score.kind == "completions" else (),
                reference_low=score.reference_low,
                reference_high=float(len(goals)) if high is None else high,
            ),
            motion=self.joints.motion(command),
            clock=next(channels_of(clock, content.observe[clock]))[0],
            tolerance=content.tolerance,
            success=success if score.kind == "completions" else (),
            source=self.file.source,
        )

    def _observations(self) -> tuple[ObservationChannel, ...]:
        column, channels = count(), []
        for name, entry in self.file.content.observe.items():
            try:
                made = [self._channel(channel, kind, entry, column) for channel, kind in channels_of(name, entry)]
            except (RcdError, ValueError) as error:
                raise self.file.error(first_line(error), "observe", name) from error
            channels += made
        known = [channel.name for channel in channels]
        for name in known:
            if known.count(name) > 1:
                raise self.file.error(f"two entries make a channel '{name}': rename one", "observe")
        result = tuple(channels)
        return tuple(
            self._with_achieved(channel, result) if channel.kind == "goal_position" else channel for channel in result
        )

    def _channel(self, name: str, kind: ChannelKind, entry: ObserveEntry, column: Iterator[int]) -> ObservationChannel:
        content = kind.removeprefix("joint_")
        joints: tuple[str, ...]
        if content in JOINT_UNITS:
            joints = getattr(entry, content)
            units = self.joints.units(content, joints)
        elif kind == "values":
            joints = entry.values
            units = tuple(_si(unit) for unit in each_unit(entry.unit, joints))
        elif kind == "goal_position":
            joints = entry.goal
            units = ("m",) * len(joints)
        else:
            joints = (entry.pose if kind == "body_pose" else entry.twist,)
            units = POSE_UNITS if kind == "body_pose" else TWIST_UNITS
        if kind in ("body_pose", "body_twist"):
            scale, offset = body_to_si(entry, units)
        else:
            scale, offset = to_si(entry, joints, units)
        continuous = named(entry.continuous, joints) if kind == "joint_position" else ()
        layout = entry.layout
        if entry.message == "Float64MultiArray" and not layout:
            layout = names_on_topic(entry, joints) or joints
        return ObservationChannel(
            name=name,
            kind=kind,
            topic=entry.topic,
            joints=joints,
            units=units,
            columns=tuple(next(column) for _ in units),
            achieved=tuple(-1 for _ in joints) if kind == "goal_position" else (),
            message=None if entry.message == USUAL_MESSAGES[kind] else entry.message,
            names=names_on_topic(entry, joints),
            layout=layout,
            topic_scale=unless(scale, 1.0),
            topic_offset=unless(offset, 0.0),
            frame=entry.frame,
            align=entry.align,
            tolerance=entry.tolerance,
            max_age=entry.max_age,
            continuous=continuous,
        )

    def _with_achieved(self, goal: ObservationChannel, channels: tuple[ObservationChannel, ...]) -> ObservationChannel:
        entry = self.file.content.observe[goal.name]
        if not entry.achieved:
            raise self.file.error("a goal needs `achieved`: the observed value of each axis", "observe", goal.name)
        columns = []
        for address in entry.achieved:
            try:
                channel, value = self.find(address, channels)
            except RcdError as error:
                raise self.file.error(str(error), "observe", goal.name, "achieved") from error
            columns.append(channel.columns[channel.value_names.index(value)])
        return goal.model_copy(update={"achieved": tuple(columns)})

    def find(self, address: str, channels: Sequence[ObservationChannel]) -> tuple[ObservationChannel, str]:
        """Channel and name of a value written `entry.value`, such as `block.x` or `arm.elbow_joint`."""
        names = [channel.name for channel in channels]
        entry, _, value = address.partition(".")
        candidates = [channel for channel in channels if channel.name == entry]
        if not candidates and entry in self.file.content.observe:
            made = [name for name, _ in channels_of(entry, self.file.content.observe[entry])]
            candidates = [channel for channel in channels if channel.name in made]
        if not candidates:
            raise RcdError(f"there is no observation '{entry}'{did_you_mean(entry, names)}: there are: {names}")
        for channel in candidates:
            if value in channel.value_names:
                return channel, value
        known = [name for channel in candidates for name in channel.value_names]
        raise RcdError(f"'{entry}' has no value '{value}'{did_you_mean(value, known)}; it has: {', '.join(known)}")

    def _conditions(self, channels: Sequence[ObservationChannel]) -> Iterator[Condition]:
        for key, given in self.file.content.success.items():
            goal, conditions = (SUCCESS, {key: given}) if isinstance(given, str) else (key, given)
            for address, text in conditions.items():
                where = ("success", address) if isinstance(given, str) else ("success", key, address)
                match = COMPARISON.fullmatch(text)
                try:
                    threshold = float(match[2]) if match else math.nan
                except ValueError:
                    threshold = math.nan
                if match is None or not math.isfinite(threshold):
                    raise self.file.error(f"write a comparison with a number, e.g. '>= 0.62', got '{text}'", *where)
                try:
                    channel, value = self.find(address, channels)
                except RcdError as error:
                    raise self.file.error(str(error), *where) from error
                yield Condition(goal=goal, channel=channel.name, value=value, comparison=match[1], threshold=threshold)


def _si(unit: str | None) -> str:
    return UNITS.get(unit or "1", ("1", 1.0))[0] or "1"
