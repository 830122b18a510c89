"""`rcd sweep`: data sets x methods x training seeds on Ray, and one table of them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.cli.given import not_with
from rcd_ros.cli.output import say_written
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.benchmarks.sweep import Sweep
    from rcd_ros.benchmarks.sweep_jobs import Job


def sweep(
    context: typer.Context,
    description: Annotated[Path, typer.Argument(help="Sweep, e.g. config/sweep/kitchen.yaml.")],
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster, such as auto or 10.0.0.1:6379 (default: Ray is started here for this run)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Make again what has been made.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands that are still to run.")] = False,
) -> None:
    """Make every cell of a table: train, evaluate, and put the results side by side.

    The description names data sets, methods and training seeds. A method trains a recipe, takes teacher and critic of
    another method (start_from), evaluates another one's checkpoint (evaluate: its teacher, or other options), or is a
    baseline of `rcd bench baselines`. Each cell runs `rcd train` and `rcd eval`; its log, checkpoint and result lie in
    OUTPUT/<data set>/<method>/seed-N.

    After an interruption the same command goes on: finished cells are kept and trainings are resumed. Failed cells are
    listed with the reason and made again by the next start; the exit code is then 1. On a cluster every machine must
    see the same folders and have this package.

    Examples:

      rcd sweep config/sweep/kitchen.yaml --dry-run

      rcd sweep config/sweep/kitchen.yaml --address auto
    """
    import ray  # noqa: F401  reports a missing extra before anything starts

    from rcd_ros.benchmarks.report import build_report
    from rcd_ros.benchmarks.report_writer import write_report
    from rcd_ros.benchmarks.results import read_cell, report_files
    from rcd_ros.benchmarks.sweep import load_sweep
    from rcd_ros.benchmarks.sweep_jobs import plan_jobs
    from rcd_ros.benchmarks.sweep_run import unfinished

    not_with(context, "--dry-run", dry_run, "address")
    loaded = load_sweep(description)
    jobs = plan_jobs(loaded)
    missing = unfinished(jobs, force)
    if dry_run:
        for job in missing:
            for command in job.commands:
                typer.echo(f"rcd {' '.join(command)}")
        return
    if force:
        for job in jobs:
            shutil.rmtree(job.folder, ignore_errors=True)
    typer.echo(f"{len(jobs)} cells, {len(jobs) - len(missing)} of them are there already")
    failures = _run(missing, len(jobs), address, loaded) if missing else {}
    folders = (cell.folder(loaded.output) for cell in loaded.cells())
    results = [result for folder in folders if (result := read_cell(folder)) is not None]
    if not results:
        first = next(iter(failures.items()))
        raise RcdError(f"no cell has a result; {first[0]}: {first[1]}")
    typer.echo(write_report(build_report(results), loaded.report, failures))
    say_written(*report_files(loaded.report))
    if failures:
        raise typer.Exit(1)


def _run(missing: Sequence[Job], total: int, address: str | None, loaded: Sweep) -> Mapping[str, str]:
    """Make the missing cells under a progress bar; returns those that failed, and why."""
    from rcd_ros.benchmarks.sweep_run import run_jobs
    from rcd_ros.progress import progress_bar

    with progress_bar(total=total, initial=total - len(missing), unit="cell") as bar:

        def report(job: Job, reason: str | None) -> None:
            bar.update()
            bar.write(f"{job.cell}: {reason or 'done'}")

        try:
            return run_jobs(missing, address, loaded.resources, report)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"the same command goes on; results so far are in {loaded.output}") from None
