"""Observations and trajectories are matched by stamp; what is late or never comes is missed."""

from __future__ import annotations

import numpy as np
import pytest

from rcd_ros.benchmarks.loop.times import LoopTimes, loop_times

MS = 1_000_000


def times(sent: list[int], received: list[tuple[int, int]], period: float = 0.008) -> LoopTimes:
    """Of moments in ms."""
    pairs = np.array(received, np.int64).reshape(-1, 2) * MS
    return loop_times(np.array(sent, np.int64) * MS, pairs[:, 0], pairs[:, 1], period)


def test_times_run_from_the_stamp_to_the_arrival() -> None:
    result = times([100, 108, 116, 124], [(100, 101), (108, 110), (116, 119), (124, 128)])
    assert (result.e2e_p50_ms, result.e2e_max_ms) == (2.5, 4.0)
    assert result.e2e_p99_ms == pytest.approx(3.97)
    assert (result.missed, result.periods, result.holds) == (0, 4, True)


def test_a_late_trajectory_and_one_that_never_comes_are_missed() -> None:
    result = times([100, 108, 116, 124], [(100, 108), (108, 117), (124, 125)])
    assert (result.missed, result.periods, result.holds) == (2, 4, False)
    assert result.e2e_max_ms == 9.0, "the one that never came has no time"


def test_only_the_first_arrival_counts_and_strangers_do_not() -> None:
    result = times([100, 108], [(92, 93), (108, 110), (100, 101), (108, 150)])
    assert (result.e2e_max_ms, result.missed, result.periods) == (2.0, 0, 2)


def test_without_a_trajectory_there_are_no_times() -> None:
    result = times([100, 108], [])
    assert (result.e2e_p50_ms, result.e2e_p99_ms, result.missed) == (None, None, 2)
    assert not times([], []).holds, "nothing was measured"


def test_one_in_a_thousand_may_be_missed() -> None:
    sent = list(range(1000))
    answered = [(moment, moment + 1) for moment in sent]
    assert times(sent, answered[1:]).holds
    assert not times(sent, answered[2:]).holds
