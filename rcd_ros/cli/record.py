"""`rcd record`: what the nodes say to each other, into a bag."""

from __future__ import annotations

import json
import math
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from rcd_ros.cli.given import not_with
from rcd_ros.errors import RcdError


def record(
    context: typer.Context,
    output: Annotated[Path | None, typer.Option(help="New folder of the bag (default: runs/bag-<time>).")] = None,
    topics: Annotated[
        list[str] | None, typer.Option("--topics", help="Record this topic alone; may be repeated.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Record every topic, also of types not ours.")] = False,
    seconds: Annotated[float, typer.Option(min=0.0, help="End after this time; 0: on Ctrl-C.")] = 0.0,
    max_size: Annotated[float, typer.Option(min=0.0, help="End when the bag has so many MB; 0: no limit.")] = 0.0,
) -> None:
    """Record the nodes' topics as they come over the wire, into a bag.

    It can be read by `ros2 bag`, Foxglove, `rcd replay` and `rcd data from-bag`. Topics join as they appear.
    Ctrl-C ends the recording with a complete bag; a full disk ends it with what fitted, and exit code 2.

    Examples:

      rcd record --seconds 60

      rcd record --output run7 --topics joint_states --topics joint_trajectory
    """
    from rcd_ros.data.bag_writer import check_new_bag
    from rcd_ros.nodes.recorder.bag_recorder_node import BagRecorder
    from rcd_ros.nodes.ros.run import run_node
    from rcd_ros.outputs import check_folder

    not_with(context, "--all", everything, "topics")
    for option, value in (("--seconds", seconds), ("--max-size", max_size)):
        if not value < math.inf:
            raise RcdError(f"{option} {value:g}: give a finite number of 0 or more")
    folder = output or Path("runs") / f"bag-{datetime.now():%Y%m%d-%H%M%S}"
    check_new_bag(folder)
    check_folder(folder)
    parameters: dict[str, Any] = {
        "output": str(folder),
        "all": everything,
        "seconds": seconds,
        "max_size": max_size,
        "exit_on_failure": True,
    } | ({"topics": topics} if topics else {})
    given = [item for name, value in parameters.items() for item in ("-p", f"{name}:={json.dumps(value)}")]
    raise typer.Exit(run_node(BagRecorder, ["--ros-args", *given]))
