"""Where a source has the values that a task observes and commands: by key, column, unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.formats.recording import RecordedEpisode, Recording
from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec

FloatArray = NDArray[np.float64]
NEXT_OBSERVATION = "next_observation"
"""Stands for a command's columns where none was recorded: what was observed a period later was commanded."""


@dataclass(frozen=True)
class Columns:
    """Some columns of a key, and how they become physical units: `scale * value + offset`.

    Attributes:
        key: of the source's arrays.
        columns: which; None: all.
        scale: one factor a column, or one for all.
        offset: likewise, added afterwards.
    """

    key: str
    columns: tuple[int, ...] | None = None
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)

    def take(self, arrays: Mapping[str, FloatArray]) -> FloatArray:
        """These columns (T, n) of arrays (T, m), or (n,) of arrays (m,), in physical units.

        Raises:
            RcdError: the key or a column is not there.
        """
        if self.key not in arrays:
            raise RcdError(f"it has no '{self.key}', it has {', '.join(arrays)}")
        values = arrays[self.key]
        width = values.shape[-1]
        columns = range(width) if self.columns is None else self.columns
        if any(column >= width for column in columns):
            raise RcdError(f"'{self.key}' has {width} columns, column {max(columns)} is asked for")
        return values[..., list(columns)] * np.asarray(self.scale) + np.asarray(self.offset)


@dataclass(frozen=True)
class ColumnMap:
    """A source's columns for a task.

    Attributes:
        observe: by the name of a channel, its columns; a channel of velocities may be missing where the positions
            are there: they are differences of positions then.
        command: of the commanded values; empty: the next observation's.
        reward: key of rewards, where the source's own are not to be taken.
        success: key of a column that is not zero where the task has succeeded.
        width: columns that the first observed key must have, where a format has several layouts.
    """

    observe: Mapping[str, Columns]
    command: Columns | None
    reward: str | None = None
    success: str | None = None
    width: int | None = field(default=None)

    def fits(self, example: RecordedEpisode) -> bool:
        """Whether an episode has the columns that are named here."""
        named = [*self.observe.values(), *([self.command] if self.command is not None else [])]
        try:
            for each in named:
                each.take(example.arrays)
        except RcdError:
            return False
        return self.width is None or example.arrays[named[0].key].shape[1] == self.width


def column_map(recording: Recording, spec: TaskSpec, declared: Sequence[ColumnMap]) -> ColumnMap:
    """The map that fits a recording: a declared one, else by the names of its columns, else by their number.

    Args:
        recording: the source.
        spec: of the task.
        declared: what the task says of this format.

    Raises:
        RcdError: none fits; the sentence says what the source has.
    """
    example = next((episode for episode in recording if not episode.problem), None)
    if example is None:
        problem = next((episode.problem for episode in recording), "there is none")
        raise RcdError(f"no episode of '{recording.path}' can be read: {problem}")
    found = next((each for each in declared if each.fits(example)), None)
    found = found or _by_number(example, spec) or _by_name(recording, example, spec)
    if found is None:
        there = ", ".join(f"{key} ({values.shape[1]})" for key, values in example.arrays.items())
        needed = ", ".join(channel.name for channel in spec.observations)
        wrong = _why_not(declared, example)
        raise RcdError(
            f"'{recording.path}' has {there}; task '{spec.name}' observes {needed} and commands {spec.command.size} "
            f"values{wrong}: say in the task file, under columns: {recording.format}:, which columns are which"
        )
    return found


def _why_not(declared: Sequence[ColumnMap], example: RecordedEpisode) -> str:
    for each in declared:
        for channel, columns in each.observe.items():
            try:
                columns.take(example.arrays)
            except RcdError as error:
                return f" ('{channel}': {error})"
        if each.command is not None:
            try:
                each.command.take(example.arrays)
            except RcdError as error:
                return f" (command: {error})"
    return ""


_STATES = ("observations", "state", "observation.state", "observations/qpos")
_ACTIONS = ("actions", "action")


def _by_number(example: RecordedEpisode, spec: TaskSpec) -> ColumnMap | None:
    """Columns as the task's own data sets have them, where there are exactly as many."""
    state = next((key for key in _STATES if key in example.arrays), None)
    action = next((key for key in _ACTIONS if key in example.arrays), None)
    if state is None or action is None or spec.command.source != "action":
        return None
    widths = example.arrays[state].shape[1], example.arrays[action].shape[1]
    if widths != (max(spec.observation_columns) + 1, max(spec.command.columns) + 1):
        return None
    observe = {channel.name: Columns(state, channel.columns) for channel in spec.observations}
    return ColumnMap(observe, Columns(action, spec.command.columns, spec.command.scale))


def _by_name(recording: Recording, example: RecordedEpisode, spec: TaskSpec) -> ColumnMap | None:
    """Columns that are named as the task's joints are, such as `elbow`, `elbow.pos` or `arm.elbow`."""
    observe = {}
    for channel in spec.observations:
        ends = {"joint_position": ("", ".pos", ".position"), "joint_velocity": (".vel", ".velocity")}.get(channel.kind)
        found = None if ends is None else _named(recording, example, channel.name, channel.joints, ends, _ACTIONS)
        if found is not None:
            observe[channel.name] = found
        elif channel.kind not in _DERIVED:
            return None
    ends = {"velocity": ("", ".vel", ".velocity"), "effort": ("", ".effort")}.get(spec.command.interface)
    command = _named(
        recording, example, "action", spec.command.joints, ends or ("", ".pos", ".position"), (), only=_ACTIONS
    )
    return ColumnMap(observe, command) if command is not None and observe else None


_DERIVED = ("joint_velocity", "body_twist")


def _named(
    recording: Recording,
    example: RecordedEpisode,
    prefix: str,
    joints: Sequence[str],
    ends: Sequence[str],
    but: Sequence[str],
    only: Sequence[str] | None = None,
) -> Columns | None:
    for key, names in recording.names.items():
        if key in but or (only is not None and key not in only) or key not in example.arrays:
            continue
        where = {name: column for column, name in enumerate(names)}
        for end in ends:
            for before in ("", f"{prefix}."):
                wanted = [f"{before}{joint}{end}" for joint in joints]
                if all(name in where for name in wanted):
                    return Columns(key, tuple(where[name] for name in wanted))
    return None
