"""Speed-up: the ratio of two medians, measured in turns so that drift affects both sides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rcd_ros.evaluation.latency import resting_collector, time_calls
from rcd_ros.evaluation.scores import bootstrap_interval


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


class Ratio(NamedTuple):
    """Ratio of medians with its 95 % interval."""

    value: float
    low: float
    high: float


def take_turns(
    subjects: Sequence[Subject], rounds: int, tick: Callable[[], object] = lambda: None
) -> list[NDArray[np.int64]]:
    """Time all subjects in turn, round after round, with garbage collection disabled.

    Args:
        subjects: timed in this order; each must be warmed up.
        rounds: turns of each.
        tick: is called after every round.

    Returns:
        For each subject its durations (rounds, turn), ns.
    """
    times = [np.zeros((rounds, subject.turn), np.int64) for subject in subjects]
    with resting_collector():
        for index in range(rounds):
            for subject, table in zip(subjects, times, strict=True):
                subject.prepare()
                time_calls(subject.call, table[index])
            tick()
    return times


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
