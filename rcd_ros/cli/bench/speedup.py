"""`rcd bench speedup`: times the student against its diffusion teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rcd_ros.cli.options import MOST_STEPS, Force, JsonFile, Threads
from rcd_ros.cli.output import print_table, write_figures


def speedup(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder that holds its teacher.")],
    engine: Annotated[
        list[str] | None,
        typer.Option(
            help="Engine that both run in; may be given several times (default: auto, the student's fastest)."
        ),
    ] = None,
    threads: Threads = 1,
    repeats: Annotated[int, typer.Option(min=2, max=MOST_STEPS, help="Turns of each planner.")] = 100,
    json_file: JsonFile = None,
    force: Force = False,
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
    import torch  # noqa: F401  reports a missing PyTorch before anything is loaded

    from rcd_ros.benchmarks.speedup import load_sides, speedup_rows, speedup_table, time_sides
    from rcd_ros.evaluation.machine import describe_machine
    from rcd_ros.outputs import claim_all
    from rcd_ros.progress import progress_bar

    claim_all({"--json": json_file}, [checkpoint], force)
    machine = describe_machine(threads)
    sides = load_sides(checkpoint, engine or ["auto"], threads)
    typer.echo("\n".join(machine.lines()))
    with progress_bar(total=repeats, unit="round", leave=False) as bar:
        rows = speedup_rows(time_sides(sides, repeats, bar.update))
    print_table(speedup_table(rows), 150)
    write_figures(json_file, checkpoint, machine, rows=[row.as_json() for row in rows])
