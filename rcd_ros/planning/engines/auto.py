"""The engine that is fastest for a checkpoint on this machine, by measurement."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.engines.base import Engine, Timing

PLANS = 300
ROUND = 25
BUDGET_S = 1.0
"""Of measuring, all engines together; an engine so slow that this is too short for 300 plans is measured by fewer."""

log = logging.getLogger(__name__)


def fastest(
    candidates: Sequence[str], load: Callable[[str], Engine], reference: Mapping[str, NDArray[np.float32]]
) -> Engine:
    """Load the candidates, measure them on the reference inputs, and keep the one with the least p50 + p99.

    The tail counts as much as the median: an occasional late plan costs a robot as much as plans that are always a
    little slower. Candidates that cannot be loaded are skipped, with the reason in the log.

    Raises:
        RcdError: none could be loaded.
    """
    engines, failures = [], []
    for name in candidates:
        try:
            engines.append(load(name))
        except RcdError as error:
            log.warning("engine %s is passed over: %s", name, error)
            failures.append(str(error))
    if not engines:
        raise RcdError("; ".join(dict.fromkeys(failures)))
    choice = measure(engines, reference)
    best = min(engines, key=lambda engine: sum(choice[engine.name]))
    for engine in engines:
        if engine is not best:
            engine.close()
    best.choice = choice
    figures = ", ".join(f"{name} {timing.p50_ms:.3f} / {timing.p99_ms:.3f}" for name, timing in choice.items())
    log.info("engine %s is the fastest (p50 / p99 in ms: %s)", best.name, figures)
    return best


def measure(
    engines: Sequence[Engine],
    reference: Mapping[str, NDArray[np.float32]],
    plans: int = PLANS,
    budget_s: float = BUDGET_S,
) -> dict[str, Timing]:
    """Times of each engine's plans, measured in turns, so that other load affects all of them alike."""
    inputs = list(zip(reference["history"], reference["noise"], strict=True))
    times: dict[str, list[float]] = {engine.name: [] for engine in engines}
    end = time.perf_counter() + budget_s
    for engine in engines:
        engine.warm_up()
    for begin in range(0, plans, ROUND):
        for engine in engines:
            for plan in range(begin, min(begin + ROUND, plans)):
                engine.history[...], engine.noise[...] = inputs[plan % len(inputs)]
                start = time.perf_counter()
                engine.run()
                times[engine.name].append(1e3 * (time.perf_counter() - start))
        if time.perf_counter() > end:
            break
    return {name: Timing(*(float(value) for value in np.percentile(ms, (50, 99)))) for name, ms in times.items()}
