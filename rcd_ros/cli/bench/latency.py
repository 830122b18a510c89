"""`rcd bench latency`: times whole plans, engine by engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rcd_ros.cli.bounds import MOST_STEPS, MOST_THREADS
from rcd_ros.errors import RcdError


def latency(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
    engine: Annotated[
        list[str] | None, typer.Option(help="Engine to time; may be given several times (default: all usable ones).")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=MOST_THREADS, help="Threads that one plan may use.")] = 1,
    plans: Annotated[int, typer.Option(min=1, max=MOST_STEPS, help="Plans that are timed, after warm-up.")] = 2000,
    shape: Annotated[
        bool, typer.Option("--shape", help="Time plans up to the trajectory shaped within the motion limits, too.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output file.")] = False,
) -> None:
    """Time whole plans of a checkpoint's student: batch 1, from the observation to commands inside their limits.

    One engine after the other, each warmed up. The noise of the next plan is drawn before the clock starts, as the
    planner node does while it waits for an observation. An engine on a GPU has finished when the clock stops.
    Observations are random, spread as the training data are. The network alone is timed besides.

    Examples:

      rcd bench latency models/kitchen-complete --shape

      rcd bench latency models/kitchen-complete --engine openvino --engine onnxruntime --json latency.json
    """
    from rich.console import Console

    from rcd_ros.evaluation.engine_latency import WARM_UP, engine_latency, latency_table
    from rcd_ros.evaluation.machine import describe_machine
    from rcd_ros.outputs import claim_all, write_json
    from rcd_ros.planning.checkpoint import checkpoint_sha256, verify
    from rcd_ros.planning.engines.choose import available_engines, check_engine
    from rcd_ros.progress import progress_bar

    verify(checkpoint)
    for name in engine or ():
        check_engine(name)
    claim_all({"--json": json_file}, [checkpoint], force)
    machine = describe_machine(threads)
    typer.echo("\n".join(machine.lines()))

    unusable = {} if engine else {name: reason for name, reason in available_engines().items() if reason is not None}
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys(engine or (name for name in available_engines() if name not in unusable)):
        with progress_bar(
            total=(2 + shape) * (WARM_UP + plans), unit="plan", desc=name, leave=False, mininterval=0.5
        ) as bar:
            try:
                rows.append(engine_latency(checkpoint, name, threads, plans, bar.update, shape))
            except RcdError as error:
                if engine:
                    raise
                unusable[name] = str(error)
    if not rows:
        raise RcdError(f"no engine can run this checkpoint here: {'; '.join(unusable.values())}")

    Console().print(latency_table(rows))
    for name, reason in unusable.items():
        typer.echo(f"not measured: {name}: {reason}")
    if json_file is not None:
        write_json(
            json_file,
            {
                "machine": machine.as_json(),
                "checkpoint": str(checkpoint),
                "checkpoint_sha256": checkpoint_sha256(checkpoint),
                "rows": rows,
                "not_measured": unusable,
            },
        )
        typer.echo(f"wrote {json_file}")
