"""The progress bar of `rcd bench realtime`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from typing_extensions import Self

from rcd_ros.evaluation.results import BridgeResults
from rcd_ros.progress import progress_bar

LOOK_EVERY_S = 0.5


class Progress:
    """A bar over the time that all runs are expected to take: an episode takes a different time at each speed."""

    def __init__(self, expected_s: float) -> None:
        """Show the bar of work that takes about `expected_s` seconds."""
        layout = "{desc}{percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
        self._bar = progress_bar(total=expected_s, bar_format=layout)
        self._episode_s = 0.0
        self._reached = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def begin(self, what: str, episode_s: float) -> None:
        """Episodes of another run follow, each expected to take `episode_s` seconds."""
        self._episode_s, self._reached = episode_s, 0
        self._bar.set_description(what)

    def reach(self, episodes: int, score: float) -> None:
        """So many episodes of this run are finished, with this mean score."""
        if episodes > self._reached:
            self._bar.set_postfix({"episodes": episodes, "score": f"{score:.1f}"}, refresh=False)
            self._bar.update((episodes - self._reached) * self._episode_s)
            self._reached = episodes

    @contextlib.contextmanager
    def following(self, results: Path) -> Iterator[None]:
        """Meanwhile look into the file that a bridge writes after each episode."""
        done = threading.Event()

        def look() -> None:
            if results.exists():
                written = BridgeResults.read(results)
                self.reach(written.episodes, written.score_mean or 0.0)

        def keep_looking() -> None:
            while not done.wait(LOOK_EVERY_S):
                look()

        thread = threading.Thread(target=keep_looking, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            look()
