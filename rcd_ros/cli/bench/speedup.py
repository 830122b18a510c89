"""`rcd bench speedup`: times the student against its diffusion teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rcd_ros.cli.bounds import MOST_STEPS, MOST_THREADS


def speedup(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder that holds its teacher.")],
    engine: Annotated[
        list[str] | None,
        typer.Option(
            help="Engine that both run in; may be given several times (default: auto, the student's fastest)."
        ),
    ] = None,
    threads: Annotated[
        int, typer.Option(min=1, max=MOST_THREADS, help="Threads that one plan may use, on either side.")
    ] = 1,
    repeats: Annotated[int, typer.Option(min=2, max=MOST_STEPS, help="Turns of each planner.")] = 100,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output file.")] = False,
) -> None:
    """Time the student (1 evaluation a plan) against its teacher: Heun 80 and 20, DDIM 20 and DPM-Solver++ 10.

    "Same engine": the teacher's denoiser runs in the student's engine, with as many threads. "As deployed": the student
    in its fastest engine against the teacher in eager torch, on the GPU where there is one. All of them take turns: 10
    plans of the student, 1 of the teacher, and so on. Both go from the observation to commands inside their limits. The
    noise of a whole turn is drawn before it: between plans, it would chill the caches that the teacher's 79 evaluations
    find warm. Heun's method makes odd numbers of evaluations; the number given is the one really made. The
    ratios are of medians, with 95 % bootstrap intervals over the turns.

    On a busy machine a long plan is disturbed more than a short one, which flatters the ratio: use an idle one.

    Examples:

      rcd bench speedup models/kitchen-complete

      rcd bench speedup models/kitchen-complete --engine onnxruntime --engine openvino --json speedup.json
    """
    import torch  # noqa: F401  the teacher needs it: said here, before anything is loaded
    from rich.console import Console

    from rcd_ros.evaluation.machine import describe_machine
    from rcd_ros.evaluation.speedup import load_sides, speedup_rows, speedup_table, time_sides
    from rcd_ros.outputs import claim_all, write_json
    from rcd_ros.planning.checkpoint import checkpoint_sha256
    from rcd_ros.progress import progress_bar

    claim_all({"--json": json_file}, [checkpoint], force)
    machine = describe_machine(threads)
    sides = load_sides(checkpoint, engine or ["auto"], threads)
    typer.echo("\n".join(machine.lines()))
    with progress_bar(total=repeats, unit="round", leave=False) as bar:
        rows = speedup_rows(time_sides(sides, repeats, bar.update))

    Console(width=max(Console().width, 150)).print(speedup_table(rows))
    if json_file is not None:
        write_json(
            json_file,
            {
                "machine": machine.as_json(),
                "checkpoint": str(checkpoint),
                "checkpoint_sha256": checkpoint_sha256(checkpoint),
                "rows": rows,
            },
        )
        typer.echo(f"wrote {json_file}")
