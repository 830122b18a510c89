"""A data set at a glance: lengths, returns, and the range of every channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Dataset, check_columns
from rcd_ros.planning.spec import TaskSpec


@dataclass(frozen=True)
class Range:
    """Smallest, mean and largest value of a channel, in the data set's units."""

    name: str
    unit: str
    low: float
    mean: float
    high: float


@dataclass(frozen=True)
class Summary:
    """What `rcd data show` prints.

    Attributes:
        episodes: how many.
        steps: of all episodes.
        shortest: steps of the shortest episode.
        longest: steps of the longest one.
        terminated: how many episodes terminated.
        returns: (episodes,), undiscounted.
        observations: by channel and unit, or by column.
        actions: by joint, or by column; in the data set's own units.
    """

    episodes: int
    steps: int
    shortest: int
    longest: int
    terminated: int
    returns: NDArray[np.float64]
    observations: list[Range]
    actions: list[Range]


def summarize(dataset: Dataset, spec: TaskSpec | None) -> Summary:
    """Summarise a data set, by the names of a task's channels where its task is known, else column by column.

    Raises:
        RcdError: the data set has fewer columns than the task reads.
    """
    if spec is not None:
        check_columns(dataset.episodes[0], 0, spec)
    lengths = [len(episode) for episode in dataset.episodes]
    observations = np.concatenate([episode.observations for episode in dataset.episodes])
    actions = np.concatenate([episode.actions for episode in dataset.episodes])
    return Summary(
        episodes=len(lengths),
        steps=sum(lengths),
        shortest=min(lengths),
        longest=max(lengths),
        terminated=sum(episode.terminated for episode in dataset.episodes),
        returns=dataset.returns,
        observations=_observed_ranges(observations, spec),
        actions=_action_ranges(actions, spec),
    )


def histogram(values: NDArray[np.float64], bins: int = 10) -> list[tuple[str, int]]:
    """Counts by value where these are few and whole (completed goals), else by equal intervals: (label, count)."""
    whole = np.unique(values)
    if len(whole) <= bins and np.array_equal(whole, np.round(whole)) and np.ptp(whole) < 2 * bins:
        steps = np.arange(int(whole[0]), int(whole[-1]) + 1)
        return [(str(value), int((values == value).sum())) for value in steps]
    counts, edges = np.histogram(values, bins)
    return [
        (f"{low:.4g} to {high:.4g}", int(count)) for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def _observed_ranges(values: NDArray[np.float32], spec: TaskSpec | None) -> list[Range]:
    if spec is None:
        return _by_column(values)
    ranges = []
    for channel in spec.observations:
        # A channel's values may have several units (rad and m in one joint group): one line for each.
        for unit in dict.fromkeys(channel.units):
            columns = [column for column, its in zip(channel.columns, channel.units, strict=True) if its == unit]
            ranges.append(_range(channel.name, unit, values[:, columns]))
    return ranges


def _action_ranges(values: NDArray[np.float32], spec: TaskSpec | None) -> list[Range]:
    if spec is None or spec.command.source != "action":
        return _by_column(values)
    # Actions are stored in the data set's own units; `scale` says what 1 stands for.
    return [
        _range(joint, f"x {scale:g} {unit}", values[:, [column]])
        for joint, scale, unit, column in zip(
            spec.command.joints, spec.command.scale, spec.command.units, spec.command.columns, strict=True
        )
    ]


def _by_column(values: NDArray[np.float32]) -> list[Range]:
    return [_range(f"[{column}]", "", values[:, [column]]) for column in range(values.shape[1])]


def _range(name: str, unit: str, values: NDArray[np.float32] | Sequence[float]) -> Range:
    array = np.asarray(values, dtype=np.float64)
    return Range(name, unit, float(array.min()), float(array.mean()), float(array.max()))
