"""`rcd bench peers`: times LeRobot's policies beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rcd_ros.cli.bench.other_python import OtherPython
from rcd_ros.cli.options import MOST_STEPS, Force, JsonFile, Threads, grouped
from rcd_ros.cli.output import print_table, write_figures


@grouped
def peers(
    context: typer.Context,
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder; its observations and horizon are used.")],
    lerobot: OtherPython,
    peer: Annotated[
        list[str] | None,
        typer.Option(help="act, diffusion or diffusion-ddim; may be given several times (default: all)."),
    ] = None,
    engine: Annotated[
        list[str] | None, typer.Option(help="Engine of our planner; may be given several times (default: auto).")
    ] = None,
    threads: Threads = 1,
    rounds: Annotated[
        int, typer.Option(min=1, max=MOST_STEPS, help="Turns of each: 50 plans of ours, 5 of ACT, 1 of diffusion.")
    ] = 20,
    json_file: JsonFile = None,
    force: Force = False,
) -> None:
    """Time LeRobot's DiffusionPolicy and ACT beside our planner, as each is deployed.

    All see the same observations on the same cores with as many threads, and take turns within one run. Ours goes from
    the observation to a chunk of commands inside their limits; theirs from the observation through pre-processor,
    select_action with an empty queue, and post-processor. Theirs are built without images, with LeRobot's defaults
    but for the horizon, which is the checkpoint's; their weights are random, which changes no time.

    LeRobot's pins collide with ours, so it has an environment of its own, with Python 3.12 or newer: --install makes
    one in the user's cache, or name one with --python that has LeRobot 0.6.1 and its extra diffusion.

    Examples:

      rcd bench peers models/kitchen-complete --install --base-python /usr/bin/python3.12

      rcd bench peers models/kitchen-complete --peer act --engine onnxruntime --rounds 100 --json peers.json
    """
    from rcd_ros.benchmarks.peers import LEROBOT, check_peers, peers_table, time_peers
    from rcd_ros.evaluation.machine import describe_machine
    from rcd_ros.outputs import claim_all
    from rcd_ros.planning.checkpoint import verify
    from rcd_ros.planning.engines.choose import check_engine
    from rcd_ros.progress import progress_bar

    lerobot.check(context)
    chosen = check_peers(peer or ())
    for name in engine or ():
        check_engine(name)
    verify(checkpoint)
    claim_all({"--json": json_file}, [checkpoint], force)
    python = lerobot.of(LEROBOT)
    machine = describe_machine(threads)
    typer.echo("\n".join(machine.lines()))
    with progress_bar(total=rounds, unit="round") as bar:
        rows, versions = time_peers(checkpoint, engine or ["auto"], chosen, python, threads, rounds, bar.update)
    print_table(peers_table(rows), 130)
    typer.echo(f"peers: LeRobot {versions['lerobot']}, torch {versions['torch']}")
    write_figures(json_file, checkpoint, machine, peer_versions=versions, rows=[row.as_json() for row in rows])
