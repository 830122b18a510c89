"""Progress of long work on stderr: a bar on a terminal, elsewhere a line every 30 s, so that logs stay readable."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

LINE_EVERY_S = 30.0
"""Time between lines where stderr is no terminal; the first is written at the start, the last at the end."""


def on_terminal() -> bool:
    """Whether stderr is a terminal, where a line can be overwritten."""
    return sys.stderr is not None and sys.stderr.isatty()


def progress_bar(iterable: Iterable[object] | None = None, **settings: object) -> tqdm[Any]:
    """A bar over `iterable`, or one that is moved by its `update`; `settings` are those of tqdm."""
    return (tqdm if on_terminal() else _Lines)(iterable, **settings)


class _Lines(tqdm):  # type: ignore[misc]  # tqdm has no types
    """A bar that is written as lines."""

    def __init__(self, iterable: Iterable[object] | None = None, **settings: object) -> None:
        self._next_line = 0.0
        self._last_line = ""
        super().__init__(iterable, **settings | {"file": io.StringIO(), "ncols": 0})

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        """Write a line if one is due; `msg` is empty where a bar would be cleared."""
        now = time.monotonic()
        line = str(self).strip() if msg is None else msg
        if line and line != self._last_line and now >= self._next_line:
            self._next_line, self._last_line = now + LINE_EVERY_S, line
            print(line, file=sys.stderr, flush=True)
        return True

    def close(self) -> None:
        """Write the final state, unless the bar is to leave none."""
        self._next_line = 0.0
        super().close()
