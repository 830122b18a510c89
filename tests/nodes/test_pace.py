"""Overruns and the speed reached, for a timer that skips the ticks it missed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from rcd_ros.nodes.pace import Pace

PERIOD, SPEED = 0.08, 8.0
TICK = 0.005


def run(pace: Pace, busy: Iterable[float]) -> None:
    """Two ticks of a skipping timer per period; at the first, a step is computed that takes `busy` s."""
    ticks = 0
    pace.begin(0.0)
    for seconds in busy:
        ticks += 1  # the middle of the period
        ticks += 1 + int(seconds / TICK)
        pace.end_period(ticks * TICK)


def test_steps_that_fit_into_their_half_period_hold_the_speed() -> None:
    pace = Pace(PERIOD, SPEED)
    run(pace, [0.0049] * 50)
    assert (pace.periods, pace.overruns, pace.problem) == (50, 0, "")
    assert pace.speed == pytest.approx(SPEED)


def test_a_slow_step_is_an_overrun_and_its_time_is_not_made_up_for() -> None:
    """One step of 12 ms misses two ticks of 5 ms: the world stands still for a period."""
    pace = Pace(PERIOD, SPEED)
    run(pace, [0.001] * 10 + [0.012] + [0.001] * 9)
    assert pace.overruns == 1
    assert pace.speed == pytest.approx(SPEED * 20 / 21)
    assert "instead of 8 times (1 of 20 periods" in pace.problem


def test_a_simulator_that_is_always_too_slow_overruns_always() -> None:
    pace = Pace(PERIOD, SPEED)
    run(pace, [0.0151] * 20)
    assert pace.overruns == 20
    assert pace.speed == pytest.approx(SPEED * 0.010 / 0.025)


def test_a_tick_late_by_less_than_its_length_is_made_up_for() -> None:
    pace = Pace(PERIOD, SPEED)
    pace.begin(100.0)
    for k in range(1, 11):
        pace.end_period(100.0 + k * 0.010 + (0.004 if k % 2 else 0.0))
    assert pace.overruns == 0
    assert pace.speed == pytest.approx(SPEED)


def test_time_between_episodes_does_not_count() -> None:
    pace = Pace(PERIOD, SPEED)
    for begin in (0.0, 50.0):
        pace.begin(begin)
        for k in range(1, 6):
            pace.end_period(begin + k * 0.010)
    assert (pace.periods, pace.overruns) == (10, 0)
    assert pace.values() == {"periods": 10, "overruns": 0, "speed_reached": 8.0, "speed_held": True}


def test_nothing_is_said_before_the_first_period() -> None:
    pace = Pace(PERIOD, SPEED)
    assert pace.values() == {"periods": 0, "overruns": 0, "speed_reached": None, "speed_held": True}
    assert pace.problem == ""
