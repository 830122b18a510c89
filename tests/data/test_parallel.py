from functools import partial

import pytest

from rcd_ros.data.parallel import map_in_order
from rcd_ros.errors import RcdError


def halver() -> partial:
    return partial(divmod, 10)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers: int) -> None:
    assert list(map_in_order(halver, [1, 2, 3, 4], workers)) == [(10, 0), (5, 0), (3, 1), (2, 2)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_job_is_raised_here(workers: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(map_in_order(halver, [1, 0, 2], workers))


def test_no_jobs_need_no_worker() -> None:
    assert list(map_in_order(halver, [], 2)) == []
    with pytest.raises(RcdError, match="at least 1"):
        list(map_in_order(halver, [1], 0))
