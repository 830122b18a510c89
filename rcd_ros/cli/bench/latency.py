"""`rcd bench latency`: times whole plans, engine by engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.cli.options import MOST_STEPS, Checkpoint, Engines, Force, JsonFile, Threads
from rcd_ros.cli.output import print_table, write_figures
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rcd_ros.benchmarks.latency import EngineLatency


def latency(
    checkpoint: Checkpoint,
    engine: Engines = None,
    threads: Threads = 1,
    plans: Annotated[int, typer.Option(min=1, max=MOST_STEPS, help="Plans that are timed, after warm-up.")] = 2000,
    shape: Annotated[
        bool, typer.Option("--shape", help="Time plans up to the trajectory shaped within the motion limits, too.")
    ] = False,
    json_file: JsonFile = None,
    force: Force = False,
) -> None:
    """Time whole plans of a checkpoint's student: batch 1, from the observation to commands inside their limits.

    One engine after the other, each warmed up. The noise of the next plan is drawn before the clock starts, as the
    planner node does while it waits for an observation. An engine on a GPU has finished when the clock stops.
    Observations are random, spread as the training data are. The network alone is timed besides.

    Examples:

      rcd bench latency models/kitchen-complete --shape

      rcd bench latency models/kitchen-complete --engine openvino --engine onnxruntime --json latency.json
    """
    from rcd_ros.benchmarks.latency import latency_table
    from rcd_ros.evaluation.machine import describe_machine
    from rcd_ros.outputs import claim_all
    from rcd_ros.planning.checkpoint import verify
    from rcd_ros.planning.engines.choose import check_engine

    verify(checkpoint)
    for name in engine or ():
        check_engine(name)
    claim_all({"--json": json_file}, [checkpoint], force)
    machine = describe_machine(threads)
    typer.echo("\n".join(machine.lines()))
    rows, unusable = _time(checkpoint, engine or [], threads, plans, shape)
    print_table(latency_table(rows))
    for name, reason in unusable.items():
        typer.echo(f"not measured: {name}: {reason}")
    write_figures(json_file, checkpoint, machine, rows=[row.as_json() for row in rows], not_measured=unusable)


def _time(
    checkpoint: Path, asked: Sequence[str], threads: int, plans: int, shape: bool
) -> tuple[list[EngineLatency], dict[str, str]]:
    """A row for each engine, and why others are not measured; an engine that was asked for must be.

    Raises:
        RcdError: an engine that was asked for cannot run the checkpoint here, or none can.
    """
    from rcd_ros.benchmarks.latency import WARM_UP, engine_latency
    from rcd_ros.planning.engines.choose import available_engines
    from rcd_ros.progress import progress_bar

    found = {} if asked else available_engines()
    unusable = {name: reason for name, reason in found.items() if reason is not None}
    rows: list[EngineLatency] = []
    for name in dict.fromkeys(asked or (name for name in found if name not in unusable)):
        total = (2 + shape) * (WARM_UP + plans)
        with progress_bar(total=total, unit="plan", desc=name, leave=False, mininterval=0.5) as bar:
            try:
                rows.append(engine_latency(checkpoint, name, threads, plans, bar.update, shape))
            except RcdError as error:
                if asked:
                    raise
                unusable[name] = str(error)
    if not rows:
        raise RcdError(f"no engine can run this checkpoint here: {'; '.join(unusable.values())}")
    return rows, unusable
