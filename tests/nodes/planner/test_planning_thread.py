"""The planning thread: the newest item is worked on, overtaken ones never, and it ends when it is told to."""

from __future__ import annotations

import math
import threading
from functools import partial
from typing import Any

import pytest

from rcd_ros.nodes.planner import planning_thread
from rcd_ros.nodes.planner.planning_thread import REHEARSAL_S, PlanningThread
from tests.waiting import wait_until

PATIENCE = 30.0


class Worker:
    """Works on numbers, each when it is allowed to."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.has_begun = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)

    def work(self, item: int) -> None:
        self.begun.append(item)
        self.has_begun.release()
        assert self.may_end.acquire(timeout=PATIENCE)

    def await_begin(self) -> None:
        assert self.has_begun.acquire(timeout=PATIENCE)


def test_the_newest_item_wins_and_the_overtaken_ones_are_told() -> None:
    worker = Worker()
    thread = PlanningThread(worker.work)
    thread.start()
    assert not thread.offer(1)
    worker.await_begin()
    assert [thread.offer(item) for item in (2, 3, 4)] == [False, True, True]
    worker.may_end.release()
    worker.await_begin()
    worker.may_end.release()
    assert not thread.offer(5)
    worker.await_begin()
    worker.may_end.release()
    assert thread.close(PATIENCE)
    assert worker.begun == [1, 4, 5]


def test_what_waits_is_left_undone_at_the_end() -> None:
    worker = Worker()
    thread = PlanningThread(worker.work)
    thread.start()
    thread.offer(1)
    worker.await_begin()
    thread.offer(2)
    assert not thread.close(patience=0.01), "an item is still in work"
    worker.may_end.release()
    assert thread.close(PATIENCE)
    assert worker.begun == [1]


def test_what_is_called_runs_between_two_items_in_the_same_thread() -> None:
    worker, log = Worker(), []
    thread = PlanningThread(worker.work)
    thread.start()
    thread.offer(1)
    worker.await_begin()
    thread.offer(2)
    done = threading.Event()
    thread.call(lambda: log.append((list(worker.begun), threading.current_thread().name)))
    worker.may_end.release()
    worker.await_begin()
    assert log == [([1], "planning")]
    worker.may_end.release()
    thread.call(done.set)
    assert done.wait(PATIENCE), "no item is needed for it"
    assert thread.close(PATIENCE)


def test_a_failure_in_the_thread_comes_to_light_in_the_one_that_asks() -> None:
    def work(item: int) -> None:
        raise ZeroDivisionError(item)

    thread = PlanningThread(work)
    thread.start()
    assert thread.failure is None
    thread.offer(1)
    wait_until(lambda: not thread.is_running)
    assert isinstance(thread.failure, ZeroDivisionError)
    assert thread.close(PATIENCE)


def test_a_thread_that_never_began_can_be_closed() -> None:
    assert PlanningThread(lambda item: None).close(PATIENCE)


def test_work_is_rehearsed_once_between_two_items_and_not_before_the_first() -> None:
    worker, rehearsed = Worker(), threading.Semaphore(0)
    thread = PlanningThread(worker.work, rehearsed.release, period=0.02)
    thread.start()
    assert not rehearsed.acquire(timeout=0.1), "nothing tells when the first item will come"
    for item in (1, 2):
        thread.offer(item)
        worker.await_begin()
        worker.may_end.release()
        assert rehearsed.acquire(timeout=PATIENCE)
        assert not rehearsed.acquire(timeout=0.1), "one rehearsal is enough however late the next item is"
    assert thread.close(PATIENCE)
    assert worker.begun == [1, 2]


def test_items_that_follow_each_other_closely_leave_no_time_to_rehearse() -> None:
    worker, rehearsed = Worker(), threading.Semaphore(0)
    thread = PlanningThread(worker.work, rehearsed.release, period=REHEARSAL_S)
    thread.start()
    thread.offer(1)
    worker.await_begin()
    worker.may_end.release()
    assert not rehearsed.acquire(timeout=0.1)
    assert thread.close(PATIENCE)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(planning_thread, "time", clock)
    return clock


def _let_pass(clock: Clock, thread: PlanningThread[Any], seconds: float) -> None:
    """After all that is in work, let some time pass."""
    done = threading.Event()
    thread.call(done.set)
    assert done.wait(PATIENCE)
    clock.now += seconds


def test_quick_work_is_done_in_the_thread_that_brings_it_and_slow_work_in_the_other_one(clock: Clock) -> None:
    worked: list[str] = []

    def work(seconds: float) -> None:
        worked.append(threading.current_thread().name)
        clock.now += seconds

    thread = PlanningThread(work, period=1.0)
    thread.start()
    here = threading.current_thread().name
    for seconds in (0.1, 0.1, 0.6, 0.1, 0.1):
        thread.offer(seconds, wake=False)
        thread.work_here()
        _let_pass(clock, thread, 1.0)
    thread.offer(0.1)
    _let_pass(clock, thread, 1.0)
    assert worked == ["planning", here, here, "planning", here, "planning"]
    assert thread.close(PATIENCE)


def test_items_that_come_faster_than_they_are_worked_on_are_handed_over(clock: Clock) -> None:
    worked: list[str] = []

    def work(item: int) -> None:
        worked.append(threading.current_thread().name)
        clock.now += 0.1

    thread = PlanningThread(work, period=1.0)
    thread.start()
    for pause in (1.0, 0.0, 0.0):
        thread.offer(1, wake=False)
        thread.work_here()
        _let_pass(clock, thread, pause)
    assert worked == ["planning", threading.current_thread().name, "planning"]
    assert thread.close(PATIENCE)


def test_calls_run_before_an_item_that_is_brought_behind_them_whichever_thread_takes_them(clock: Clock) -> None:
    log: list[object] = []
    thread: PlanningThread[object] = PlanningThread(log.append, period=1.0)
    thread.start()
    for count in range(100):
        thread.call(partial(log.append, f"call {count}"))
        thread.offer(count, wake=False)
        thread.work_here()
        _let_pass(clock, thread, 1.0)
    assert log == [each for count in range(100) for each in (f"call {count}", count)]
    assert thread.close(PATIENCE)


def test_a_failure_where_an_item_is_brought_ends_the_thread_and_spares_the_caller(clock: Clock) -> None:
    def work(item: int) -> None:
        if item:
            raise ZeroDivisionError(item)

    thread = PlanningThread(work, period=1.0)
    thread.start()
    thread.offer(0)
    _let_pass(clock, thread, 1.0)
    thread.offer(1, wake=False)
    thread.work_here()
    assert isinstance(thread.failure, ZeroDivisionError)
    wait_until(lambda: not thread.is_running)


def test_the_thread_that_worked_on_the_last_item_rehearses(clock: Clock) -> None:
    rehearsed: list[str] = []
    thread: PlanningThread[int] = PlanningThread(
        lambda item: None, lambda: rehearsed.append(threading.current_thread().name), period=1.0
    )
    thread.start()
    assert thread.pause() == math.inf
    thread.offer(0)
    _let_pass(clock, thread, 0.5)
    assert thread.pause() == math.inf, "the other thread has worked on it, and rehearses"
    thread.offer(1, wake=False)
    thread.work_here()
    assert thread.pause() == pytest.approx(1.0 - REHEARSAL_S)
    clock.now += 1.0
    assert thread.pause() <= 0.0
    thread.rehearse()
    assert thread.pause() == math.inf, "one rehearsal is enough"
    assert rehearsed == [threading.current_thread().name]
    assert thread.close(PATIENCE)
