"""`rcd launch`: start the nodes of a launch, by ROS 2 where it is sourced, by our own supervisor elsewhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rcd_ros.cli.output import print_table
from rcd_ros.cli.parse import assignments
from rcd_ros.errors import RcdError
from rcd_ros.launching.bringup import Bringup, starts_nodes_itself
from rcd_ros.launching.launches import BRINGUPS, find_bringup
from rcd_ros.launching.supervisor import run_nodes


def launch(
    name: Annotated[str | None, typer.Argument(help="Which launch; without one, all are listed.")] = None,
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[ARG:=VALUE]...", help="Its arguments.")] = None,
    show_args: Annotated[bool, typer.Option("--show-args", "-s", help="List the launch's arguments.")] = False,
) -> None:
    """Start the nodes of a launch and stay until they end; Ctrl-C ends them all, with exit code 0.

    Where ROS 2 is sourced and rcd_ros is built in the workspace, this is `ros2 launch rcd_ros NAME.launch.py`.
    """
    if show_args and (name is None or arguments):
        raise RcdError("--show-args lists the arguments of one launch: rcd launch NAME --show-args")
    if name is None:
        _list_bringups()
        return
    bringup = find_bringup(name)
    if show_args:
        _list_arguments(bringup)
        return
    values = bringup.resolve(assignments("launch argument", arguments or []))
    processes = bringup.nodes(values)  # refuses what cannot be, in a sentence; ros2 launch would add a traceback
    if _ros2_can_launch():
        os.execvp("ros2", ["ros2", "launch", "rcd_ros", f"{name}.launch.py", *(arguments or [])])
    raise typer.Exit(run_nodes(processes, starts_nodes_itself(values)))


def _ros2_can_launch() -> bool:
    """Whether ROS 2 is sourced with a workspace that holds this package."""
    if shutil.which("ros2") is None:
        return False
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    marker = Path("share/ament_index/resource_index/packages/rcd_ros")
    return any(prefix and (Path(prefix) / marker).exists() for prefix in prefixes)


def _list_bringups() -> None:
    table = Table("launch", "what it starts", box=None)
    for bringup in BRINGUPS.values():
        table.add_row(bringup.name, bringup.description)
    print_table(table)


def _list_arguments(bringup: Bringup) -> None:
    table = Table("argument", "default", "values", "meaning", box=None, title=bringup.description, title_justify="left")
    table.caption = "What is left empty is as the parameter file says."
    for argument in bringup.arguments:
        values = " | ".join(argument.choices) or argument.kind
        table.add_row(argument.name, argument.default, values, argument.description)
    print_table(table)
