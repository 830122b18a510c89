"""`rcd bench peers`: times LeRobot's policies beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rcd_ros.cli.bounds import MOST_STEPS, MOST_THREADS
from rcd_ros.cli.given import not_with, only_for


def peers(
    context: typer.Context,
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder; its observations and horizon are used.")],
    peer: Annotated[
        list[str] | None,
        typer.Option(help="act, diffusion or diffusion-ddim; may be given several times (default: all)."),
    ] = None,
    engine: Annotated[
        list[str] | None, typer.Option(help="Engine of our planner; may be given several times (default: auto).")
    ] = None,
    threads: Annotated[
        int, typer.Option(min=1, max=MOST_THREADS, help="Threads that one plan may use, on either side.")
    ] = 1,
    rounds: Annotated[
        int, typer.Option(min=1, max=MOST_STEPS, help="Turns of each: 50 plans of ours, 5 of ACT, 1 of diffusion.")
    ] = 20,
    python: Annotated[
        Path | None, typer.Option(help="Python of an environment with LeRobot (default: the one of --install).")
    ] = None,
    install: Annotated[bool, typer.Option("--install", help="Make that environment with pip first (some GB).")] = False,
    base_python: Annotated[
        Path | None, typer.Option(help="Python 3.12 or newer that --install makes it with (default: this one).")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output file.")] = False,
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
    from rich.console import Console

    from rcd_ros.benchmarks.peers import LEROBOT, check_peers, peers_table, time_peers
    from rcd_ros.evaluation.machine import describe_machine
    from rcd_ros.outputs import claim_all, write_json
    from rcd_ros.planning.checkpoint import checkpoint_sha256, verify
    from rcd_ros.progress import progress_bar

    not_with(context, "--install", install, "python")
    only_for(context, "--install", install, "base_python")
    chosen = check_peers(peer or ())
    verify(checkpoint)
    claim_all({"--json": json_file}, [checkpoint], force)
    interpreter = LEROBOT.install(base_python) if install else LEROBOT.find(python)
    machine = describe_machine(threads)
    typer.echo("\n".join(machine.lines()))
    with progress_bar(total=rounds, unit="round") as bar:
        rows, versions = time_peers(checkpoint, engine or ["auto"], chosen, interpreter, threads, rounds, bar.update)
    Console(width=max(Console().width, 130)).print(peers_table(rows))
    typer.echo(f"peers: LeRobot {versions['lerobot']}, torch {versions['torch']}")
    if json_file is not None:
        content = {
            "machine": machine.as_json(),
            "checkpoint": str(checkpoint),
            "checkpoint_sha256": checkpoint_sha256(checkpoint),
            "peer_versions": versions,
            "rows": rows,
        }
        write_json(json_file, content)
        typer.echo(f"wrote {json_file}")
