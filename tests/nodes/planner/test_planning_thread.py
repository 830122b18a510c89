"""The planning thread: the newest item is worked on, overtaken ones never, and it ends when it is told to."""

from __future__ import annotations

import threading

from rcd_ros.nodes.planner.planning_thread import REHEARSAL_S, PlanningThread

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
    thread._thread.join(PATIENCE)
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
