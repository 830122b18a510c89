"""How a task's bags are read: where commands are, what cuts a bag into episodes, and what says that one succeeded."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import CommandOutput
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.file.columns import BagCommand
from rcd_ros.tasks.file.conversion import to_si
from rcd_ros.tasks.task import Task


@dataclass(frozen=True)
class EpisodeCuts:
    """What begins and ends episodes; with nothing of it a bag is one episode.

    Attributes:
        topic: every message begins one (a Bool that is true, or any other message) or ends one (a Bool that is false).
        service: every request on this service's event topic begins one.
        silence: s without an observation that end one.
    """

    topic: str = ""
    service: str = ""
    silence: float | None = None

    @property
    def events(self) -> str:
        """The topic of a service's events; empty without one."""
        return f"{self.service}/_service_event" if self.service else ""


@dataclass(frozen=True)
class BagLayout:
    """How bags are read.

    Attributes:
        commands: topics that say the command; None: what was observed one period later was commanded.
        tolerance: s between stamps, in place of the task's.
        cuts: between episodes.
        success: topic of a Bool that says whether an episode has succeeded; empty: none.
    """

    commands: tuple[CommandOutput, ...] | None
    tolerance: float | None = None
    cuts: EpisodeCuts = field(default_factory=EpisodeCuts)
    success: str = ""

    @classmethod
    def usual(cls, spec: TaskSpec) -> BagLayout:
        """Commands on the topics of the task's controllers, a bag an episode."""
        if spec.command.source != "action":
            return cls(commands=None)
        return cls(spec.command.controllers)


def bag_layout(task: Task) -> BagLayout:
    """What a task says about its bags; a task without a file says nothing.

    Raises:
        RcdError: the task file names a joint that is not commanded, or a unit that does not fit, with the line.
    """
    usual = BagLayout.usual(task.spec)
    if task.file is None:
        return usual
    told = task.file.content.columns.bag
    commands = usual.commands
    if told.command == "next_observation":
        commands = None
    elif not isinstance(told.command, str):
        sources = []
        for index, entry in enumerate(told.command):
            try:
                sources.append(_source(task.spec, entry))
            except (RcdError, ValueError) as error:
                raise task.file.error(str(error), "columns", "bag", "command", index) from error
        commands = tuple(sources)
    cuts = EpisodeCuts(told.episodes.topic, told.episodes.service, told.episodes.silence)
    return BagLayout(commands, told.tolerance, cuts, told.success)


def _source(spec: TaskSpec, entry: BagCommand) -> CommandOutput:
    channel = spec.command
    joints = entry.joints or channel.joints
    for joint in (*joints, *entry.names):
        if joint not in channel.joints:
            raise RcdError(f"no joint '{joint}' is commanded{did_you_mean(joint, channel.joints)}")
    units = tuple(channel.units[channel.joints.index(joint)] for joint in joints)
    scale, offset = to_si(entry, joints, units)
    names = tuple(entry.names.get(joint, f"{entry.prefix}{joint}") for joint in joints)
    return CommandOutput(
        topic=entry.topic,
        message=entry.type,
        joints=joints,
        names=() if names == joints else names,
        topic_scale=tuple(scale.tolist()),
        topic_offset=tuple(np.asarray(offset).tolist()),
    )
