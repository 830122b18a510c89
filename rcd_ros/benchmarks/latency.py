"""Plan times of a checkpoint's student in several engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.table import Table

from rcd_ros.benchmarks.timing import measure, rehearsal, shaped_rehearsal, varied_observations
from rcd_ros.evaluation.results import Record
from rcd_ros.planning.checkpoint import PathLike, read_manifest
from rcd_ros.planning.planner import Planner

WARM_UP = 200
"""Plans before those that count."""


class EngineLatency(Record):
    """Wall times of plans in one engine: percentiles and maximum, ms.

    Attributes:
        engine: its name.
        nfe: network evaluations a plan.
        plans: how many were timed of each kind.
        p50_ms: of whole plans, from the observation to commands inside their limits; likewise the others.
        network_p50_ms: of the network's share of a plan.
        shaped_p50_ms: of plans up to the trajectory within the motion limits; None where these were not timed.
    """

    engine: str
    nfe: int
    plans: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    network_p50_ms: float
    network_p95_ms: float
    network_p99_ms: float
    network_max_ms: float
    shaped_p50_ms: float | None = None
    shaped_p95_ms: float | None = None
    shaped_p99_ms: float | None = None
    shaped_max_ms: float | None = None


def engine_latency(
    checkpoint: PathLike, engine: str, threads: int, plans: int, tick: Callable[[], object], shape: bool = False
) -> EngineLatency:
    """Time whole plans, the network alone, and shaped plans.

    Args:
        checkpoint: the folder.
        engine: its name.
        threads: of the engine.
        plans: how many are timed of each kind.
        tick: is called before each of them and before the `WARM_UP` plans of each kind, outside the clock.
        shape: time plans with their shaping, too.

    Raises:
        RcdError: the checkpoint cannot be read, the engine cannot run it here, or its motion limits cannot be used.
    """
    manifest = read_manifest(checkpoint)
    planner = Planner.load(checkpoint, engine=engine, threads=threads)
    observations = varied_observations(manifest)
    calls: dict[str, Callable[[], object]] = {"": rehearsal(planner, observations), "network_": planner.engine.run}
    if shape:
        calls["shaped_"] = shaped_rehearsal(planner, manifest.task, observations)

    def prepare() -> None:
        tick()
        planner.prepare()

    try:
        times = {prefix: measure(call, plans, WARM_UP, prepare=prepare) for prefix, call in calls.items()}
    finally:
        planner.close()
    figures = {
        f"{prefix}{name}": getattr(latency, name)
        for prefix, latency in times.items()
        for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms")
    }
    return EngineLatency(engine=planner.engine.name, nfe=planner.nfe, plans=plans, **figures)


def latency_table(rows: Sequence[EngineLatency]) -> Table:
    """The rows as a table, times in ms."""
    table = Table("engine", "NFE", "p50 ms", "p95 ms", "p99 ms", "max ms", "plans", "network p50 ms", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        _add(table, row, row.engine, (row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms))
        if row.shaped_p50_ms is not None:
            shaped = (row.shaped_p50_ms, row.shaped_p95_ms, row.shaped_p99_ms, row.shaped_max_ms)
            _add(table, row, f"{row.engine}, shaped", shaped)
    return table


def _add(table: Table, row: EngineLatency, label: str, times: Sequence[float | None]) -> None:
    figures = (f"{time:.3f}" for time in times)
    table.add_row(label, str(row.nfe), *figures, str(row.plans), f"{row.network_p50_ms:.3f}")
