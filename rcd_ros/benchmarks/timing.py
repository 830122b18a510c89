"""Wall times of plans: what is called, how it is timed, and how two sides compare.

Garbage collection is off while the clock runs. Sides that are compared take turns, so that drift of the machine
affects both.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rcd_ros.evaluation.scores import bootstrap_interval
from rcd_ros.planning.execution.stream import CommandStream, StreamSettings
from rcd_ros.planning.execution.trajectory import ShapedPlan
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.planner import Policy
from rcd_ros.planning.spec import TaskSpec


def rehearsal(planner: Policy, observations: NDArray[np.float64]) -> Callable[[], NDArray[np.float64]]:
    """A function that makes one plan per call, from each of the observations (count, history, n_obs) in turn."""
    turns = itertools.cycle(list(observations))
    return lambda: planner.plan(next(turns))


def shaped_rehearsal(planner: Policy, spec: TaskSpec, observations: NDArray[np.float64]) -> Callable[[], ShapedPlan]:
    """As `rehearsal`, up to the trajectory within the motion limits of `spec`: one plan a control period.

    It starts from the measured positions, which takes longer than from the commanded ones.

    Raises:
        RcdError: the limits cannot be used.
    """
    stream = CommandStream(spec, StreamSettings(shape=True, anchor="measured"))
    turns, stamps = itertools.cycle(list(observations)), itertools.count(0, round(spec.control_period * 1e9))

    def plan() -> ShapedPlan:
        history, stamp = next(turns), next(stamps)
        return stream.next(planner.plan(history), history[-1], stamp, stamp)

    return plan


def varied_observations(manifest: Manifest, count: int = 256, seed: int = 0) -> NDArray[np.float64]:
    """Observations (count, history, n_obs) with the mean and standard deviation of the training data."""
    normal = np.random.default_rng(seed).standard_normal((count, manifest.history, manifest.task.observation_size))
    mean, std = np.asarray(manifest.normalizer.observation_mean), np.asarray(manifest.normalizer.observation_std)
    observations: NDArray[np.float64] = mean + normal * std
    return observations


class Latency(NamedTuple):
    """Percentiles of wall time, ms, over `plans` calls."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    plans: int


def summarize_times(nanoseconds: NDArray[np.int64]) -> Latency:
    """Percentiles of durations (n,) in ns, n >= 1, linear between two neighbours."""
    p50, p95, p99, most = np.percentile(nanoseconds, (50, 95, 99, 100)) / 1e6
    return Latency(float(p50), float(p95), float(p99), float(most), nanoseconds.size)


def measure(
    call: Callable[[], object],
    plans: int,
    warm_up: int,
    synchronize: Callable[[], None] | None = None,
    prepare: Callable[[], None] | None = None,
) -> Latency:
    """Time repeated calls, with garbage collection disabled.

    Args:
        call: what is timed.
        plans: calls that count.
        warm_up: calls before them, which do not.
        synchronize: waits for a device that `call` only sends work to; inside the clock, and before it starts. An
            engine of `planning.engines` has waited when it returns and needs none.
        prepare: runs before each call, outside the clock: the next observation comes in, and a planner draws its
            noise ahead (`Planner.prepare`), as the node does while it waits for that observation.
    """
    times = np.zeros(plans, np.int64)
    with resting_collector():
        time_calls(call, times, warm_up, synchronize, prepare)
    return summarize_times(times)


def time_calls(
    call: Callable[[], object],
    times: NDArray[np.int64],
    warm_up: int = 0,
    synchronize: Callable[[], None] | None = None,
    prepare: Callable[[], None] | None = None,
) -> None:
    """Call `warm_up` times unmeasured, then once for each element of `times` (n,), which takes the duration in ns."""
    before, wait = prepare or _nothing, synchronize or _nothing
    for index in range(-warm_up, len(times)):
        before()
        wait()
        start = perf_counter_ns()
        call()
        wait()
        duration = perf_counter_ns() - start
        if index >= 0:
            times[index] = duration


@contextlib.contextmanager
def resting_collector() -> Iterator[None]:
    """Disables garbage collection inside: existing objects are frozen, new ones are not collected."""
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Subject:
    """What is timed.

    Attributes:
        call: runs inside the clock.
        prepare: runs before each turn, outside of it: between the calls of a turn it would cool their caches.
        turn: calls in a row whenever it is this subject's turn.
    """

    call: Callable[[], object]
    prepare: Callable[[], None]
    turn: int = 1

    def time(self) -> NDArray[np.int64]:
        """One turn: durations (turn,), ns."""
        self.prepare()
        times = np.zeros(self.turn, np.int64)
        time_calls(self.call, times)
        return times


class Ratio(NamedTuple):
    """Ratio of medians with its 95 % interval."""

    value: float
    low: float
    high: float


def take_turns(
    sides: Sequence[Callable[[], NDArray[np.int64]]], rounds: int, tick: Callable[[], object] = lambda: None
) -> list[NDArray[np.int64]]:
    """Time all sides in turn, round after round, with garbage collection disabled.

    Args:
        sides: functions that time one turn and return its durations (turn,), ns; in this order, each warmed up.
        rounds: turns of each.
        tick: is called after every round.

    Returns:
        For each side its durations (rounds, turn), ns.
    """
    times: list[list[NDArray[np.int64]]] = [[] for _ in sides]
    with resting_collector():
        for _ in range(rounds):
            for side, turns in zip(sides, times, strict=True):
                turns.append(side())
            tick()
    return [np.stack(turns) for turns in times]


def ratio_of_medians(slow: NDArray[np.int64], fast: NDArray[np.int64], resamples: int = 2000, seed: int = 0) -> Ratio:
    """median(slow) / median(fast), with a percentile bootstrap interval over the rounds.

    A round is resampled as a whole, with both of its sides, since a disturbance affects both.

    Args:
        slow: durations (rounds, any), of any unit.
        fast: durations (rounds, any), of the same unit.
        resamples: number of resampled ratios.
        seed: the same durations and seed give the same interval.
    """

    def ratio(rounds: NDArray[np.intp], axis: int = -1) -> NDArray[np.float64]:
        drawn = np.moveaxis(np.atleast_2d(rounds), axis, -1)
        ratios = np.array([np.median(slow[each]) / np.median(fast[each]) for each in drawn])
        return ratios if rounds.ndim > 1 else ratios[0]

    rounds = np.arange(len(slow))
    low, high = bootstrap_interval(rounds, seed, ratio, resamples=resamples)
    return Ratio(float(ratio(rounds)), low, high)
