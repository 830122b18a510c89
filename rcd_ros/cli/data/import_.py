"""`rcd data import` and `from-bag`: recordings of other formats become a data set of a task."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typing_extensions import Self

from rcd_ros.cli.data.options import NewDataset
from rcd_ros.cli.options import Namespace, Remap, grouped
from rcd_ros.cli.parse import episode_numbers, remappings
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from tqdm import tqdm

    from rcd_ros.data.imports.bags import BagSettings
    from rcd_ros.data.imports.columns import ColumnMap
    from rcd_ros.data.imports.completions import Recomputed
    from rcd_ros.data.imports.source import Imported
    from rcd_ros.formats.recording import Recording
    from rcd_ros.tasks.task import Task

_NAMED = 5
"""Refused episodes of one reason that are named."""
SHORT_S = 1.0
"""Work shorter than this shows no progress."""
_STORED = 100
"""Refused episodes that the data set keeps in its metadata."""


@dataclass(frozen=True)
class Importing:
    """Which episodes are taken, and what is known of them."""

    success: Annotated[
        str | None,
        typer.Option(help="Episodes that succeeded, by number: 0,3,5:9, or a file of such. The others have failed."),
    ] = None
    min_steps: Annotated[int, typer.Option(help="Refuse episodes shorter than this.", min=1)] = 1
    strict: Annotated[bool, typer.Option("--strict", help="Store nothing where something looks wrong.")] = False
    description: Annotated[str, typer.Option(help="Where the data come from, license included.")] = ""


@grouped
def import_(
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder of a LeRobot data set or of ACT's episodes, .hdf5 (robomimic, ACT, D4RL), .npz (state, "
            "action, episode_ends), or a bag (as `from-bag`, which has more options)."
        ),
    ],
    new: NewDataset,
    importing: Importing,
    task: Annotated[str | None, typer.Option(help="Task that the data belong to: a name, or a task file.")] = None,
    recount: Annotated[
        bool, typer.Option("--recount", help="Count the task's goals again instead of taking the recorded rewards.")
    ] = False,
) -> None:
    """Import recordings. What is used, what not and why is printed; so is what looks wrong.

    The format is found out. Which columns are which stands in the task file under `columns`, see docs/own_robot.md.

    Examples:

      rcd data import pushes/ --task task.yaml --name rcd/push-v0

      rcd data import kitchen_complete_v2.npz --task kitchen --name rcd/kitchen/complete-v0
    """
    from rcd_ros.formats.registry import BAG, detect, open_recording
    from rcd_ros.tasks.catalogue import get_task

    new.claim([source, task, importing.success])
    kind = detect(source)
    if task is None:
        raise RcdError(f"name the task that '{source}' belongs to by --task: a task, or the path of a task file")
    if kind == BAG:
        _import_bags([source], get_task(task), new, importing, recount=recount)
        return
    origin: dict[str, object] = {"command": "import", "file": source.name, "format": kind}
    _store(open_recording(source, kind), get_task(task), new, importing, origin, recount=recount)


@grouped
def from_bag(
    bags: Annotated[
        list[Path],
        typer.Argument(
            help="Bags: folders of rosbag2, single .mcap or .db3 files (which need no metadata), or folders of bags."
        ),
    ],
    task: Annotated[str, typer.Option(help="Task whose observations and actions were recorded.")],
    new: NewDataset,
    importing: Importing,
    execute: Annotated[
        int | None, typer.Option(help="Periods the robot kept a plan for (default: as a bridge said, else 1).", min=1)
    ] = None,
    stamp_tolerance: Annotated[
        float, typer.Option(help="s that the stamps of one observation may differ (default: the task's).", min=0.0)
    ] = 0.0,
    namespace: Namespace = None,
    remap: Remap = None,
) -> None:
    """Turn recorded runs into a data set: what was observed, what the robot executed, what that completed.

    Where commands are, what cuts bags into episodes and what labels them stands in the task file under `columns: bag:`,
    see docs/own_robot.md.

    Example: rcd data from-bag runs/bag-20260101-120000 --task kitchen --name rcd/kitchen/robot-v0
    """
    from rcd_ros.data.imports.bags import BagSettings
    from rcd_ros.outputs import refuse_twice
    from rcd_ros.tasks.catalogue import get_task

    refuse_twice("bag", bags)
    new.claim([*bags, task, importing.success])
    settings = BagSettings(execute, stamp_tolerance, namespace, remappings(remap or []))
    _import_bags(bags, get_task(task), new, importing, settings)


def _import_bags(
    bags: Sequence[Path],
    task: Task,
    new: NewDataset,
    importing: Importing,
    settings: BagSettings | None = None,
    recount: bool = False,
) -> None:
    """Make a data set of bags, and print what became of each episode."""
    from rcd_ros.data.bags.layout import bag_layout
    from rcd_ros.data.imports.bags import BagSettings, read_bags

    settings = settings or BagSettings()
    source = read_bags(bags, task.spec, bag_layout(task), settings)
    origin: dict[str, object] = {
        "command": "from-bag",
        "format": source.recording.format,
        "bags": [path.name for path in bags],
        "checkpoint_sha256": dict(source.checkpoints),
        "execute": settings.execute,
        "min_steps": importing.min_steps,
    }
    _store(source.recording, task, new, importing, origin, source.columns, recount)


def _store(
    recording: Recording,
    chosen: Task,
    new: NewDataset,
    importing: Importing,
    origin: dict[str, object],
    columns: ColumnMap | None = None,
    recount: bool = False,
) -> None:
    """Make a data set of a source's episodes, and print what became of each."""
    from rcd_ros.data.imports.source import ImportSettings, import_source
    from rcd_ros.data.storage.datasets import save_dataset

    labels = None if importing.success is None else episode_numbers(importing.success)
    settings = ImportSettings(labels, importing.min_steps, recount)
    with _Progress() as progress:
        imported = import_source(recording, chosen, settings, progress.show, columns)
    _report(recording, imported)
    origin |= {
        "rewards": imported.rewards,
        "refused": [f"{each.name}: {each.reason}" for each in imported.refused[:_STORED]],
        "notes": imported.notes,
        "suspicions": imported.suspicions,
    }
    if imported.recomputed:
        origin |= _report_completions(chosen.spec.score.goals, imported.recomputed)
    if importing.strict and imported.suspicions:
        count = len(imported.suspicions)
        raise RcdError(
            f"{count} suspicion{'s' if count > 1 else ''} about '{recording.path}', see above, nothing was stored: "
            "mend the data or the task, or leave --strict away"
        )
    save_dataset(
        new.name,
        imported.episodes,
        task=chosen.spec,
        origin=origin,
        description=importing.description or f"Imported from {recording.path.name}.",
        force=new.force,
    )
    typer.echo(f"stored {len(imported.kept)} episodes as {new.name}")


class _Progress:
    """A bar that appears when there is something to wait for."""

    def __init__(self) -> None:
        self._bar: tqdm[object] | None = None
        self._begun = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, what: str, done: int, total: int) -> None:
        from rcd_ros.progress import progress_bar

        if self._bar is None:
            if time.monotonic() - self._begun < SHORT_S:
                return
            self._bar = progress_bar(unit="episode", total=total, desc=what)
        self._bar.set_description(what, refresh=False)
        self._bar.total = total
        self._bar.update(done - self._bar.n)


def _report(recording: Recording, imported: Imported) -> None:
    """Prints what became of the source."""
    steps = [len(episode) for episode in imported.episodes]
    typer.echo(f"{recording.path}: {recording.format}, {len(imported.kept) + len(imported.refused)} episodes")
    used = [f"{name} <- {columns}" for name, columns in imported.columns.observe.items()]
    command = imported.columns.command
    used.append(f"command <- {'the next observation' if command is None else command}")
    typer.echo(f"  columns: {'; '.join(used)}")
    typer.echo(f"  kept: {len(steps)} episodes of {min(steps)} to {max(steps)} steps, {sum(steps)} in all")
    for reason, count in Counter(each.reason for each in imported.refused).items():
        names = [each.name for each in imported.refused if each.reason == reason]
        more = f" and {count - _NAMED} more" if count > _NAMED else ""
        typer.echo(f"  REFUSED: {', '.join(names[:_NAMED])}{more}: {reason}")
    succeeded = sum(episode.total_reward > 0.0 for episode in imported.episodes)
    if imported.rewards == "none":
        typer.echo(
            "  rewards: none, nothing says which episodes succeeded. Planners imitate such data; for a reward give "
            "`success` in the task file, or --success"
        )
    else:
        typer.echo(f"  rewards: {imported.rewards}; {succeeded} of {len(steps)} episodes have one")
    for note in imported.notes:
        typer.echo(f"  note: {note}")
    for suspicion in imported.suspicions:
        typer.echo(f"  SUSPICION: {suspicion}")


def _report_completions(goals: Sequence[str], results: Sequence[Recomputed]) -> dict[str, int]:
    """Prints how many recorded completions the open-loop replay reproduced, goal by goal; returns the totals."""
    recorded = {goal: sum(goal in result.recorded for result in results) for goal in goals}
    both = {goal: sum(goal in result.recorded and goal in result.reproduced for result in results) for goal in goals}
    all_recorded, all_both = sum(recorded.values()), sum(both.values())
    typer.echo(f"completions recorded: {all_recorded / len(results):.2f} an episode ({all_recorded} in all)")
    typer.echo(f"reproduced by open-loop replay: {all_both / len(results):.2f} ({all_both} of {all_recorded})")
    for goal in goals:
        typer.echo(f"  {goal}: {both[goal]} of {recorded[goal]}")
    return {"completions_recorded": all_recorded, "completions_reproduced_open_loop": all_both}
