"""`rcd bench report`: one table, one CSV file and one figure from many results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rcd_ros.cli.options import Force
from rcd_ros.cli.output import say_written
from rcd_ros.errors import RcdError


def report(
    folders: Annotated[list[Path], typer.Argument(help="What `rcd sweep` or `rcd bench baselines` wrote.")],
    output: Annotated[Path, typer.Option(help="Files to write, without their suffix: .md, .csv and .png.")] = Path(
        "runs/report"
    ),
    method: Annotated[
        list[str] | None, typer.Option(help="Method to show; may be given several times, in order (default: all).")
    ] = None,
    force: Force = False,
) -> None:
    """Write a table of data sets and methods as Markdown and CSV, and a figure.

    Each figure is the mean over the episodes of all training seeds, with a 95 % interval over seeds and episodes
    (rliable's stratified bootstrap); below stand the average over the data sets and the interquartile mean, beside
    them plan times and the wall time of training. Seeds that were evaluated differently are not pooled.

    Example:

      rcd bench report runs/gym runs/baselines --output runs/gym-table
    """
    from rcd_ros.benchmarks.report import build_report
    from rcd_ros.benchmarks.report_writer import write_report
    from rcd_ros.benchmarks.results import read_results, report_files
    from rcd_ros.outputs import claim_all

    if not output.name or output.name == "..":
        raise RcdError(f"--output '{output}' is a folder: name files to write, without their suffix")
    files = report_files(output)
    read: list[Path] = []
    built = build_report(read_results(folders, read), method or ())
    claim_all({f"--output ({file.suffix})": file for file in files}, read, force)
    typer.echo(write_report(built, output))
    say_written(*files)
