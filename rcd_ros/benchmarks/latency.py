"""Plan times of a checkpoint's student in several engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.table import Table

from rcd_ros.benchmarks.timing import measure, rehearsal, shaped_rehearsal, varied_observations
from rcd_ros.planning.checkpoint import PathLike, read_manifest
from rcd_ros.planning.planner import Planner

WARM_UP = 200
"""Plans before those that count."""


def engine_latency(
    checkpoint: PathLike, engine: str, threads: int, plans: int, tick: Callable[[], object], shape: bool = False
) -> dict[str, Any]:
    """One row: percentiles of whole plans, of the network's share of them (`network_*`), and of shaped ones.

    Args:
        checkpoint: the folder.
        engine: its name.
        threads: of the engine.
        plans: how many are timed of each kind.
        tick: is called before each of them and before the `WARM_UP` plans of each kind, outside the clock.
        shape: time plans with their shaping, too (`shaped_*`).

    Raises:
        RcdError: the engine cannot run this checkpoint here.
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
    row: dict[str, Any] = {"engine": planner.engine.name, "nfe": planner.nfe, "plans": plans}
    for prefix, latency in times.items():
        row |= {f"{prefix}{name}": value for name, value in latency._asdict().items() if name != "plans"}
    return row


def latency_table(rows: Sequence[dict[str, Any]]) -> Table:
    """The rows as a table, times in ms."""
    table = Table("engine", "NFE", "p50 ms", "p95 ms", "p99 ms", "max ms", "plans", "network p50 ms", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        for prefix in ("", "shaped_") if "shaped_p50_ms" in row else ("",):
            times = (row[f"{prefix}{name}"] for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms"))
            table.add_row(
                f"{row['engine']}, shaped" if prefix else row["engine"],
                str(row["nfe"]),
                *(f"{time:.3f}" for time in times),
                str(row["plans"]),
                f"{row['network_p50_ms']:.3f}",
            )
    return table
