"""Percentiles of the wall time of a call; only the call itself is timed."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Latency(NamedTuple):
    """Percentiles of wall time, ms, over `plans` calls."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    plans: int


def summarize_times(nanoseconds: NDArray[np.int64]) -> Latency:
    """Percentiles of durations (n,) in ns, n >= 1, linear between two neighbours."""
    p50, p95, p99, most = np.percentile(nanoseconds, (50, 95, 99, 100)) / 1e6
    return Latency(float(p50), float(p95), float(p99), float(most), nanoseconds.size)


def measure(
    call: Callable[[], object],
    plans: int,
    warm_up: int,
    synchronize: Callable[[], None] | None = None,
    prepare: Callable[[], None] | None = None,
) -> Latency:
    """Time repeated calls, with garbage collection disabled.

    Args:
        call: what is timed.
        plans: calls that count.
        warm_up: calls before them, which do not.
        synchronize: waits for a device that `call` only sends work to; inside the clock, and before it starts. An
            engine of `planning.engines` has waited when it returns and needs none.
        prepare: runs before each call, outside the clock: the next observation comes in, and a planner draws its
            noise ahead (`Planner.prepare`), as the node does while it waits for that observation.
    """
    times = np.zeros(plans, np.int64)
    with resting_collector():
        time_calls(call, times, warm_up, synchronize, prepare)
    return summarize_times(times)


def time_calls(
    call: Callable[[], object],
    times: NDArray[np.int64],
    warm_up: int = 0,
    synchronize: Callable[[], None] | None = None,
    prepare: Callable[[], None] | None = None,
) -> None:
    """Call `warm_up` times unmeasured, then once for each element of `times` (n,), which takes the duration in ns."""
    before, wait = prepare or _nothing, synchronize or _nothing
    for index in range(-warm_up, len(times)):
        before()
        wait()
        start = perf_counter_ns()
        call()
        wait()
        duration = perf_counter_ns() - start
        if index >= 0:
            times[index] = duration


@contextlib.contextmanager
def resting_collector() -> Iterator[None]:
    """Disables garbage collection inside: existing objects are frozen, new ones are not collected."""
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def _nothing() -> None:
    pass
