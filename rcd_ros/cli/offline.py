"""`rcd eval --offline`: a checkpoint against recorded episodes, without a simulator."""

from __future__ import annotations

from pathlib import Path

import typer


def evaluate_offline(
    checkpoint: Path, dataset: str, *, seed: int, plans: int, json_file: Path | None, plot: Path | None, force: bool
) -> None:
    """Prints, and writes where asked for, how far the plans are from what was recorded."""
    from rich.console import Console
    from rich.table import Table

    from rcd_ros.data.dataset_folders import dataset_folder
    from rcd_ros.data.storage import load_dataset
    from rcd_ros.evaluation.offline import DESCRIPTIONS, NOT_A_SUCCESS_RATE
    from rcd_ros.evaluation.offline import evaluate_offline as compare
    from rcd_ros.evaluation.plots import check_picture_name
    from rcd_ros.outputs import claim_all, write_json
    from rcd_ros.planning.checkpoint import verify
    from rcd_ros.progress import progress_bar

    manifest = verify(checkpoint)
    if plot is not None:
        check_picture_name(plot)
    claim_all({"--json": json_file, "--plot": plot}, [checkpoint, dataset_folder(dataset)], force)
    data = load_dataset(dataset)
    with progress_bar(unit="plan") as bar:

        def show(name: str, done: int, total: int) -> None:
            bar.set_description(name)
            bar.total = total
            bar.update(done - bar.n)

        result = compare(checkpoint, manifest, data, seed=seed, most=plans, progress=show)
    summary = result.summary(manifest.task)
    if json_file is not None:
        write_json(json_file, summary | {"checkpoint": str(checkpoint)})
    if plot is not None:
        from rcd_ros.evaluation.offline_plot import plot_offline

        plot_offline(plot, manifest, result)
    typer.echo(f"{dataset}: {result.episodes} episodes ({result.unseen}), {result.plans} plans")
    table = Table("mean absolute error", "unit", *result.policies, box=None)
    for row, (joint, unit) in enumerate(summary["units"].items()):
        means = (errors.by_joint[:, row].mean() for errors in result.policies.values())
        table.add_row(joint, unit, *(f"{mean:.4g}" for mean in means))
    last = manifest.horizon - 1
    for title, step in (("step 1", 0), (f"step {last + 1}", last)):
        values = (errors.by_step[step] for errors in result.policies.values())
        table.add_row(f"all joints, {title} of the chunk", "std", *(f"{value:.3g}" for value in values))
    seams = (errors.seam for errors in result.policies.values())
    table.add_row("jump from plan to plan", "steps", *(f"{seam:.3g}" for seam in seams))
    Console().print(table)
    for name in result.policies:
        typer.echo(f"  {name}: {DESCRIPTIONS[name]}")
    if result.predicted_return is not None:
        related = "" if result.return_correlation is None else f", correlation {result.return_correlation:.2f}"
        typer.echo(
            f"return from there on: predicted {result.predicted_return:.4g}, recorded {result.recorded_return:.4g}"
            f"{related}"
        )
    typer.echo(NOT_A_SUCCESS_RATE)
    for output in (json_file, plot):
        if output is not None:
            typer.echo(f"wrote {output}")
