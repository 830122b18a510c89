"""The command of a task file: which joints, by which controllers, within which limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import CommandChannel, CommandOutput, Interface, ObservationChannel
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.file.conversion import first_line, named, names_on_topic, to_si, unless
from rcd_ros.tasks.file.joints import FileJoints
from rcd_ros.tasks.file.reading import LoadedTaskFile


class _Part(NamedTuple):
    """One controller: its output, and the SI unit, bounds and turning of each of its joints."""

    output: CommandOutput
    units: tuple[str, ...]
    bounds: list[tuple[float, float]]
    continuous: tuple[str, ...]


@dataclass(frozen=True)
class FileCommand:
    """Makes the command channel of a task file, of whose joints `joints` knows."""

    file: LoadedTaskFile
    joints: FileJoints

    def channel(self, observations: Sequence[ObservationChannel]) -> CommandChannel:
        """The command; planned states are found among the `observations`.

        Raises:
            RcdError: a joint, a unit or a limit does not fit the rest; with the line.
        """
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
        parts = [self._part(index, interface) for index in range(len(entries))]
        outputs = [part.output for part in parts]
        bounds = [pair for part in parts for pair in part.bounds]
        simple = len(outputs) == 1 and outputs[0] == CommandOutput(topic=outputs[0].topic, joints=joints)
        try:
            return CommandChannel(
                topic=outputs[0].topic,
                interface=interface,
                joints=joints,
                units=tuple(unit for part in parts for unit in part.units),
                lower=tuple(low for low, _ in bounds),
                upper=tuple(high for _, high in bounds),
                scale=(1.0,) * len(joints),
                columns=tuple(range(len(joints))),
                outputs=() if simple else tuple(outputs),
                continuous=tuple(joint for part in parts for joint in part.continuous),
            )
        except ValueError as error:
            raise self.file.error(first_line(error), "command") from error

    def _part(self, index: int, interface: Interface) -> _Part:
        """What one controller takes."""
        entry = self.file.content.command[index]
        units = self.joints.units(interface, entry.joints)
        try:
            for joint in entry.names:
                if joint not in entry.joints:
                    raise RcdError(f"names has no joint '{joint}'{did_you_mean(joint, entry.joints)}")
            scale, offset = to_si(entry, entry.joints, units)
            continuous = named(entry.continuous, entry.joints)
            output = CommandOutput(
                topic=entry.topic,
                message=entry.type,
                joints=entry.joints,
                names=names_on_topic(entry, entry.joints),
                topic_scale=unless(scale, 1.0),
                topic_offset=unless(offset, 0.0),
            )
            return _Part(output, units, self.joints.bounds(index, interface, continuous), continuous)
        except (RcdError, ValueError) as error:
            raise self.file.error(first_line(error), "command", index) from error

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
        positions = self.joints.bounds(0, "position", ())
        speeds = self.joints.bounds(0, "velocity", ())
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
