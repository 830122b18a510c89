"""The stopwatch: what it counts, what it leaves out."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest

from rcd_ros.benchmarks import timing
from rcd_ros.benchmarks.timing import measure, resting_collector, summarize_times
from rcd_ros.evaluation.machine import describe_machine


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now

    def pass_ms(self, milliseconds: float) -> None:
        self.now += int(milliseconds * 1e6)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(timing, "perf_counter_ns", fake)
    return fake


def test_percentiles_are_of_the_calls_after_warm_up(clock: Clock) -> None:
    """Calls take 1000 ms twice, then 1, 2, ... 100 ms."""
    durations: Iterator[float] = iter([1000.0, 1000.0, *range(1, 101)])
    found = measure(lambda: clock.pass_ms(next(durations)), plans=100, warm_up=2)
    assert found.plans == 100
    assert found.p50_ms == pytest.approx(50.5)
    assert found.p95_ms == pytest.approx(95.05)
    assert found.p99_ms == pytest.approx(99.01)
    assert found.max_ms == pytest.approx(100.0)


def test_preparing_is_not_timed_and_waiting_for_a_device_is(clock: Clock) -> None:
    order: list[str] = []

    def step(name: str, milliseconds: float) -> None:
        order.append(name)
        clock.pass_ms(milliseconds)

    found = measure(
        lambda: step("call", 1.0),
        plans=2,
        warm_up=0,
        synchronize=lambda: step("wait", 0.5),
        prepare=lambda: step("prepare", 70.0),
    )
    assert order == ["prepare", "wait", "call", "wait"] * 2
    assert found.max_ms == pytest.approx(1.5)


def test_the_collector_rests_while_the_clock_runs_and_is_as_before_afterwards() -> None:
    enabled: list[bool] = []
    assert gc.isenabled()
    measure(lambda: enabled.append(gc.isenabled()), plans=2, warm_up=1)
    assert enabled == [False] * 3
    assert gc.isenabled()
    with pytest.raises(KeyboardInterrupt), resting_collector():
        raise KeyboardInterrupt
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_one_time_is_all_its_percentiles() -> None:
    assert summarize_times(np.array([2_000_000])) == (2.0, 2.0, 2.0, 2.0, 1)


def test_a_machine_says_what_it_is_and_warns_when_it_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)))
    monkeypatch.setattr("os.getloadavg", lambda: (1.9, 0.0, 0.0))
    quiet = describe_machine(threads=3)
    monkeypatch.setattr("os.getloadavg", lambda: (2.1, 0.0, 0.0))
    busy = describe_machine(threads=3)
    assert (quiet.cores, quiet.threads, quiet.load) == (4, 3, 1.9)
    assert quiet.versions["numpy"] == np.__version__
    assert not any("warning" in line for line in quiet.lines())
    assert "busy (load 2.1 on 4 cores)" in busy.lines()[-1]


def test_a_machine_does_not_tell_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Builders write the names of machines behind a kernel's number."""
    monkeypatch.setattr("platform.node", lambda: "secret-host")
    monkeypatch.setattr("platform.release", lambda: "6.1.0-17-secret-host")
    assert "secret" not in str(describe_machine(1).as_json())
    assert "Linux 6.1.0" in describe_machine(1).system
