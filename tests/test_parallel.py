"""Workers in several processes: order, failures, and a worker that cannot be made."""

import os
import signal
from functools import partial

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.parallel import map_in_order


def halver() -> partial:
    return partial(divmod, 10)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers: int) -> None:
    assert list(map_in_order(halver, [1, 2, 3, 4], workers)) == [(10, 0), (5, 0), (3, 1), (2, 2)]


def no_simulator() -> partial:
    raise RcdError("no simulator here: install one")


def suicide() -> partial:
    return partial(os.kill, os.getpid())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_cannot_be_made_is_raised_here(workers: int) -> None:
    """Pins that an initializer's error became a broken pool without the sentence."""
    with pytest.raises(RcdError, match="no simulator here"):
        list(map_in_order(no_simulator, [1, 2], workers))


def test_a_killed_worker_is_one_sentence() -> None:
    with pytest.raises(RcdError, match="fewer --workers"):
        list(map_in_order(suicide, [signal.SIGKILL, signal.SIGKILL], 2))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_job_is_raised_here(workers: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_in_order(halver, [1, 0, 2], workers))


def test_no_jobs_need_no_worker() -> None:
    assert list(map_in_order(halver, [], 2)) == []
    with pytest.raises(RcdError, match=r"\b0\b"):
        list(map_in_order(halver, [1], 0))
