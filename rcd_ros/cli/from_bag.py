"""`rcd data from-bag`: recorded runs become a data set to train on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.data.formats.bag import BagSource
    from rcd_ros.data.ingest import Kept, Refused


def from_bag(
    bags: Annotated[
        list[Path],
        typer.Argument(help="Bags: folders of rosbag2, or single .mcap or .db3 files (which need no metadata)."),
    ],
    task: Annotated[str, typer.Option(help="Task whose observations and commands were recorded.")],
    name: Annotated[str, typer.Option("--name", help="Name of the new data set, such as rcd/kitchen/robot-v0.")],
    execute: Annotated[
        int | None, typer.Option(help="Periods the robot kept a plan for (default: as a bridge said, else 1).", min=1)
    ] = None,
    min_steps: Annotated[int, typer.Option(help="Refuse episodes shorter than this.", min=1)] = 1,
    stamp_tolerance: Annotated[
        float, typer.Option(help="s that the stamps of one observation may differ (default: the task's).", min=0.0)
    ] = 0.0,
    namespace: Annotated[str | None, typer.Option(help="Namespace of the recorded nodes.")] = None,
    remap: Annotated[
        list[str] | None, typer.Option(help="Where a topic was recorded under another name: joint_states:=/arm/state.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing data set of that name.")] = False,
) -> None:
    """Turn recorded runs into a data set: what was observed, what the robot executed, what that completed.

    Example: rcd data from-bag runs/bag-20260101-120000 --task kitchen --name rcd/kitchen/robot-v0
    """
    from rcd_ros.cli.replay import remappings
    from rcd_ros.data.bag_layout import bag_layout
    from rcd_ros.data.dataset_folders import dataset_folder
    from rcd_ros.data.formats.bag import BagSettings, read_bags
    from rcd_ros.data.ingest import IngestRules, Kept, Refused, ingest
    from rcd_ros.data.storage import check_new_name, save_dataset
    from rcd_ros.outputs import keep_apart
    from rcd_ros.simulation.tasks import get_task

    check_new_name(name, force)
    keep_apart({"--name": dataset_folder(name)}, [*bags, task])
    chosen = get_task(task)
    settings = BagSettings(execute, stamp_tolerance, namespace, remappings(remap))
    source = read_bags(bags, chosen.spec, bag_layout(chosen), settings)
    rules = IngestRules(min_steps)
    found = list(ingest(source.recording, chosen.spec, source.columns, rules))
    kept = [each for each in found if isinstance(each, Kept)]
    refused = [each for each in found if isinstance(each, Refused)]
    _report(source, kept, refused)
    if not kept:
        raise RcdError(f"no episode can be used, nothing was stored: {refused[0].name}: {refused[0].reason}")
    origin = {
        "command": "from-bag",
        "bags": [path.name for path in bags],
        "checkpoint_sha256": dict(source.checkpoints),
        "execute": execute,
        "min_steps": min_steps,
        "refused": len(refused),
    }
    description = f"Recorded runs of '{task}': what was observed, and the commands that were due."
    save_dataset(
        name, [each.episode for each in kept], task=chosen.spec, origin=origin, description=description, force=force
    )
    steps = sum(len(each.episode) for each in kept)
    typer.echo(f"stored {len(kept)} episodes of {steps} steps in all as {name}")


def _report(source: BagSource, kept: list[Kept], refused: list[Refused]) -> None:
    """Prints what the bags gave, and what of it could not be used."""
    typer.echo(f"{len(kept) + len(refused)} episodes, {len(kept)} of them kept")
    for each in refused:
        typer.echo(f"  REFUSED: {each.name}: {each.reason}")
    for note in source.recording.notes:
        typer.echo(f"  {note}")
