"""Time series in Rerun's viewer or in an .rrd file: data sets' observations, actions, rewards and returns."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Dataset, Episode, return_to_go
from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec

FloatArray = NDArray[np.float64]
APPLICATION = "rcd_ros"
STEP = "step"
"""Timeline: control periods from the beginning of the first episode, a gap of one between episodes."""
TIME = "time"
"""Timeline: the same in s."""


def rerun() -> Any:
    """The module `rerun`.

    Raises:
        RcdError: it is not installed.
    """
    try:
        import rerun as module
    except ImportError as error:
        raise RcdError(f"this needs rerun-sdk ({error}): pip install 'rcd_ros[view]'") from error
    return module


def has_screen() -> bool:
    """Whether a viewer could open a window here."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def check_rrd(file: Path) -> None:
    """Make sure, before any work, that a file is one for Rerun, and that Rerun is there.

    Raises:
        RcdError: it is not.
    """
    rerun()
    if file.suffix != ".rrd":
        raise RcdError(f"'{file}': a file for Rerun ends in .rrd")


class RerunLog:
    """Series that are added to one recording, and how they are laid out.

    Views stand under one another in the order of their first series; events are listed below.
    """

    def __init__(self, stream: Any, period: float) -> None:
        """Log into a `rerun.RecordingStream`; `period` is s between two steps."""
        self._stream, self._period = stream, period
        self.views: dict[str, str] = {}
        self._bodies = self._events = False

    def series(self, path: str, steps: Sequence[int] | range, values: FloatArray, names: Sequence[str]) -> None:
        """Values (T, n) at steps (T,), a line a column.

        Args:
            path: `view/series`: series of one view share its first part, which is its name.
            steps: of the timeline.
            values: NaN where a line is interrupted.
            names: of the columns.
        """
        module = rerun()
        view = path.rpartition("/")[0] or path
        self.views.setdefault(view, view.replace("/", ": "))
        self._stream.log(path, module.SeriesLines(names=list(names)), static=True)
        self._stream.send_columns(path, self._index(steps), module.Scalars.columns(scalars=np.asarray(values)))

    def body(self, path: str, steps: Sequence[int] | range, positions: FloatArray) -> None:
        """Positions (T, 3) of a body, m, in one 3D view of all bodies."""
        module = rerun()
        self._bodies = True
        self._stream.send_columns(
            f"bodies/{path}", self._index(steps), module.Points3D.columns(positions=np.asarray(positions))
        )

    def event(self, step: int, text: str, bad: bool = False) -> None:
        """A line of text at a step."""
        module = rerun()
        self._events = True
        self._stream.set_time(STEP, sequence=step)
        self._stream.set_time(TIME, duration=step * self._period)
        self._stream.log("events", module.TextLog(text, level="WARN" if bad else "INFO"))

    def lay_out(self) -> None:
        """Tell the viewer what to show where."""
        import rerun.blueprint as blueprint

        plots = [blueprint.TimeSeriesView(origin=path, name=name) for path, name in self.views.items()]
        beside = [blueprint.Spatial3DView(origin="bodies", name="bodies")] if self._bodies else []
        beside += [blueprint.TextLogView(origin="events", name="events")] if self._events else []
        columns = [blueprint.Vertical(*plots), *([blueprint.Vertical(*beside)] if beside else [])]
        self._stream.send_blueprint(blueprint.Blueprint(blueprint.Horizontal(*columns, column_shares=[3, 1])))

    def _index(self, steps: Sequence[int] | range) -> list[object]:
        module, at = rerun(), np.asarray(steps)
        return [module.TimeColumn(STEP, sequence=at), module.TimeColumn(TIME, duration=at * self._period)]


@contextmanager
def rerun_log(period: float, file: Path | None) -> Iterator[RerunLog]:
    """A log that goes to a file, whole or not at all, or with None to a viewer that is opened.

    Raises:
        RcdError: Rerun is not installed, or the file cannot be written.
    """
    stream = rerun().RecordingStream(APPLICATION)
    partial = None if file is None else file.with_name(f".{file.name}.partial")
    log = RerunLog(stream, period)
    try:
        if partial is None:
            stream.spawn()
        else:
            stream.save(str(partial))
        yield log
        log.lay_out()
        stream.flush()
        stream.disconnect()
        if partial is not None and file is not None:
            partial.replace(file)
    except (OSError, RuntimeError) as error:
        raise RcdError(f"Rerun cannot show this ({' '.join(str(error).split())})") from error
    finally:
        if partial is not None:
            stream.disconnect()
            partial.unlink(missing_ok=True)


GAP = 1
"""Steps between two episodes."""


def show_dataset(log: RerunLog, dataset: Dataset, spec: TaskSpec | None, chosen: Sequence[int]) -> None:
    """Log some episodes of a data set, and what was refused when it was imported.

    Args:
        log: where to.
        dataset: whose.
        spec: of its task, in whose names and units the values are shown; None: column by column.
        chosen: places of the episodes.
    """
    origin = dataset.metadata.get("origin")
    refused = origin.get("refused") if isinstance(origin, dict) else None
    for text in refused if isinstance(refused, list) else []:
        log.event(0, f"refused: {text}", bad=True)
    step = 0
    for place in chosen:
        episode = dataset.episodes[place]
        log.event(step, describe(episode, place))
        log_episode(log, episode, spec, step)
        step += len(episode) + 1 + GAP


def describe(episode: Episode, place: int) -> str:
    """An episode in a line."""
    source = episode.info.get("source")
    of = f" ({source})" if source is not None else ""
    end = "terminated" if episode.terminated else "truncated"
    return f"episode {place}{of}: {len(episode)} steps, return {episode.total_reward:.4g}, {end}"


def log_episode(log: RerunLog, episode: Episode, spec: TaskSpec | None, begin: int, actions: bool = True) -> None:
    """Log what was observed, done (if `actions`) and gained in an episode that begins at a step."""
    seen, done = range(begin, begin + len(episode) + 1), range(begin, begin + len(episode))
    ends = begin + len(episode)
    for path, columns, names in _observed(episode, spec):
        values = episode.observations[:, columns].astype(np.float64)
        log.series(path, [*seen, ends + GAP], _interrupted(values), names)
    if spec is not None:
        for channel in spec.observations:
            if channel.kind == "body_pose":
                log.body(channel.name, seen, episode.observations[:, list(channel.columns[:3])].astype(np.float64))
    if actions:
        _log_actions(log, episode, spec, done)
    gained = np.stack((episode.rewards, return_to_go(episode.rewards, 1.0)), axis=1).astype(np.float64)
    log.series("rewards/values", [*done, ends], _interrupted(gained), ["reward", "return from here on"])


def _log_actions(log: RerunLog, episode: Episode, spec: TaskSpec | None, done: range) -> None:
    scale, names = np.ones(episode.actions.shape[1]), [f"[{i}]" for i in range(episode.actions.shape[1])]
    if spec is not None and spec.command.source == "action":
        for column, joint, unit, by in zip(
            spec.command.columns, spec.command.joints, spec.command.units, spec.command.scale, strict=True
        ):
            scale[column], names[column] = by, f"{joint} ({unit})"
    log.series("actions/values", [*done, done.stop], _interrupted(episode.actions * scale), names)


def _observed(episode: Episode, spec: TaskSpec | None) -> list[tuple[str, list[int], list[str]]]:
    """Path, columns and names of each plot of observations."""
    if spec is None:
        columns = list(range(episode.observations.shape[1]))
        return [("observations/values", columns, [f"[{column}]" for column in columns])]
    return [
        (
            f"observations/{channel.name}/values",
            list(channel.columns),
            [f"{name} ({unit})" for name, unit in zip(channel.value_names, channel.units, strict=True)],
        )
        for channel in spec.observations
    ]


def _interrupted(values: np.ndarray) -> np.ndarray:
    """Values with a row of NaN behind them: lines end there."""
    return np.vstack((values, np.full((1, values.shape[1]), np.nan)))
