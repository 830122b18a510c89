"""`rcd data from-bag`: recorded runs become a data set to train on; `rcd data import` of a bag is the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.cli.data_import import Wanted, store

if TYPE_CHECKING:
    from rcd_ros.data.formats.bag import BagSettings


def from_bag(
    bags: Annotated[
        list[Path],
        typer.Argument(
            help="Bags: folders of rosbag2, single .mcap or .db3 files (which need no metadata), or folders of bags."
        ),
    ],
    task: Annotated[str, typer.Option(help="Task whose observations and commands were recorded.")],
    name: Annotated[str, typer.Option("--name", help="Name of the new data set, such as rcd/kitchen/robot-v0.")],
    execute: Annotated[
        int | None, typer.Option(help="Periods the robot kept a plan for (default: as a bridge said, else 1).", min=1)
    ] = None,
    success: Annotated[
        str | None,
        typer.Option(help="Episodes that succeeded, by number: 0,3,5:9, or a file of such. The others have failed."),
    ] = None,
    min_steps: Annotated[int, typer.Option(help="Refuse episodes shorter than this.", min=1)] = 1,
    stamp_tolerance: Annotated[
        float, typer.Option(help="s that the stamps of one observation may differ (default: the task's).", min=0.0)
    ] = 0.0,
    namespace: Annotated[str | None, typer.Option(help="Namespace of the recorded nodes.")] = None,
    remap: Annotated[
        list[str] | None, typer.Option(help="Where a topic was recorded under another name: joint_states:=/arm/state.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Store nothing where something looks wrong.")] = False,
    description: Annotated[str, typer.Option(help="Where the data come from, license included.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing data set of that name.")] = False,
) -> None:
    """Turn recorded runs into a data set: what was observed, what the robot executed, what that completed.

    Where commands are, what cuts bags into episodes and what labels them stands in the task file under `columns: bag:`,
    see docs/own_robot.md.

    Example: rcd data from-bag runs/bag-20260101-120000 --task kitchen --name rcd/kitchen/robot-v0
    """
    from rcd_ros.cli.replay import remappings
    from rcd_ros.data.dataset_folders import dataset_folder
    from rcd_ros.data.formats.bag import BagSettings
    from rcd_ros.data.storage import check_new_name
    from rcd_ros.outputs import keep_apart, refuse_twice

    check_new_name(name, force)
    refuse_twice("bag", bags)
    keep_apart({"--name": dataset_folder(name)}, [*bags, task, success])
    wanted = Wanted(name, task, success, False, min_steps, strict, description, force)
    import_bags(bags, wanted, BagSettings(execute, stamp_tolerance, namespace, remappings(remap)))


def import_bags(bags: Sequence[Path], wanted: Wanted, settings: BagSettings | None = None) -> None:
    """Make a data set of bags, and print what became of each episode."""
    from rcd_ros.data.bag_layout import bag_layout
    from rcd_ros.data.formats.bag import BagSettings, read_bags
    from rcd_ros.tasks.catalogue import get_task

    chosen, settings = get_task(wanted.task), settings or BagSettings()
    source = read_bags(bags, chosen.spec, bag_layout(chosen), settings)
    origin = {
        "command": "from-bag",
        "format": source.recording.format,
        "bags": [path.name for path in bags],
        "checkpoint_sha256": dict(source.checkpoints),
        "execute": settings.execute,
        "min_steps": wanted.min_steps,
    }
    store(source.recording, chosen, wanted, origin, source.columns)
