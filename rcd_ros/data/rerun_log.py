"""Time series in Rerun's viewer or in an .rrd file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError

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
        self._views: dict[str, str] = {}
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
        self._views.setdefault(view, view.replace("/", ": "))
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

        plots = [blueprint.TimeSeriesView(origin=path, name=name) for path, name in self._views.items()]
        beside = [blueprint.Spatial3DView(origin="bodies", name="bodies")] if self._bodies else []
        beside += [blueprint.TextLogView(origin="events", name="events")] if self._events else []
        columns = [blueprint.Vertical(*plots), *([blueprint.Vertical(*beside)] if beside else [])]
        self._stream.send_blueprint(blueprint.Blueprint(blueprint.Horizontal(*columns, column_shares=[3, 1])))

    def _index(self, steps: Sequence[int] | range) -> list[Any]:
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
