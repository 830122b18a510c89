"""`rcd data from-bag`: recorded runs become a data set to train on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.data.episodes import Episode
    from rcd_ros.data.from_bag import BagEpisodes


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
    min_steps: Annotated[int, typer.Option(help="Leave out episodes shorter than this.", min=1)] = 1,
    namespace: Annotated[str | None, typer.Option(help="Namespace of the recorded nodes.")] = None,
    remap: Annotated[
        list[str] | None, typer.Option(help="Where a topic was recorded under another name: joint_states:=/arm/state.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing data set of that name.")] = False,
) -> None:
    """Turn recorded runs into a data set: what was observed, which commands were due, what they completed.

    Example: rcd data from-bag runs/bag-20260101-120000 --task kitchen --name rcd/kitchen/robot-v0
    """
    from rcd_ros.cli.replay import remappings
    from rcd_ros.data.bags import Bag, TaskTopics
    from rcd_ros.data.dataset_folders import dataset_folder
    from rcd_ros.data.from_bag import read_episodes
    from rcd_ros.data.storage import check_new_name, save_dataset
    from rcd_ros.outputs import keep_apart
    from rcd_ros.simulation.tasks import get_task

    check_new_name(name, force)
    keep_apart({"--name": dataset_folder(name)}, [*bags, task])
    spec, names = get_task(task).spec, remappings(remap)
    episodes: list[Episode] = []
    planners: dict[str, str] = {}
    for path in bags:
        bag = Bag(path)
        found = read_episodes(bag, spec, TaskTopics(bag, spec, namespace, names), execute)
        long_enough = [episode for episode in found.episodes if len(episode) >= min_steps]
        episodes += [replace(episode, info={**episode.info, "bag": path.name}) for episode in long_enough]
        planners |= {path.name: found.checkpoint_sha256} if found.checkpoint_sha256 else {}
        _report_bag(path, found, len(long_enough))
    if not episodes:
        raise RcdError(f"no episode has {min_steps} steps, nothing was stored: lower --min-steps")
    origin = {
        "command": "from-bag",
        "bags": [path.name for path in bags],
        "checkpoint_sha256": planners,
        "execute": execute,
        "min_steps": min_steps,
    }
    description = f"Recorded runs of '{task}': what was observed, and the commands that were due."
    save_dataset(name, episodes, task=spec, origin=origin, description=description, force=force)
    steps = sum(len(episode) for episode in episodes)
    typer.echo(f"stored {len(episodes)} episodes of {steps} steps in all as {name}")


def _report_bag(path: Path, found: BagEpisodes, kept: int) -> None:
    """Prints what a bag gave, and what of it could not be used."""
    typer.echo(
        f"{path}: {found.observed} observations, {found.steps} steps in {len(found.episodes)} episodes, {kept} of them "
        f"kept; {found.held} steps without a plan"
    )
    how = f"{found.mode} as its bridge said" if found.mode else "in real time, as no bridge said otherwise"
    typer.echo(f"  plans kept for {found.execute} periods, {how}")
    for what, counts in (
        ("observations left out", found.dropped),
        ("messages not used", found.unusable),
        ("plans refused", found.refused),
    ):
        if told := ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()) if count):
            typer.echo(f"  {what}: {told}")
    if not found.has_completions:
        typer.echo("  no topic 'task_completions': all rewards are 0")
