"""`rcd replay`: a recorded run planned again at a desk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.errors import RcdError
from rcd_ros.planning.noise import LARGEST_SEED

if TYPE_CHECKING:
    from rcd_ros.evaluation.bag_replay import BagReplay

_SHOWN = 10
"""Plans that differ are shown one by one up to here."""


def replay(
    bag: Annotated[
        Path, typer.Argument(help="Bag: a folder of rosbag2, or a single .mcap or .db3 file (which needs no metadata).")
    ],
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
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
    namespace: Annotated[str | None, typer.Option(help="Namespace of the recorded nodes.")] = None,
    remap: Annotated[
        list[str] | None, typer.Option(help="Where a topic was recorded under another name: joint_states:=/arm/state.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every plan's result to this file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output file.")] = False,
) -> None:
    """Feed a recorded run to a planner and compare its plans with the recorded ones.

    Exit code 0: all are the same; 1: one differs or could not be compared. Plans made from what came before the
    recording began do not count.

    Observations, seed and counters are the recorded ones, so that a bug seen on a robot is seen again here.

    Example:

      rcd replay runs/bag-20260101-120000 models/kitchen-complete
    """
    from rcd_ros.data.bag_topics import TaskTopics
    from rcd_ros.data.bags import Bag
    from rcd_ros.evaluation.bag_replay import RecordedPlans
    from rcd_ros.evaluation.bag_replay import replay as plan_again
    from rcd_ros.outputs import claim_all, write_json
    from rcd_ros.planning.checkpoint import checkpoint_sha256, verify
    from rcd_ros.planning.planner import Planner

    names = remappings(remap)
    for option, value in (("--tolerance", tolerance), ("--stamp-tolerance", stamp_tolerance)):
        if not math.isfinite(value):
            raise RcdError(f"{option} {value:g}: give a finite number of 0 or more")
    claim_all({"--json": json_file}, [bag, checkpoint], force)
    spec = verify(checkpoint).task
    found = Bag(bag)
    recorded = RecordedPlans(found, TaskTopics(found, spec, namespace, names))
    planner = Planner.load(checkpoint, engine or recorded.engine or "auto")
    result = plan_again(recorded, planner, seed, tolerance, stamp_tolerance)
    used = planner.engine.name
    planner.close()
    sha256 = checkpoint_sha256(checkpoint)
    _show(result, sha256, used)
    if json_file is not None:
        about = {"bag": str(bag), "checkpoint_sha256": sha256, "engine": used, "tolerance": tolerance}
        write_json(json_file, about | result.summary())
    raise typer.Exit(0 if result.outcome == "same" else 1)


def remappings(texts: Sequence[str] | None) -> dict[str, str]:
    """Recorded names of topics from `name:=/recorded/name` options.

    Raises:
        RcdError: one is not written so.
    """
    pairs = [text.partition(":=") for text in texts or []]
    for text, (name, separator, recorded) in zip(texts or [], pairs, strict=True):
        if not name or not separator or not recorded.startswith("/"):
            raise RcdError(f"--remap takes name:=/recorded/name, such as joint_states:=/arm/joint_states, got '{text}'")
    return {name: recorded for name, _, recorded in pairs}


def _show(result: BagReplay, sha256: str, engine: str) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    console = Console()
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
    console.print(summary)
    others = [plan for plan in result.plans if plan.verdict != "same"]
    if others:
        rows = Table(Column("plan", justify="right"), "stamp", "verdict", "difference", "why", box=None)
        for plan in others[:_SHOWN]:
            gap = "-" if plan.difference is None else f"{plan.difference:.3g}"
            rows.add_row(str(plan.index), f"{plan.stamp * 1e-9:.3f} s", plan.verdict, gap, plan.reason)
        console.print(rows)
        if len(others) > _SHOWN:
            typer.echo(f"and {len(others) - _SHOWN} more; --json FILE has them all")
    if dropped := ", ".join(f"{count} {reason}" for reason, count in sorted(result.dropped.items())):
        typer.echo(f"recorded messages not used: {dropped}")
    if left := ", ".join(f"{count}: {reason}" for reason, count in result.not_compared.items()):
        typer.echo(f"plans that could not be compared: {left}")
    if result.missing:
        typer.echo(f"not one observation was complete: {result.missing} (--stamp-tolerance)")
    if not result.recorded_sha256:
        typer.echo("the bag has no diagnostics of a planner: seed and counters are a guess from 0 on")
    elif result.recorded_sha256 != sha256:
        typer.echo(f"another checkpoint planned this run: {result.recorded_sha256[:12]}, not {sha256[:12]}")
    if result.recorded_engine and result.recorded_engine != engine:
        typer.echo(f"it ran on engine {result.recorded_engine}, which may round otherwise")
