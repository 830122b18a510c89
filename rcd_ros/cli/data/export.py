"""`rcd data export`: a data set in the layout of LeRobot, robomimic, ACT, D4RL or NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rcd_ros.cli.data.options import Dataset


def export(
    name: Dataset,
    to: Annotated[
        str, typer.Option("--to", help="lerobot (v3.0), lerobot-v2.1, robomimic, act, d4rl or npz.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option(help="New folder (lerobot, act) or file (.hdf5: robomimic, d4rl; .npz).", show_default=False)
    ],
    task: Annotated[
        str | None, typer.Option(help="Task, where the data set does not say it, or where its `columns` have changed.")
    ] = None,
) -> None:
    """Write a data set for other tools; `rcd data import` reads it back as it was.

    Columns are placed as the task file says under `columns`, else as they are stored.

    Example: rcd data export rcd/push-v0 --to lerobot --output push_lerobot
    """
    from rcd_ros.data.export_dataset import check_format, export_dataset
    from rcd_ros.data.storage.dataset_task import check_same_task, task_of_dataset
    from rcd_ros.data.storage.datasets import load_dataset
    from rcd_ros.data.storage.folders import dataset_folder
    from rcd_ros.outputs import claim_new, keep_apart
    from rcd_ros.tasks.catalogue import get_task

    chosen = check_format(to, output)
    dataset = load_dataset(name)
    if task is None:
        known = task_of_dataset(dataset)
    else:
        known = get_task(task)
        check_same_task(dataset, known.spec)
    keep_apart({"--output": output}, [dataset_folder(name), task])
    claim_new(output)
    written = export_dataset(dataset, known, chosen, output)
    for note in written.notes:
        typer.echo(f"note: {note}")
    for key, names in written.names.items():
        typer.echo(f"  {key}: {', '.join(names)}")
    typer.echo(f"wrote {len(written.episodes)} episodes to {output} ({to})")
