"""`rcd record` and `rcd replay`: runs of the nodes into a bag, and planned again from it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.choices import LARGEST_SEED
from rcd_ros.cli.given import not_with
from rcd_ros.cli.options import Checkpoint, Force, JsonFile, Namespace, Remap
from rcd_ros.cli.output import print_table
from rcd_ros.cli.parse import finite, remappings

if TYPE_CHECKING:
    from rcd_ros.evaluation.bag_plans import RecordedPlans
    from rcd_ros.evaluation.bag_replay import BagReplay

_SHOWN = 10
"""Plans that differ are shown one by one up to here."""


def record(
    context: typer.Context,
    output: Annotated[Path | None, typer.Option(help="New folder of the bag (default: runs/bag-<time>).")] = None,
    topics: Annotated[
        list[str] | None, typer.Option("--topics", help="Record this topic alone; may be repeated.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Record every topic, of any type.")] = False,
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
    from rcd_ros.data.bags.writer import check_new_bag
    from rcd_ros.nodes.recorder.bag_recorder_node import BagRecorder
    from rcd_ros.nodes.ros.run import run_node
    from rcd_ros.outputs import check_folder

    not_with(context, "--all", everything, "topics")
    finite("--seconds", seconds)
    finite("--max-size", max_size)
    folder = output or Path("runs") / f"bag-{datetime.now():%Y%m%d-%H%M%S}"
    check_new_bag(folder)
    check_folder(folder)
    parameters: dict[str, object] = {
        "output": str(folder),
        "all": everything,
        "seconds": seconds,
        "max_size": max_size,
        "exit_on_failure": True,
    } | ({"topics": topics} if topics else {})
    given = [item for name, value in parameters.items() for item in ("-p", f"{name}:={json.dumps(value)}")]
    raise typer.Exit(run_node(BagRecorder, ["--ros-args", *given]))


def replay(
    bag: Annotated[
        Path, typer.Argument(help="Bag: a folder of rosbag2, or a single .mcap or .db3 file (which needs no metadata).")
    ],
    checkpoint: Checkpoint,
    engine: Annotated[str | None, typer.Option(help="Inference engine (default: the recorded one, else auto).")] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, max=LARGEST_SEED, help="Seed of the noise (default: as the planner's diagnostics say, else 0)."
        ),
    ] = None,
    tolerance: Annotated[float, typer.Option(min=0.0, help="Plans that differ by no more are the same.")] = 1e-6,
    stamp_tolerance: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="s that the stamps of one observation may differ (default: as the checkpoint's task and the planner's "
            "diagnostics say).",
        ),
    ] = 0.0,
    namespace: Namespace = None,
    remap: Remap = None,
    json_file: JsonFile = None,
    force: Force = False,
) -> None:
    """Feed a recorded run to a planner and compare its plans with the recorded ones.

    Exit code 0: all are the same; 1: one differs or could not be compared. Plans made from what came before the
    recording began do not count.

    Observations, seed and counters are the recorded ones, so that a bug seen on a robot is seen again here.

    Example:

      rcd replay runs/bag-20260101-120000 models/kitchen-complete
    """
    from rcd_ros.data.bags.bag import Bag
    from rcd_ros.data.bags.topics import TaskTopics
    from rcd_ros.evaluation.bag_plans import RecordedPlans
    from rcd_ros.outputs import claim_all, write_json
    from rcd_ros.planning.checkpoint import checkpoint_sha256, verify

    names = remappings(remap or [])
    finite("--tolerance", tolerance)
    finite("--stamp-tolerance", stamp_tolerance)
    claim_all({"--json": json_file}, [bag, checkpoint], force)
    spec = verify(checkpoint).task
    found = Bag(bag)
    recorded = RecordedPlans(found, TaskTopics(found, spec, namespace, names))
    result, used = _plan_again(recorded, checkpoint, engine, seed, tolerance, stamp_tolerance)
    sha256 = checkpoint_sha256(checkpoint)
    _print_verdicts(result, used)
    for line in result.notes(sha256, used):
        typer.echo(line)
    if json_file is not None:
        about = {"bag": str(bag), "checkpoint_sha256": sha256, "engine": used, "tolerance": tolerance}
        write_json(json_file, about | result.summary())
    raise typer.Exit(0 if result.outcome == "same" else 1)


def _plan_again(
    recorded: RecordedPlans,
    checkpoint: Path,
    engine: str | None,
    seed: int | None,
    tolerance: float,
    stamp_tolerance: float,
) -> tuple[BagReplay, str]:
    """The verdicts on all recorded plans, and the engine that planned again: the recorded one where none is named."""
    from rcd_ros.evaluation.bag_replay import replay as plan_again
    from rcd_ros.planning.planner import Planner

    planner = Planner.load(checkpoint, engine or recorded.engine or "auto")
    result = plan_again(recorded, planner, seed, tolerance, stamp_tolerance)
    planner.close()
    return result, planner.engine.name


def _print_verdicts(result: BagReplay, engine: str) -> None:
    from rich.table import Column, Table

    summary = Table("plans", Column("", justify="right"), box=None)
    for verdict, count in result.count().items():
        summary.add_row(verdict, str(count))
    largest = result.largest_difference
    summary.add_row("largest difference", "-" if largest is None else f"{largest:.3g}")
    same = [plan for plan in result.plans if plan.verdict == "same"]
    if counters := [plan.counter for plan in same if plan.counter is not None]:
        summary.add_row("counters", f"{min(counters)} to {max(counters)}")
        summary.add_row("seeds", ", ".join(map(str, sorted({plan.seed for plan in same if plan.seed is not None}))))
    summary.add_row("engine", engine)
    print_table(summary)
    others = [plan for plan in result.plans if plan.verdict != "same"]
    if others:
        rows = Table(Column("plan", justify="right"), "stamp", "verdict", "difference", "why", box=None)
        for plan in others[:_SHOWN]:
            gap = "-" if plan.difference is None else f"{plan.difference:.3g}"
            rows.add_row(str(plan.index), f"{plan.stamp * 1e-9:.3f} s", plan.verdict, gap, plan.reason)
        print_table(rows)
        if len(others) > _SHOWN:
            typer.echo(f"and {len(others) - _SHOWN} more; --json FILE has them all")
