"""What commands print at their end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from rcd_ros.evaluation.choice import Choice
    from rcd_ros.evaluation.machine import Machine


def print_table(table: Table, least_width: int = 0) -> None:
    """Print a table, at least so many columns wide where the terminal is narrower."""
    from rich.console import Console

    Console(width=max(Console().width, least_width)).print(table)


def print_choice(choice: Choice) -> None:
    """What each planner returns in the model, which one is chosen, and whether to doubt it."""
    print_table(choice.table(), 100)
    if choice.doubt:
        typer.echo(f"warning: {choice.doubt}", err=True)
    typer.echo(f"chosen: {choice.chosen.label}, {choice.chosen.checkpoint}")


def say_written(*files: Path | None) -> None:
    """Name the files that were written; None is a file that was not asked for."""
    for file in files:
        if file is not None:
            typer.echo(f"wrote {file}")


def write_figures(file: Path | None, checkpoint: Path, machine: Machine, **figures: object) -> None:
    """Write what was measured of a checkpoint to a JSON file, with the machine, if a file was asked for.

    Raises:
        RcdError: the file cannot be written.
    """
    from rcd_ros.outputs import write_json
    from rcd_ros.planning.checkpoint import checkpoint_sha256

    if file is None:
        return
    of = {"checkpoint": str(checkpoint), "checkpoint_sha256": checkpoint_sha256(checkpoint)}
    write_json(file, {"machine": machine.as_json(), **of, **figures})
    say_written(file)
