"""How long a checkpoint's student takes for a plan, in one engine after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.table import Table

from rcd_ros.evaluation.latency import measure
from rcd_ros.evaluation.rehearsal import rehearsal, varied_observations
from rcd_ros.planning.checkpoint import PathLike, read_manifest
from rcd_ros.planning.planner import Planner

WARM_UP = 200
"""Plans before those that count."""


def engine_latency(
    checkpoint: PathLike, engine: str, threads: int, plans: int, tick: Callable[[], object]
) -> dict[str, Any]:
    """One row: percentiles of whole plans, and of the network's share of them (`network_*`).

    Args:
        checkpoint: the folder.
        engine: its name.
        threads: of the engine.
        plans: how many are timed, twice: whole ones, and those of the network alone.
        tick: is called before each of them and before the `WARM_UP` plans of either kind, outside the clock.

    Raises:
        RcdError: the engine cannot run this checkpoint here.
    """
    manifest = read_manifest(checkpoint)
    planner = Planner.load(checkpoint, engine=engine, threads=threads)
    plan = rehearsal(planner, varied_observations(manifest))

    def prepare() -> None:
        tick()
        planner.prepare()

    try:
        whole = measure(plan, plans, WARM_UP, prepare=prepare)
        network = measure(planner.engine.run, plans, WARM_UP, prepare=prepare)
    finally:
        planner.close()
    return {
        "engine": planner.engine.name,
        "nfe": planner.nfe,
        **whole._asdict(),
        **{f"network_{name}": value for name, value in network._asdict().items() if name != "plans"},
    }


def latency_table(rows: Sequence[dict[str, Any]]) -> Table:
    """The rows for people, times in ms."""
    table = Table("engine", "NFE", "p50 ms", "p95 ms", "p99 ms", "max ms", "plans", "network p50 ms", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        times = (row[name] for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms"))
        table.add_row(
            row["engine"],
            str(row["nfe"]),
            *(f"{time:.3f}" for time in times),
            str(row["plans"]),
            f"{row['network_p50_ms']:.3f}",
        )
    return table
