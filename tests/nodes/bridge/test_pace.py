"""Overruns and the speed reached, for a timer that skips the ticks it missed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from rcd_ros.nodes.bridge.pace import Pace

PERIOD, SPEED = 0.08, 8.0
TICK = 0.005


def run(pace: Pace, busy: Iterable[float]) -> None:
    """A simulator on a timer as ROS has it: at every other tick it computes a step that takes `busy` s."""
    due = 0.0
    pace.begin(due)
    for seconds in busy:
        middle = due + TICK
        due = middle + TICK
        served = max(middle + seconds, due)
        pace.end_period(served)
        due += int((served - due) / TICK) * TICK  # ticks that nobody served are skipped


@pytest.mark.parametrize("seconds", [0.001, 0.0049, 0.0099])
def test_steps_that_end_before_the_next_tick_is_over_hold_the_speed(seconds: float) -> None:
    pace = Pace(PERIOD, SPEED)
    run(pace, [seconds] * 400)
    assert (pace.periods, pace.overruns, pace.problem) == (400, 0, "")
    assert pace.speed == pytest.approx(SPEED, rel=0.005)


def test_a_slow_step_is_an_overrun_and_its_time_is_not_made_up_for() -> None:
    """One step of 12 ms skips a tick of 5 ms: the world stands still for half a period."""
    pace = Pace(PERIOD, SPEED)
    run(pace, [0.001] * 10 + [0.012] + [0.001] * 9)
    assert pace.overruns == 1
    assert pace.speed == pytest.approx(SPEED * 20 / 20.5)
    assert "instead of 8 times (1 of 20 periods" in pace.problem


def test_a_simulator_that_is_always_too_slow_overruns_always() -> None:
    """Steps of 15.1 ms that begin at a tick take four of them."""
    pace = Pace(PERIOD, SPEED)
    run(pace, [0.0151] * 400)
    assert pace.overruns == 400
    assert pace.speed == pytest.approx(SPEED / 2, rel=0.005)


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
