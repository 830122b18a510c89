"""Columns of a task file: where each data format keeps what the task observes and commands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field, FiniteFloat, create_model, model_validator

from rcd_ros.formats.registry import FORMATS
from rcd_ros.planning.channels import CommandMessage
from rcd_ros.tasks.file.conversion import Conversion, Names, OnTopic, Section


class Column(Conversion):
    """Where a data format keeps one group of numbers."""

    key: str
    columns: tuple[int, ...] = Field((), description="which of its columns, e.g. 0:6 or [0, 2, 3]; none: all")
    quaternion: Literal["wxyz", "xyzw"] = Field("wxyz", description="order of a pose's orientation")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"key": value} if isinstance(value, str) else value

    @model_validator(mode="before")
    @classmethod
    def _slices(cls, value: object) -> object:
        if isinstance(value, Mapping) and "columns" in value:
            value = {**value, "columns": _column_numbers(value["columns"])}
        return value


def _column_numbers(value: object) -> object:
    """`0:6` means 0 to 5, as in Python; a list may mix numbers and such ranges."""
    numbers: list[object] = []
    for part in value if isinstance(value, list | tuple) else [value]:
        if isinstance(part, str) and (match := re.fullmatch(r"\s*(\d+)\s*:\s*(\d+)\s*", part)):
            if int(match[2]) <= int(match[1]):
                raise ValueError(f"columns {part} are none: write first:last+1")
            numbers += range(int(match[1]), int(match[2]))
        else:
            numbers.append(part)
    return tuple(numbers)


class FileColumns(Section):
    """Where a data format keeps what the task observes and commands.

    `observe` names entries of the task's `observe`, or single channels of an entry with several. What is not named is
    not in the data.
    """

    observe: dict[str, Column] = Field({})
    command: Column | Literal["next_observation"] = Field(
        "next_observation", description="the commands' place, or next_observation: what was observed one step later"
    )
    reward: Column | None = None
    success: Column | None = Field(None, description="not zero in a step in which the task is done")
    width: int | None = Field(
        None, gt=0, description="columns of the first key of `observe`, where a format has several layouts"
    )


class BagCommand(OnTopic):
    """A topic of a bag with the robot's commands; a JointTrajectory is sampled as a controller does."""

    topic: str
    type: CommandMessage = "JointTrajectory"
    joints: Names = Field((), description="which of the command's; none: all of them")


class BagEpisodes(Section):
    """What cuts a bag into episodes; by default a bag is an episode."""

    topic: str = Field("", description="every message begins (true, or not a Bool) or ends (false) an episode")
    service: str = Field("", description="every request seen on this service's event topic begins one")
    silence: FiniteFloat | None = Field(None, gt=0.0, description="s without an observation end one")


class BagColumns(Section):
    """How bags of the robot are read. Observations come from the topics of `observe`."""

    command: tuple[BagCommand, ...] | Literal["command", "next_observation"] = Field(
        "command",
        description="command: from the topics of the command; next_observation: teleoperated, what was observed one "
        "step later; or the topics that say it, e.g. a leader arm's JointState",
    )
    tolerance: FiniteFloat | None = Field(None, ge=0.0, description="s between stamps, in place of the task's")
    episodes: BagEpisodes = BagEpisodes()
    success: str = Field("", description="topic of std_msgs/Bool that says whether the episode succeeded")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if not isinstance(value, Mapping) or "command" not in value:
            return value
        command = value["command"]
        if isinstance(command, str) and command not in ("command", "next_observation"):
            command = [{"topic": command}]
        elif isinstance(command, Mapping):
            command = [command]
        return {**value, "command": command}


if TYPE_CHECKING:
    _OfFiles = Section
else:
    _OfFiles = create_model("_OfFiles", __base__=Section, **{each.name: (FileColumns | None, None) for each in FORMATS})


class ColumnsEntry(_OfFiles):
    """The columns of each data format: of those of files by their names, and of bags."""

    bag: BagColumns = BagColumns()

    @property
    def files(self) -> dict[str, FileColumns]:
        """By format of files, what is said of it."""
        return {name: told for name, told in self if isinstance(told, FileColumns)}
