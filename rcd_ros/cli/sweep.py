"""`rcd sweep`: data sets x methods x training seeds on Ray, and one table of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from rcd_ros.cli.given import not_with
from rcd_ros.errors import RcdError


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
    import ray  # noqa: F401  a missing extra is said here, before anything starts

    from rcd_ros.benchmarks.report import build_report, draw, markdown, write_csv
    from rcd_ros.benchmarks.results import Cell, read_cell
    from rcd_ros.benchmarks.sweep import REPORTS, Job, load_sweep, plan_jobs
    from rcd_ros.benchmarks.sweep_run import run_jobs, unfinished
    from rcd_ros.progress import progress_bar

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
    failures: dict[str, str] = {}
    if missing:
        with progress_bar(total=len(jobs), initial=len(jobs) - len(missing), unit="cell") as bar:

            def report(job: Job, reason: str | None) -> None:
                bar.update()
                bar.write(f"{job.cell}: {reason or 'done'}")

            try:
                failures = run_jobs(missing, address, loaded.resources, report)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(f"the same command goes on; results so far are in {loaded.output}") from None
    results = [result for job in jobs if (result := read_cell(job.folder)) is not None]
    if not results:
        first = next(iter(failures.items()))
        raise RcdError(f"no cell has a result; {first[0]}: {first[1]}")
    order = {Cell(d, m, s): None for d in loaded.datasets for m in loaded.methods for s in loaded.seeds_of(m)}
    places = {cell: place for place, cell in enumerate(order)}
    results.sort(key=lambda result: places[result.cell])
    table = build_report(results)
    text = markdown(table, failures)
    report_md, report_csv, report_png = (loaded.output / name for name in REPORTS)
    report_md.write_text(text)
    write_csv(table, report_csv)
    draw(table, report_png)
    typer.echo(text)
    typer.echo(f"wrote {loaded.output}/report.md, report.csv and report.png")
    if failures:
        raise typer.Exit(1)
