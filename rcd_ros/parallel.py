"""The same function over many jobs in several processes, results in order.

Not joblib: its workers outlive the call, and it has no public way to make a worker (a simulator) once per process.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from rcd_ros.errors import RcdError

Job = TypeVar("Job")
Result = TypeVar("Result")


def map_in_order(
    make_worker: Callable[[], Callable[[Job], Result]], jobs: Sequence[Job], workers: int
) -> Iterator[Result]:
    """Yield `make_worker()(job)` for each job, in the order of the jobs.

    Each process makes its own worker once (a simulation, a planner) and keeps it. With one worker everything runs
    in this process. Abandoning the iterator, or Ctrl-C, drops the jobs not yet begun and ends the processes.

    Args:
        make_worker: picklable when `workers` > 1.
        jobs: picklable when `workers` > 1.
        workers: number of processes.

    Raises:
        RcdError: `workers` is not positive, or a process ended unexpectedly; else what worker or job raise.
    """
    if workers < 1:
        raise RcdError(f"the number of workers must be at least 1, got {workers}")
    workers = min(workers, len(jobs))
    if workers <= 1:
        yield from map(make_worker(), jobs) if jobs else ()
        return
    # Not fork: simulators and inference engines hold threads and GL contexts that a fork would tear.
    executor = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_enter_process, initargs=(make_worker,)
    )
    try:
        yield from _submit(executor, jobs)
    except BrokenProcessPool as error:
        raise RcdError(
            "a worker process ended unexpectedly (killed, or out of memory): try again with fewer --workers"
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _submit(executor: ProcessPoolExecutor, jobs: Sequence[Any]) -> Iterator[Any]:
    """Starts the processes with SIGINT blocked: a terminal's Ctrl-C reaches the parent too, which ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return executor.map(_run_job, jobs)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_make_worker: Callable[[], Callable[[Any], Any]]
_worker: Callable[[Any], Any] | None = None


def _enter_process(make_worker: Callable[[], Callable[[Any], Any]]) -> None:
    global _make_worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _make_worker = make_worker


def _end_with_parent() -> None:
    """Leaves no orphan behind a parent that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_job(job: Any) -> Any:
    """The worker is made by its first job: what that raises reaches the caller, an initializer's error does not."""
    global _worker
    if _worker is None:
        _worker = _make_worker()
    return _worker(job)
