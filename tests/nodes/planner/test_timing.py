"""Periods, deadlines and rates, by a clock that the test moves."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from rcd_ros.nodes.planner import timing
from rcd_ros.nodes.planner.timing import FIGURES, STATISTICS, WINDOW_S, Period, PeriodTimes, RateWatch, Summary

MS = 1_000_000
Advance = Callable[[float], None]


@pytest.fixture
def advance(monkeypatch: pytest.MonkeyPatch) -> Advance:
    now = [1000.0]
    monkeypatch.setattr(timing.time, "monotonic", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


def period(stamp_ms: float, age_ms: float, planning_ms: float, publishing_ms: float) -> Period:
    stamp, age = round(stamp_ms * MS), round(age_ms * MS)
    planning, publishing = round(planning_ms * MS), round(publishing_ms * MS)
    started = stamp + age
    return Period(stamp, stamp, started, started + planning + publishing, planning, publishing)


def test_each_figure_has_its_percentiles(advance: Advance) -> None:
    times = PeriodTimes(deadline=0.05)
    for count in range(101):
        times.planned(period(10.0 * count, 1.0, 0.1 * count, 2.0))
    milliseconds = times.summary().milliseconds
    assert set(milliseconds) == {f"{figure}_{statistic}" for figure in FIGURES for statistic in STATISTICS}
    assert [milliseconds[f"plan_ms_{name}"] for name in STATISTICS] == pytest.approx([5.0, 9.5, 9.9, 10.0])
    assert [milliseconds[f"total_ms_{name}"] for name in STATISTICS] == pytest.approx([8.0, 12.5, 12.9, 13.0])
    assert milliseconds["age_ms_max"] == pytest.approx(1.0)
    assert milliseconds["publish_ms_p50"] == pytest.approx(2.0)


def test_the_window_slides(advance: Advance) -> None:
    times = PeriodTimes(deadline=0.008)
    times.planned(period(0.0, 0.0, 100.0, 0.0))
    advance(0.6 * WINDOW_S)
    times.planned(period(1.0, 0.0, 1.0, 0.0))
    summary = times.summary()
    assert (summary.periods, summary.missed, summary.milliseconds["plan_ms_max"]) == (2, 1, 100.0)
    advance(0.6 * WINDOW_S)
    summary = times.summary()
    assert (summary.periods, summary.missed, summary.milliseconds["plan_ms_max"]) == (1, 0, 1.0)
    assert times.missed == 1, "the total forgets nothing"
    advance(WINDOW_S)
    summary = times.summary()
    assert (summary.periods, summary.rate_hz) == (0, 0.0)
    assert math.isnan(summary.milliseconds["plan_ms_p99"])


def test_more_periods_than_there_is_room_for(advance: Advance) -> None:
    times = PeriodTimes(deadline=1.0)
    for count in range(timing._CAPACITY + 10):
        times.planned(period(count, 0.0, 500.0 if count < 10 else 1.0, 0.0))
    summary = times.summary()
    assert (summary.periods, summary.milliseconds["plan_ms_max"]) == (timing._CAPACITY, 1.0)


def test_a_plan_that_is_late_and_one_that_never_comes_miss_the_deadline(advance: Advance) -> None:
    """On a simulated clock a plan that comes with the next tick is exactly one period late: missed, too."""
    times = PeriodTimes(deadline=0.008)
    times.planned(period(0.0, 1.0, 6.0, 0.9))
    assert times.missed == 0
    times.planned(period(8.0, 1.0, 6.0, 1.0))
    times.overtaken()
    summary = times.summary()
    assert (times.missed, summary.missed, summary.periods) == (2, 2, 3)
    assert summary.milliseconds["total_ms_max"] == pytest.approx(8.0), "an overtaken one has no figures"


def test_by_timer_the_deadline_counts_from_the_tick(advance: Advance) -> None:
    times = PeriodTimes(deadline=0.008)
    times.planned(Period(0, 100 * MS, 100 * MS, 101 * MS, MS, 0))
    assert times.missed == 0
    assert times.summary().milliseconds["age_ms_p50"] == pytest.approx(100.0)


def test_the_rate_is_that_of_the_plans_on_the_nodes_clock(advance: Advance) -> None:
    times = PeriodTimes(deadline=0.008)
    for count in range(11):
        times.planned(period(8.0 * count, 0.0, 1.0, 0.0))
        times.overtaken()
    assert times.summary().rate_hz == pytest.approx(125.0)


def test_a_rate_that_is_not_held_is_news_once_and_again_after_it_has_recovered() -> None:
    watch = RateWatch()

    def news(missed: int, periods: int = 100) -> bool:
        return watch.update(Summary({}, periods, missed, 1.0))

    assert not news(1, periods=3), "too few to judge by"
    assert not news(5), "a late plan now and then is no rate that fails"
    assert news(6)
    assert watch.failing
    assert not news(50)
    assert not news(2), "not recovered yet"
    assert watch.failing
    assert not news(1)
    assert not watch.failing
    assert not news(0, periods=0)
    assert news(100)
