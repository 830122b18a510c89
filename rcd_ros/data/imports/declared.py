"""What a task says about the columns of a data format, in places and factors."""

from __future__ import annotations

import numpy as np

from rcd_ros.data.imports.columns import ColumnMap, Columns
from rcd_ros.data.imports.derivatives import DERIVED
from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import BODY_SIZES, ObservationChannel
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.file.columns import Column, FileColumns
from rcd_ros.tasks.file.conversion import body_to_si, to_si
from rcd_ros.tasks.file.spec import channels_of
from rcd_ros.tasks.task import Task

_FROM_XYZW = (0, 1, 2, 6, 3, 4, 5)


def declared(task: Task, format_name: str) -> list[ColumnMap]:
    """The layouts of a format that a task describes, in its order; none where it says nothing.

    Units of the file become factors to SI units, quaternions x, y, z, w become w, x, y, z.

    Raises:
        RcdError: a name, a unit or a number of columns does not fit the task; of a task file with the line.
    """
    return [_Declaration(task, format_name, told).map() for told in task.columns.get(format_name, ())]


class _Declaration:
    def __init__(self, task: Task, format_name: str, told: FileColumns) -> None:
        self._task, self._format, self._told = task, format_name, told

    def map(self) -> ColumnMap:
        told, spec = self._told, self._task.spec
        channels = {channel.name: channel for channel in spec.observations}
        observe = {}
        for name, column in told.observe.items():
            if name not in channels:
                raise self._error(self._unknown(name, channels), "observe", name)
            observe[name] = self._observed(channels[name], column)
        missing = [name for name, each in channels.items() if name not in observe and each.kind not in DERIVED]
        if missing:
            raise self._error(f"{', '.join(missing)} must be named, only velocities may be left out", "observe")
        return ColumnMap(
            observe,
            None if isinstance(told.command, str) else self._commanded(spec, told.command),
            None if told.reward is None else self._single(told.reward, "reward"),
            None if told.success is None else self._single(told.success, "success"),
            told.width,
        )

    def _unknown(self, name: str, channels: dict[str, ObservationChannel]) -> str:
        file = self._task.file
        if file is not None and name in file.content.observe:
            made = [channel for channel, _ in channels_of(name, file.content.observe[name])]
            return f"'{name}' is several channels, give the columns of each: {', '.join(made)}"
        return f"nothing observed is called '{name}'{did_you_mean(name, channels)}; there are: {', '.join(channels)}"

    def _observed(self, channel: ObservationChannel, column: Column) -> Columns:
        places = column.columns or None
        where = ("observe", channel.name)
        if places is not None and len(places) != channel.size:
            raise self._error(f"'{channel.name}' has {channel.size} values, got {len(places)} columns", *where)
        if channel.kind not in BODY_SIZES:
            return self._converted(column, channel.joints, channel.units, places, where)
        if column.quaternion == "xyzw" and channel.kind == "body_pose":
            places = tuple((places or tuple(range(channel.size)))[i] for i in _FROM_XYZW)
        try:
            scale, offset = body_to_si(column, channel.units)
        except RcdError as error:
            raise self._error(str(error), *where) from error
        return Columns(column.key, places, tuple(scale.tolist()), tuple(offset.tolist()))

    def _commanded(self, spec: TaskSpec, column: Column) -> Columns:
        command, places = spec.command, column.columns or None
        if command.source != "action":
            return Columns(column.key, places)
        if places is not None and len(places) != command.size:
            raise self._error(f"{command.size} values are commanded, got {len(places)} columns", "command")
        return self._converted(column, command.joints, command.units, places, ("command",))

    def _single(self, column: Column, what: str) -> Columns:
        if len(column.columns) > 1:
            raise self._error(f"needs one column, got {len(column.columns)}", what)
        return self._converted(column, (what,), ("1",), column.columns or (0,), (what,))

    def _converted(
        self,
        column: Column,
        names: tuple[str, ...],
        units: tuple[str, ...],
        places: tuple[int, ...] | None,
        where: tuple[str, ...],
    ) -> Columns:
        try:
            scale, offset = to_si(column, names, units)
        except RcdError as error:
            raise self._error(str(error), *where) from error
        return Columns(column.key, places, tuple(np.asarray(scale).tolist()), tuple(np.asarray(offset).tolist()))

    def _error(self, text: str, *keys: str) -> RcdError:
        where = ("columns", self._format, *keys)
        if self._task.file is not None:
            return self._task.file.error(text, *where)
        return RcdError(f"task '{self._task.spec.name}': {'.'.join(where)}: {text}")
