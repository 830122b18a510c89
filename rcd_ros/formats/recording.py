"""What every format is read into and written from: episodes of named arrays, in the file's own columns and units.

An episode has T rows. A row holds what was observed, and the command that was given then. Checks that need nothing but
the arrays are made here, for all formats: NaN, lengths, gaps between stamps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class RecordedEpisode:
    """One episode as its file has it.

    Attributes:
        name: where it is in the source, such as `demo_3` or `episode_000012`.
        arrays: by key, (T, n) in the file's units; row t of every key belongs to the same moment.
        last: by key, (n,): what was observed after the last action, where the file says it.
        rewards: (T,), for the step that begins with the row; None where the file has none.
        terminated: whether the last step ended the task; None where the file does not say.
        success: the file's own label; None where there is none.
        problem: why it cannot be used, in half a sentence; its arrays are empty then.
        number: by which the source counts it; None: its place in the source, from 0.
        stamps: (T,) s, of the rows; None where the file has none.
    """

    name: str
    arrays: Mapping[str, FloatArray] = field(default_factory=dict)
    last: Mapping[str, FloatArray] = field(default_factory=dict)
    rewards: FloatArray | None = None
    terminated: bool | None = None
    success: bool | None = None
    problem: str = ""
    number: int | None = None
    stamps: FloatArray | None = None

    def __len__(self) -> int:
        """Number of rows."""
        return len(next(iter(self.arrays.values()), ()))


@dataclass(frozen=True)
class Recording:
    """A source of episodes: iterating reads them one after another, as often as wanted; `len` tells how many.

    Attributes:
        format: name of the format, as `columns` of a task file has it.
        path: where it was read from.
        begin: begins to read.
        total: number of episodes.
        period: s between two rows, where the source says it; stamps of episodes are checked against it.
        names: by key, the source's name of each column; a key without names is not in it.
        notes: what was left out, one sentence each.
        suspicions: what looks wrong about the source as a whole, likewise.
    """

    format: str
    path: Path
    begin: Callable[[], Iterator[RecordedEpisode]]
    total: int
    period: float | None = None
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    suspicions: Sequence[str] = ()

    def __iter__(self) -> Iterator[RecordedEpisode]:
        """Read the episodes; one whose arrays cannot be an episode comes empty, with its `problem`."""
        for episode in self.begin():
            problem = episode.problem or _problem(episode, self.period)
            yield RecordedEpisode(episode.name, problem=problem, number=episode.number) if problem else episode

    def __len__(self) -> int:
        """Number of episodes."""
        return self.total


@dataclass(frozen=True)
class Export:
    """Episodes as a format is to hold them.

    Attributes:
        episodes: one or more, of the same keys and widths.
        names: by key, of its columns; a key without names is not in it.
        period: s between two rows; None where it is not known.
        task: what was done, in a word.
        notes: what is not written, one sentence each.
    """

    episodes: Sequence[RecordedEpisode]
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    period: float | None = None
    task: str = ""
    notes: Sequence[str] = ()


def matrix(values: ArrayLike) -> FloatArray:
    """Numbers of shape (T, ...) as (T, n), n the product of what follows T.

    Raises:
        RcdError: they are no numbers, or a single one.
    """
    array = np.asarray(values)
    if array.ndim == 0 or array.dtype.kind not in "fiub":
        raise RcdError(f"needs numbers of shape (rows, values), got {array.dtype} {array.shape}")
    width = int(np.prod(array.shape[1:], dtype=np.int64))
    with np.errstate(invalid="ignore"):  # a damaged file's values are looked at later
        return array.reshape(len(array), width).astype(np.float64)


def _problem(episode: RecordedEpisode, period: float | None) -> str:
    """Why the arrays of an episode cannot be used; empty where they can."""
    columns: dict[str, FloatArray] = dict(episode.arrays)
    columns |= {} if episode.rewards is None else {"rewards": episode.rewards}
    columns |= {} if episode.stamps is None else {"stamps": episode.stamps}
    lengths = {key: len(array) for key, array in columns.items()}
    if len(set(lengths.values())) > 1:
        return "arrays of different lengths: " + ", ".join(f"{key} {length}" for key, length in lengths.items())
    if not episode.arrays or not len(episode):
        return "it holds no rows"
    if gap := "" if episode.stamps is None or period is None else _gap(episode.stamps, period):
        return gap
    for key, array in columns.items():
        bad = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
        if bad.size:
            return f"{key} holds NaN or infinite values, first in row {bad[0]}"
    for key, values in episode.last.items():
        if not np.isfinite(values).all():
            return f"the last {key} holds NaN or infinite values"
    return ""


def _gap(stamps: FloatArray, period: float) -> str:
    """Which two rows are the first that lie less than half a period, or more than one and a half, apart; or empty."""
    steps = np.diff(stamps)
    wrong = np.flatnonzero(~(np.abs(steps / period - 1.0) <= 0.5))  # NaN is wrong, too
    if not wrong.size:
        return ""
    first = int(wrong[0])
    return f"frames {first} and {first + 1} lie {steps[first]:.3g} s apart, a period is {period:.3g} s"
