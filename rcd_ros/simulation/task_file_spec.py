"""From a task file to a task specification: units, names, limits and columns resolved."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import (
    USUAL_MESSAGES,
    ChannelKind,
    CommandChannel,
    CommandOutput,
    Condition,
    Interface,
    MotionSpec,
    ObservationChannel,
    ScoreSpec,
    TaskSpec,
)
from rcd_ros.simulation.joint_limits import JointLimits, model_joints, urdf_joints
from rcd_ros.simulation.task_file import COMPARISON, LoadedTaskFile, ObserveEntry, OnTopic
from rcd_ros.simulation.units import UNITS, body_to_si, each, each_unit, to_si
from rcd_ros.suggest import did_you_mean

SUCCESS = "success"
"""The goal of a task file that names none."""
USUAL_SECONDS = 20.0
"""Length of an episode of a task without a simulation."""

_OF_ENTRY: tuple[tuple[Literal["position", "velocity", "effort"], ChannelKind], ...] = (
    ("position", "joint_position"),
    ("velocity", "joint_velocity"),
    ("effort", "joint_effort"),
)
_UNITS_OF: dict[str, dict[bool, str]] = {
    "position": {True: "rad", False: "m"},
    "velocity": {True: "rad/s", False: "m/s"},
    "effort": {True: "N m", False: "N"},
}
POSE_UNITS, TWIST_UNITS = ("m",) * 3 + ("1",) * 4, ("m/s",) * 3 + ("rad/s",) * 3


def spec_of(file: LoadedTaskFile) -> TaskSpec:
    """The specification that a task file stands for.

    The observation vector of the task's data sets has the channels one after another, the action vector the commanded
    joints, all in SI units.

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


@dataclass
class _Conversion:
    file: LoadedTaskFile
    joints: dict[str, JointLimits] = field(default_factory=dict)

    def spec(self) -> TaskSpec:
        content = self.file.content
        self._read_models()
        observations = self._observations()
        command = self._command(observations)
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
            motion=self._motion(command),
            clock=next(channels_of(clock, content.observe[clock]))[0],
            tolerance=content.tolerance,
            success=success if score.kind == "completions" else (),
            source=self.file.source,
        )

    def _read_models(self) -> None:
        """Joints of the files that are named, those of `limits` before the simulation's."""
        content = self.file.content
        if content.simulation is not None and not content.limits.mjcf:
            path = self.file.path(content.simulation.model)
            called = {theirs: ours for ours, theirs in content.simulation.names.items()}
            # A robot's computer may have neither MuJoCo nor the model: what it gives is asked for below, if needed.
            if path.is_file():
                try:
                    self.joints = {called.get(name, name): limits for name, limits in model_joints(path).items()}
                except RcdError as error:
                    raise self.file.error(str(error), "simulation", "model") from error
        for key, read in (("mjcf", model_joints), ("urdf", urdf_joints)):
            name = getattr(content.limits, key)
            if name:
                try:
                    self.joints |= read(self.file.path(name))
                except RcdError as error:
                    raise self.file.error(str(error), "limits", key) from error

    def _turns(self, joint: str) -> bool:
        """Whether a joint's position is an angle: by the model files, else by a unit given anywhere in the file."""
        if joint in self.joints:
            return self.joints[joint].turns
        content = self.file.content
        groups: list[tuple[OnTopic, tuple[str, ...]]] = [(entry, entry.joints) for entry in content.command]
        groups += [(e, names) for e in content.observe.values() for names in (e.position, e.velocity, e.effort)]
        for entry, names in groups:
            if joint in names:
                unit = each_unit(entry.unit, names)[names.index(joint)]
                if UNITS.get(unit or "", ("", 0.0))[0] in ("m", "m/s", "N"):
                    return False
        return True

    def _joint_units(self, quantity: str, joints: Sequence[str]) -> tuple[str, ...]:
        return tuple(_UNITS_OF[quantity][self._turns(joint)] for joint in joints)

    def _observations(self) -> tuple[ObservationChannel, ...]:
        column, channels = count(), []
        for name, entry in self.file.content.observe.items():
            try:
                made = [self._channel(channel, kind, entry, column) for channel, kind in channels_of(name, entry)]
            except (RcdError, ValueError) as error:
                raise self.file.error(_first_line(error), "observe", name) from error
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
        if content in _UNITS_OF:
            joints = getattr(entry, content)
            units = self._joint_units(content, joints)
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
        continuous = _named(entry.continuous, joints) if kind == "joint_position" else ()
        layout = entry.layout
        if entry.message == "Float64MultiArray" and not layout:
            layout = _names_on_topic(entry, joints) or joints
        return ObservationChannel(
            name=name,
            kind=kind,
            topic=entry.topic,
            joints=joints,
            units=units,
            columns=tuple(next(column) for _ in units),
            achieved=tuple(-1 for _ in joints) if kind == "goal_position" else (),
            message=None if entry.message == USUAL_MESSAGES[kind] else entry.message,
            names=_names_on_topic(entry, joints),
            layout=layout,
            topic_scale=_unless(scale, 1.0),
            topic_offset=_unless(offset, 0.0),
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
            raise RcdError(f"nothing observed is called '{entry}'{did_you_mean(entry, names)}: there are: {names}")
        for channel in candidates:
            if value in channel.value_names:
                return channel, value
        known = [name for channel in candidates for name in channel.value_names]
        raise RcdError(f"'{entry}' has no value '{value}'{did_you_mean(value, known)}; it has: {', '.join(known)}")

    def _conditions(self, channels: Sequence[ObservationChannel]) -> Iterator[Condition]:
        for key, told in self.file.content.success.items():
            goal, conditions = (SUCCESS, {key: told}) if isinstance(told, str) else (key, told)
            for address, text in conditions.items():
                where = ("success", address) if isinstance(told, str) else ("success", key, address)
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

    def _command(self, observations: Sequence[ObservationChannel]) -> CommandChannel:
        entries = self.file.content.command
        interfaces = {entry.interface for entry in entries}
        if len(interfaces) > 1:
            raise self.file.error(
                f"all controllers of a task take the same interface, got {' and '.join(sorted(interfaces))}", "command"
            )
        interface: Interface = interfaces.pop()
        joints = tuple(joint for entry in entries for joint in entry.joints)
        for joint in joints:
            if joints.count(joint) > 1:
                raise self.file.error(f"'{joint}' is commanded twice", "command")
        if interface == "state":
            return self._planned_states(joints, observations)
        outputs: list[CommandOutput] = []
        lower: list[float] = []
        upper: list[float] = []
        continuous: list[str] = []
        units: list[str] = []
        for index, entry in enumerate(entries):
            its_units = self._joint_units(interface, entry.joints)
            try:
                scale, offset = to_si(entry, entry.joints, its_units)
                turning = _named(entry.continuous, entry.joints)
                outputs.append(
                    CommandOutput(
                        topic=entry.topic,
                        message=entry.type,
                        joints=entry.joints,
                        names=_names_on_topic(entry, entry.joints),
                        topic_scale=_unless(scale, 1.0),
                        topic_offset=_unless(offset, 0.0),
                    )
                )
                bounds = self._bounds(index, interface, turning)
            except (RcdError, ValueError) as error:
                raise self.file.error(_first_line(error), "command", index) from error
            units += its_units
            continuous += turning
            lower += [low for low, _ in bounds]
            upper += [high for _, high in bounds]
        simple = len(outputs) == 1 and outputs[0] == CommandOutput(topic=outputs[0].topic, joints=joints)
        try:
            return CommandChannel(
                topic=outputs[0].topic,
                interface=interface,
                joints=joints,
                units=tuple(units),
                lower=tuple(lower),
                upper=tuple(upper),
                scale=(1.0,) * len(joints),
                columns=tuple(range(len(joints))),
                outputs=() if simple else tuple(outputs),
                continuous=tuple(continuous),
            )
        except ValueError as error:
            raise self.file.error(_first_line(error), "command") from error

    def _planned_states(self, joints: tuple[str, ...], observations: Sequence[ObservationChannel]) -> CommandChannel:
        entries = self.file.content.command
        if len(entries) > 1:
            raise self.file.error("states are planned for one controller", "command")
        columns: list[int] = []
        units: list[str] = []
        for kind in ("joint_position", "joint_velocity"):
            places = {
                joint: (channel.columns[i], channel.units[i])
                for channel in observations
                if channel.kind == kind
                for i, joint in enumerate(channel.joints)
            }
            for joint in joints:
                if joint not in places:
                    raise self.file.error(f"states of '{joint}' are planned: observe its {kind[6:]}", "command")
            columns += [places[joint][0] for joint in joints]
            units += [places[joint][1] for joint in joints]
        positions = self._bounds(0, "position", ())
        speeds = self._bounds(0, "velocity", ())
        bounds = [*positions, *speeds]
        return CommandChannel(
            topic=entries[0].topic,
            interface="state",
            joints=joints,
            units=tuple(units),
            lower=tuple(low for low, _ in bounds),
            upper=tuple(high for _, high in bounds),
            scale=(1.0,) * len(columns),
            columns=tuple(columns),
            source="observation",
        )

    def _bounds(self, index: int, interface: str, continuous: Sequence[str]) -> list[tuple[float, float]]:
        """Smallest and largest command of each joint of a controller."""
        entry, limits = self.file.content.command[index], self.file.content.limits
        if entry.limits is not None and entry.interface == interface:
            given = entry.limits
            pairs = list(given) if isinstance(given[0], tuple) else [given]
            if len(pairs) not in (1, len(entry.joints)):
                raise RcdError(f"limits needs one pair, or {len(entry.joints)}, got {len(pairs)}")
            pairs *= len(entry.joints) if len(pairs) == 1 else 1
            return [(float(low), float(high)) for low, high in pairs]
        positions = self._positions(self._all_joints())
        speeds = each(limits.velocity, self._all_joints(), math.nan, "limits.velocity")
        bounds = []
        for joint in entry.joints:
            known, place = self.joints.get(joint, JointLimits()), self._all_joints().index(joint)
            if interface == "position":
                if joint in continuous:
                    bounds.append((-math.inf, math.inf))
                    continue
                low, high = positions[place]
                if known.command is not None and not math.isfinite(low) and not math.isfinite(high):
                    low, high = known.command
            elif interface == "velocity":
                high = speeds[place] if not math.isnan(speeds[place]) else known.velocity or math.inf
                low = -high
            else:
                high = known.effort or math.inf
                low = -high
            if known.command is not None and interface != "position" and not math.isfinite(high):
                low, high = known.command
            if not (math.isfinite(low) and math.isfinite(high)):
                raise RcdError(
                    f"nothing says how far '{joint}' may be commanded ({interface}): give limits: [low, high] here, or "
                    "a model that has them under limits.urdf or limits.mjcf; a joint without ends is `continuous`"
                )
            bounds.append((low, high))
        return bounds

    def _all_joints(self) -> tuple[str, ...]:
        return tuple(joint for entry in self.file.content.command for joint in entry.joints)

    def _positions(self, joints: Sequence[str]) -> list[tuple[float, float]]:
        """Position range of each commanded joint; infinite where nothing says it."""
        given = self.file.content.limits.position
        ranges = [self.joints.get(joint, JointLimits()) for joint in joints]
        positions = [
            (-math.inf if known.lower is None else known.lower, math.inf if known.upper is None else known.upper)
            for known in ranges
        ]
        if isinstance(given, Mapping):
            for joint, pair in given.items():
                if joint not in joints:
                    raise self.file.error(f"no joint '{joint}' is commanded", "limits", "position", joint)
                positions[joints.index(joint)] = pair
        elif given is not None:
            if len(given) != len(joints):
                raise self.file.error(f"needs {len(joints)} pairs, got {len(given)}", "limits", "position")
            positions = list(given)
        return positions

    def _motion(self, command: CommandChannel) -> MotionSpec | None:
        if command.interface == "state":
            return None
        limits, joints = self.file.content.limits, command.joints
        positions = self._positions(joints)
        fields: dict[str, tuple[float, ...] | None] = {}
        if any(math.isfinite(value) for pair in positions for value in pair):
            fields["position_lower"] = tuple(low for low, _ in positions)
            fields["position_upper"] = tuple(high for _, high in positions)
        known = tuple(self.joints.get(joint, JointLimits()).velocity or math.inf for joint in joints)
        for name, default in (("velocity", known), ("acceleration", ()), ("jerk", ())):
            given = getattr(limits, name)
            try:
                values = each(given, joints, math.nan, name)
            except RcdError as error:
                raise self.file.error(str(error), "limits", name) from error
            usual = np.asarray(default) if default else np.full(len(joints), math.inf)
            values = np.where(np.isnan(values), usual, values)
            if np.isfinite(values).any():
                fields[name] = tuple(values.tolist())
        if not fields:
            return None
        try:
            return MotionSpec(**fields)
        except ValueError as error:
            raise self.file.error(_first_line(error), "limits") from error


def _names_on_topic(entry: OnTopic, joints: Sequence[str]) -> tuple[str, ...]:
    for joint in entry.names:
        if joint not in joints and not isinstance(entry, ObserveEntry):
            raise RcdError(f"names has no joint '{joint}'{did_you_mean(joint, joints)}")
    names = tuple(entry.names.get(joint, f"{entry.prefix}{joint}") for joint in joints)
    return () if names == tuple(joints) else names


def _named(continuous: bool | Sequence[str], joints: Sequence[str]) -> tuple[str, ...]:
    if isinstance(continuous, bool):
        return tuple(joints) if continuous else ()
    for joint in continuous:
        if joint not in joints:
            raise RcdError(f"continuous has no joint '{joint}'{did_you_mean(joint, joints)}")
    return tuple(continuous)


def _unless(values: NDArray[np.float64], neutral: float) -> tuple[float, ...]:
    return () if (values == neutral).all() else tuple(values.tolist())


def _si(unit: str | None) -> str:
    return UNITS.get(unit or "1", ("1", 1.0))[0] or "1"


def _first_line(error: Exception) -> str:
    """The words of an error; of pydantic's, those of its first mistake."""
    details = getattr(error, "errors", None)
    return str(details()[0]["msg"]).removeprefix("Value error, ") if details is not None else str(error)
