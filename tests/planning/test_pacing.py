"""Drivers may publish faster or slower than plans are due."""

from __future__ import annotations

import numpy as np
import pytest

from rcd_ros.planning.observation.timing import ObservationPacer

MS = 1_000_000
PERIOD = 50 * MS


def chosen(pacer: ObservationPacer, stamps: list[int]) -> list[int]:
    return [stamp for stamp in stamps if pacer.wants(stamp)]


def test_of_faster_observations_one_a_period_is_planned_on() -> None:
    found = chosen(ObservationPacer(PERIOD), [7 * MS + k * 10 * MS for k in range(51)])
    assert found == [7 * MS + k * PERIOD for k in range(11)]


@pytest.mark.parametrize("rate", [23.0, 30.0, 64.0, 125.0, 500.0])
def test_the_rate_is_held_where_it_is_no_divisor_and_stamps_jitter(rate: float) -> None:
    jitter = np.random.default_rng(0).uniform(-0.2, 0.2, 2000)
    stamps = [round((k + jitter[k]) / rate * 1e9) for k in range(2000)]
    found = chosen(ObservationPacer(PERIOD), stamps)
    assert len(found) == pytest.approx(2000 / rate * 20.0, rel=0.05)
    assert np.diff(found).max() < 2.0 * PERIOD


def test_slower_observations_are_all_planned_on() -> None:
    jitter = np.random.default_rng(0).integers(-8 * MS, 8 * MS, 100)
    for period in (PERIOD, 70 * MS, 200 * MS):
        stamps = [k * period + int(jitter[k]) for k in range(100)]
        assert chosen(ObservationPacer(PERIOD), stamps) == stamps


def test_goals_gaps_and_a_clock_that_begins_anew_are_planned_on_at_once() -> None:
    pacer = ObservationPacer(PERIOD)
    assert chosen(pacer, [0, 10 * MS, 10 * MS, 20 * MS]) == [0, 10 * MS]
    assert pacer.wants(10_000 * MS)
    assert not pacer.wants(10_010 * MS)
    assert pacer.wants(5 * MS)
    pacer.reset()
    assert pacer.wants(6 * MS)
