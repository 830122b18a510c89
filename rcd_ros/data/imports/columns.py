"""Where a source has the values that a task observes and commands: by key, column, unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rcd_ros.data.imports.derivatives import DERIVED
from rcd_ros.errors import RcdError
from rcd_ros.formats.recording import FloatArray, RecordedEpisode, Recording
from rcd_ros.formats.registry import FORMATS, DataFormat
from rcd_ros.planning.spec import TaskSpec

NEXT_OBSERVATION = "next_observation"
"""Stands for a command's columns where none was recorded: what was observed a period later was commanded."""


@dataclass(frozen=True)
class Columns:
    """Some columns of a key, and how they become physical units: `scale * value + offset`.

    Attributes:
        key: of the source's arrays.
        columns: which, counted from 0; None: all.
        scale: one factor a column, or one for all.
        offset: likewise, added afterwards.
    """

    key: str
    columns: tuple[int, ...] | None = None
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)

    def __str__(self) -> str:
        """Key and columns, as a task file has them."""
        if self.columns is None:
            return self.key
        first, last = self.columns[0], self.columns[-1]
        if self.columns == tuple(range(first, last + 1)):
            return f"{self.key}[{first}:{last + 1}]"
        return f"{self.key}[{', '.join(map(str, self.columns))}]"

    def take(self, arrays: Mapping[str, FloatArray]) -> FloatArray:
        """These columns (T, n) of arrays (T, m), or (n,) of arrays (m,), in SI units.

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
        taken: FloatArray = values[..., list(columns)] * np.asarray(self.scale) + np.asarray(self.offset)
        return taken


@dataclass(frozen=True)
class ColumnMap:
    """A source's columns for a task.

    Attributes:
        observe: by the name of a channel, its columns; a channel of velocities may be missing where the positions
            are there: they are differences of positions then.
        command: of the commanded values; empty: the next observation's.
        reward: of rewards, where the source's own are not to be taken.
        success: of a value that is not zero where the task has succeeded.
        width: columns that the first observed key must have, where a format has several layouts.
    """

    observe: Mapping[str, Columns]
    command: Columns | None
    reward: Columns | None = None
    success: Columns | None = None
    width: int | None = None

    def misfit(self, example: RecordedEpisode, spec: TaskSpec) -> str:
        """Why an episode has not the columns that are named here, in half a sentence; empty where it has."""
        sizes = {channel.name: channel.size for channel in spec.observations}
        named: list[tuple[str, Columns, int | None]] = [
            (name, columns, sizes[name]) for name, columns in self.observe.items()
        ]
        if self.width is not None:
            key = named[0][1].key
            width = example.arrays[key].shape[1] if key in example.arrays else 0
            if width != self.width:
                return f"'{key}' has {width} columns, not {self.width}"
        if self.command is not None:
            named.append(("command", self.command, spec.command.size if spec.command.source == "action" else None))
        named += [
            (name, columns, 1) for name, columns in (("reward", self.reward), ("success", self.success)) if columns
        ]
        for name, columns, size in named:
            try:
                found = columns.take(example.arrays).shape[1]
            except RcdError as error:
                return f"{name}: {error}"
            if size is not None and found != size:
                return f"{name}: '{columns.key}' gives {found} of {size} values"
        return ""


def column_map(recording: Recording, spec: TaskSpec, declared: Sequence[ColumnMap]) -> ColumnMap:
    """The map that fits a recording: a declared one, else by the names of its columns, else by their number.

    Args:
        recording: the source.
        spec: of the task.
        declared: what the task says of this format.

    Raises:
        RcdError: no episode can be read, or no map fits; the sentence says what the source has.
    """
    example = first_usable(recording)
    reasons = [each.misfit(example, spec) for each in declared]
    found = next((each for each, reason in zip(declared, reasons, strict=True) if not reason), None)
    found = found or _by_number(recording, example, spec) or _by_name(recording, example, spec)
    if found is None:
        there = ", ".join(f"{key} ({values.shape[1]})" for key, values in example.arrays.items())
        needed = ", ".join(channel.name for channel in spec.observations)
        left_out = "".join(f"; {note}" for note in recording.notes)
        wrong = f" ({reasons[0]})" if reasons else ""
        raise RcdError(
            f"'{recording.path}' has {there}{left_out}; task '{spec.name}' observes {needed} and commands "
            f"{spec.command.size} values{wrong}: say in the task file, under columns: {recording.format}:, which "
            "columns are which"
        )
    return found


def first_usable(recording: Recording) -> RecordedEpisode:
    """The first episode that can be read.

    Raises:
        RcdError: there is none; the sentence says what is wrong with the first one.
    """
    problem = "there is none"
    for episode in recording:
        if not episode.problem:
            return episode
        if problem == "there is none":
            problem = f"{episode.name}: {episode.problem}"
    raise RcdError(f"no episode of '{recording.path}' can be used: {problem}")


def _usual(recording: Recording) -> list[DataFormat]:
    """The formats whose keys a recording may have: its own, then the others, whose names people use in it too."""
    return sorted(FORMATS, key=lambda each: each.name != recording.format)


def _by_number(recording: Recording, example: RecordedEpisode, spec: TaskSpec) -> ColumnMap | None:
    """Columns as the task's own data sets have them, where there are exactly as many."""
    state = next((each.state for each in _usual(recording) if each.state in example.arrays), None)
    action = next((each.action for each in _usual(recording) if each.action in example.arrays), None)
    if state is None or action is None or example.arrays[state].shape[1] != spec.stored_width:
        return None
    observe = {channel.name: Columns(state, channel.columns) for channel in spec.observations}
    if spec.command.source != "action":  # planned are observations; actions are stored as they are
        return ColumnMap(observe, Columns(action))
    if example.arrays[action].shape[1] != max(spec.command.columns) + 1:
        return None
    return ColumnMap(observe, Columns(action, spec.command.columns, spec.command.scale))


def _by_name(recording: Recording, example: RecordedEpisode, spec: TaskSpec) -> ColumnMap | None:
    """Columns that are named as the task's joints are, such as `elbow`, `elbow.pos` or `arm.elbow`."""
    observe, actions = {}, [each.action for each in _usual(recording)]
    for channel in spec.observations:
        ends = {"joint_position": ("", ".pos", ".position"), "joint_velocity": (".vel", ".velocity")}.get(channel.kind)
        found = None if ends is None else _named(recording, example, channel.name, channel.joints, ends, actions)
        if found is not None:
            observe[channel.name] = found
        elif channel.kind not in DERIVED:
            return None
    ends = {"velocity": ("", ".vel", ".velocity"), "effort": ("", ".effort")}.get(spec.command.interface)
    command = _named(
        recording, example, "action", spec.command.joints, ends or ("", ".pos", ".position"), (), only=actions
    )
    return ColumnMap(observe, command) if command is not None and observe else None


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
