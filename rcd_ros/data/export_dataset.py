"""A data set in the layout of another format: the inverse of `import_source`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Dataset, Episode
from rcd_ros.data.imports.columns import ColumnMap, Columns
from rcd_ros.data.imports.declared import declared
from rcd_ros.errors import RcdError
from rcd_ros.formats.recording import Export, FloatArray, RecordedEpisode
from rcd_ros.formats.registry import DataFormat, written
from rcd_ros.planning.channels import CommandChannel, ObservationChannel
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.task import Task

_ENDINGS = {"joint_position": ".pos", "joint_velocity": ".vel", "joint_effort": ".effort"}


def check_format(name: str, output: Path) -> DataFormat:
    """The named format, for a file or folder that fits it.

    Raises:
        RcdError: there is no such format that is written, or its files have another suffix.
    """
    known = written()
    if name not in known:
        raise RcdError(f"nothing is written as '{name}'{did_you_mean(name, known)}; known: {', '.join(known)}")
    found = known[name]
    if found.suffixes and output.suffix not in found.suffixes:
        raise RcdError(f"'{output}': {name} is a file that ends in {' or '.join(found.suffixes)}")
    return found


def export_dataset(dataset: Dataset, task: Task | None, chosen: DataFormat, output: Path) -> Export:
    """Write a data set to a new file or folder, whole or not at all.

    Columns are those that the task file describes under `columns`; where it does not, observations and actions are
    written as they are stored.

    Args:
        dataset: in the layout of the task's data sets.
        task: that it belongs to; None where it is not known.
        chosen: the format; of its versions the one to write.
        output: a path at which nothing is.

    Raises:
        RcdError: the format is only read or cannot hold the data, the task file's columns do not fit the task, or the
            output cannot be written.
    """
    if chosen.write is None:
        raise RcdError(f"'{chosen.name}' is read, not written")
    export = convert(dataset, task, chosen)
    staging = Path(tempfile.mkdtemp(prefix=".rcd-writing-", dir=output.parent))
    try:
        chosen.write(staging / output.name, export)
        (staging / output.name).rename(output)
    except OSError as error:
        raise RcdError(f"cannot write '{output}' ({error.strerror})") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return export


def convert(dataset: Dataset, task: Task | None, chosen: DataFormat) -> Export:
    """A data set's episodes in a format's columns and units.

    Raises:
        RcdError: the columns that the task file describes do not fit the task.
    """
    spec = None if task is None else task.spec
    layouts = [] if task is None else [each for each in declared(task, chosen.name) if each.width is None]
    layout: _Layout
    if layouts and spec is not None:
        layout = _Declared(spec, layouts[0], chosen.action)
    else:
        layout = _AsStored(spec, chosen.state, chosen.action)
    kept = {"nothing": False, "state": layout.observed == {chosen.state}, "every key": True}[chosen.keeps_last]
    judges = spec is not None and spec.score.kind == "completions" and not spec.continuing
    return Export(
        [_recorded(number, each, layout, kept, judges) for number, each in enumerate(dataset.episodes)],
        layout.names,
        None if spec is None else spec.control_period,
        dataset.name if spec is None else spec.name,
        [*layout.notes, *([] if chosen.keeps_rewards else ["rewards are not written, the format has none"])],
    )


def _recorded(number: int, episode: Episode, layout: _Layout, keeps_last: bool, judges: bool) -> RecordedEpisode:
    """An episode; where a format has no place for what was observed last, in a row of its own with a still command."""
    observations, actions = episode.observations.astype(np.float64), episode.actions.astype(np.float64)
    rewards = episode.rewards.astype(np.float64)
    last: dict[str, FloatArray] = {}
    if keeps_last:
        last = {key: values[0] for key, values in layout.observations(observations[-1:]).items()}
        observations = observations[:-1]
    else:
        actions = np.vstack((actions, layout.still(actions[-1])))
        rewards = np.append(rewards, 0.0)
    success = bool(episode.info.get("success", episode.terminated)) if judges else None
    return RecordedEpisode(
        f"{number}",
        layout.observations(observations) | layout.actions(actions),
        last,
        rewards,
        episode.terminated,
        success,
    )


class _Layout:
    """Where a format's keys have what a data set has."""

    observed: set[str]
    names: dict[str, list[str]]
    notes: Sequence[str] = ()

    def __init__(self, command: CommandChannel | None) -> None:
        self._command = command

    def observations(self, observations: FloatArray) -> dict[str, FloatArray]:
        """Of stored observations (T, n_obs)."""
        raise NotImplementedError

    def actions(self, actions: FloatArray) -> dict[str, FloatArray]:
        """Of stored actions (T, n_act)."""
        raise NotImplementedError

    def still(self, action: FloatArray) -> FloatArray:
        """The action (n_act,) that holds what another has led to."""
        command = self._command
        if command is None or command.source != "action":
            return action
        held = np.zeros_like(action)
        columns = [column for column, stays in zip(command.columns, command.stays, strict=True) if stays]
        held[columns] = action[columns]
        return held


class _AsStored(_Layout):
    """Observations and actions whole, each under one key."""

    def __init__(self, spec: TaskSpec | None, state: str, action: str) -> None:
        super().__init__(None if spec is None else spec.command)
        self._state, self._action, self.observed = state, action, {state}
        self.names = {}
        if spec is not None:
            places = {state: {column: name for c in spec.observations for name, column in _named(c)}}
            if spec.command.source == "action":
                places[action] = dict(zip(spec.command.columns, _command_names(spec.command), strict=True))
            self.names = {key: _listed(found) for key, found in places.items()}

    def observations(self, observations: FloatArray) -> dict[str, FloatArray]:
        return {self._state: observations}

    def actions(self, actions: FloatArray) -> dict[str, FloatArray]:
        return {self._action: actions}


class _Declared(_Layout):
    """As a task file says."""

    def __init__(self, spec: TaskSpec, columns: ColumnMap, action: str) -> None:
        super().__init__(spec.command)
        self._channels = {channel.name: channel for channel in spec.observations}
        self._columns = columns
        self._commanded = columns.command or Columns(action)
        self.observed = {each.key for each in columns.observe.values()}
        left = [name for name in self._channels if name not in columns.observe]
        self.notes = [f"{', '.join(left)}: no columns in the task file, not written"] if left else []
        places: dict[str, dict[int, str]] = {}
        for name, each in columns.observe.items():
            names = [name for name, _ in _named(self._channels[name])]
            places.setdefault(each.key, {}).update(zip(_places(each, len(names)), names, strict=True))
        if spec.command.source == "action":
            names = _command_names(spec.command)
            where = _places(self._commanded, len(names))
            places.setdefault(self._commanded.key, {}).update(zip(where, names, strict=True))
        self.names = {key: _listed(found) for key, found in places.items()}

    def observations(self, observations: FloatArray) -> dict[str, FloatArray]:
        arrays: dict[str, FloatArray] = {}
        for name, each in self._columns.observe.items():
            self._put(arrays, each, observations[:, list(self._channels[name].columns)])
        return arrays

    def actions(self, actions: FloatArray) -> dict[str, FloatArray]:
        arrays: dict[str, FloatArray] = {}
        command = self._command
        assert command is not None
        values = actions
        if command.source == "action":
            values = actions[:, list(command.columns)] * np.asarray(command.scale)
        self._put(arrays, self._commanded, values)
        return arrays

    def _put(self, arrays: dict[str, FloatArray], columns: Columns, values: FloatArray) -> None:
        """Values (T, n) in physical units at their places of a key."""
        width = len(self.names.get(columns.key, ())) or values.shape[1]
        array = arrays.setdefault(columns.key, np.zeros((len(values), width)))
        raw: NDArray[np.float64] = (values - np.asarray(columns.offset)) / np.asarray(columns.scale)
        array[:, _places(columns, values.shape[1])] = raw


def _places(columns: Columns, size: int) -> list[int]:
    return list(range(size)) if columns.columns is None else list(columns.columns)


def _named(channel: ObservationChannel) -> list[tuple[str, int]]:
    """Name and column of each value, as LeRobot's data sets name theirs: `elbow.pos`, `block.x`."""
    ending = _ENDINGS.get(channel.kind, "")
    body = f"{channel.name}." if channel.kind in ("body_pose", "body_twist", "goal_position") else ""
    names = [f"{body}{value}{ending}" for value in channel.value_names]
    return list(zip(names, channel.columns, strict=True))


def _command_names(command: CommandChannel) -> list[str]:
    ending = _ENDINGS.get(f"joint_{command.interface}", "")
    return [f"{joint}{ending}" for joint in command.joints]


def _listed(found: Mapping[int, str]) -> list[str]:
    return [found.get(place, f"unused_{place}") for place in range(max(found) + 1)]
