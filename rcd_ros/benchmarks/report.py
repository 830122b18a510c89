"""Results of many data sets, methods and training seeds as one table: means with intervals, averages, times.

Intervals are rliable's stratified bootstrap (Agarwal et al. 2021, arXiv 2108.13264), strata being the data sets, drawn
in two stages: training seeds, then the episodes of each drawn seed. Averages over the data sets are of means, and of
the interquartile mean, which half of the episodes, best and worst, do not enter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rliable.library import StratifiedBootstrap
from rliable.metrics import aggregate_iqm, aggregate_mean

from rcd_ros.benchmarks.results import Result
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.comparison import check_alike

RESAMPLES = 2_000
FloatArray = NDArray[np.float64]


class SeedEpisodeBootstrap(StratifiedBootstrap):  # type: ignore[misc]  # rliable has no types
    """Resamples scores (seeds, tasks, episodes): seeds for each task, then episodes of each drawn seed.

    rliable's own draws from NumPy's global generator whatever its `random_state` says; this one from its own.
    """

    def __init__(self, scores: FloatArray, seed: int) -> None:
        super().__init__(scores)
        self._generator_of_draws = np.random.default_rng(seed)

    def update_indices(self) -> tuple[NDArray[np.int64], ...]:
        """Indices of one resample, one array an axis."""
        seeds, tasks, episodes = self._args_shape
        drawn = self._generator_of_draws.integers(seeds, size=(seeds, tasks, 1))
        of_each = self._generator_of_draws.integers(episodes, size=(seeds, tasks, episodes))
        return drawn, np.arange(tasks)[None, :, None], of_each


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, points."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1f} ({self.low:.1f} to {self.high:.1f})"


@dataclass(frozen=True)
class Row:
    """One method on one data set, training seeds pooled.

    Attributes:
        dataset: as the results' folder is called.
        method: likewise.
        mean: over all episodes of all seeds.
        iqm: interquartile mean over the same.
        per_seed: the mean of each training seed.
        episodes: of each seed.
        train_seconds: mean wall time of a training (s), None where it is not known.
        plan_ms_p50: median over the seeds, ms.
        plan_ms_p99: likewise.
        nfe: network evaluations a plan.
    """

    dataset: str
    method: str
    mean: Estimate
    iqm: Estimate
    per_seed: tuple[float, ...]
    episodes: int
    train_seconds: float | None
    plan_ms_p50: float
    plan_ms_p99: float
    nfe: int | None


@dataclass(frozen=True)
class Average:
    """One method over all data sets.

    Attributes:
        method: as the results' folder is called.
        mean: average over the data sets of the mean score.
        iqm: interquartile mean over the episodes of all data sets.
        seeds: training seeds that every data set has.
    """

    method: str
    mean: Estimate
    iqm: Estimate
    seeds: int


@dataclass(frozen=True)
class Report:
    """A table's content.

    Attributes:
        datasets: in the order of the results.
        methods: in the order that they are shown in.
        rows: (data set, method) -> what was measured.
        averages: method -> its averages; a method that lacks a data set has none: it would not compare.
    """

    datasets: tuple[str, ...]
    methods: tuple[str, ...]
    rows: Mapping[tuple[str, str], Row]
    averages: Mapping[str, Average]


def build_report(results: Sequence[Result], methods: Sequence[str] = ()) -> Report:
    """Pool training seeds and compute intervals and averages.

    Args:
        results: one or more.
        methods: those to show, in this order; all of them, by name, where none is named.

    Raises:
        RcdError: there is no such method, or the seeds of a method differ by more than their seed.
    """
    known = tuple(dict.fromkeys(result.cell.method for result in results))
    for method in methods:
        if method not in known:
            raise RcdError(f"there is no result of the method '{method}'; there are: {', '.join(known)}")
    chosen = tuple(methods) or known
    datasets = tuple(dict.fromkeys(result.cell.dataset for result in results))
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.cell.dataset, result.cell.method), []).append(result)
    rows, scores = {}, {}
    for (dataset, method), group in groups.items():
        if method in chosen:
            scores[dataset, method] = _scores(f"{dataset}, {method}", group)
            rows[dataset, method] = _row(dataset, method, group, scores[dataset, method])
    averages = {}
    for method in chosen:
        if all((dataset, method) in rows for dataset in datasets):
            averages[method] = _average(method, [scores[dataset, method] for dataset in datasets])
    return Report(datasets, chosen, rows, averages)


def interval(scores: FloatArray, metric: Callable[[FloatArray], float], seed: int = 0) -> Estimate:
    """A metric of scores (seeds, tasks, episodes) with its 95 % two-stage bootstrap interval.

    Args:
        scores: points.
        metric: rliable's, of a matrix (runs, tasks).
        seed: the same scores and seed give the same interval.

    Returns:
        The metric of all scores, with the 2.5th and 97.5th percentile of `RESAMPLES` resamples, points.
    """

    def of_runs(drawn: FloatArray) -> float:
        return float(metric(np.moveaxis(drawn, 1, 2).reshape(-1, drawn.shape[1])))

    bounds = SeedEpisodeBootstrap(scores, seed).conf_int(of_runs, reps=RESAMPLES, size=0.95, method="percentile")
    return Estimate(of_runs(scores), float(bounds[0, 0]), float(bounds[1, 0]))


def _scores(label: str, group: Sequence[Result]) -> FloatArray:
    """(seeds, episodes), points."""
    check_alike(label, [result.evaluation for result in group])
    rows = [[episode.score for episode in result.evaluation.episode_results] for result in group]
    if len({len(row) for row in rows}) > 1:
        counts = ", ".join(str(len(row)) for row in rows)
        raise RcdError(f"{label}: its training seeds were scored by different numbers of episodes ({counts})")
    return np.asarray(rows, np.float64)


def _row(dataset: str, method: str, group: Sequence[Result], scores: FloatArray) -> Row:
    seconds = [result.made.train_seconds for result in group if result.made.train_seconds is not None]
    return Row(
        dataset=dataset,
        method=method,
        mean=interval(scores[:, None], aggregate_mean),
        iqm=interval(scores[:, None], aggregate_iqm),
        per_seed=tuple(scores.mean(axis=1).tolist()),
        episodes=scores.shape[1],
        train_seconds=float(np.mean(seconds)) if seconds else None,
        plan_ms_p50=float(np.median([result.evaluation.plan_ms_p50 for result in group])),
        plan_ms_p99=float(np.median([result.evaluation.plan_ms_p99 for result in group])),
        nfe=group[0].evaluation.nfe,
    )


def _average(method: str, scores: Sequence[FloatArray]) -> Average:
    """Over as many seeds and episodes as every data set has."""
    seeds, episodes = (min(each.shape[axis] for each in scores) for axis in (0, 1))
    stacked = np.stack([each[:seeds, :episodes] for each in scores], axis=1)
    return Average(method, interval(stacked, aggregate_mean), interval(stacked, aggregate_iqm), seeds)
