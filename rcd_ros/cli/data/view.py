"""`rcd data view`: a data set in Rerun."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rcd_ros.cli.data.options import Dataset
from rcd_ros.cli.options import Force
from rcd_ros.cli.parse import episode_numbers
from rcd_ros.errors import RcdError

MOST = 100
"""Episodes that are shown where none are chosen."""


def view(
    name: Dataset,
    rrd: Annotated[
        Path | None, typer.Option(help="Write this .rrd file and open nothing. Without a screen: <NAME>.rrd.")
    ] = None,
    episodes: Annotated[
        str | None, typer.Option(help=f"Which, by number: 0,3,5:9, or a file of such (default: the first {MOST}).")
    ] = None,
    force: Force = False,
) -> None:
    """Open a data set in Rerun: observations, actions, rewards, and what an import has kept and refused.

    Needs this package's extra view. `rerun FILE.rrd` opens a written file, anywhere.

    Example: rcd data view rcd/push-v0 --rrd push.rrd
    """
    from rcd_ros.data.storage.dataset_task import task_of_dataset
    from rcd_ros.data.storage.datasets import load_dataset
    from rcd_ros.data.storage.folders import dataset_folder
    from rcd_ros.data.view import check_rrd, has_screen, rerun, rerun_log, show_dataset
    from rcd_ros.outputs import claim_all

    rerun()
    dataset = load_dataset(name)
    if rrd is None and not has_screen():
        rrd = Path(f"{name.rpartition('/')[2]}.rrd")
    if rrd is not None:
        check_rrd(rrd)
        claim_all({"--rrd": rrd}, [dataset_folder(name)], force)
    total = len(dataset.episodes)
    chosen = list(range(min(total, MOST))) if episodes is None else sorted(episode_numbers(episodes, "--episodes"))
    if chosen[-1] >= total:
        raise RcdError(f"--episodes names episode {chosen[-1]}, '{name}' has 0 to {total - 1}")
    task = task_of_dataset(dataset)
    spec = None if task is None else task.spec
    with rerun_log(1.0 if spec is None else spec.control_period, rrd) as log:
        show_dataset(log, dataset, spec, chosen)
    shown = f"{len(chosen)} of {total} episodes"
    typer.echo(f"opened {shown} in Rerun" if rrd is None else f"wrote {shown} to {rrd}; open it with: rerun {rrd}")
