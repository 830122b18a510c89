"""`rcd choose`: which of several planners, by the data they learned from; no episode is driven."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rcd_ros.cli.bounds import LARGEST_SEED, MOST_STEPS
from rcd_ros.errors import RcdError

if TYPE_CHECKING:
    from rcd_ros.planning.manifest import Manifest


def choose(
    planners: Annotated[
        list[str],
        typer.Argument(help="label=checkpoint[,checkpoint...]; the checkpoints of one label are its training seeds."),
    ],
    dataset: Annotated[str | None, typer.Option(help="Data set to judge by (default: that of the first one).")] = None,
    execute: Annotated[
        int | None, typer.Option(min=1, help="Commands executed of each plan (default: the first one's).")
    ] = None,
    steps: Annotated[
        int, typer.Option(min=1, max=MOST_STEPS, help="Steps by which the judge learns each planner's value.")
    ] = 2_000,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of the judge.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all values to this file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output file.")] = False,
) -> None:
    """Choose between planners without driving any: the one of highest value by fitted Q evaluation.

    For weights of the reward and the advantage: train a student with each, and let the data choose. The judge is a
    critic that no student was trained with. The label of the highest mean over its training seeds is chosen, then
    its seed of the highest value. Students of weights that `rcd train` warns of are valued too high: leave them out.

    Example:

      rcd choose plain=runs/p0/checkpoint,runs/p1/checkpoint rewarded=runs/r0/checkpoint,runs/r1/checkpoint
    """
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from rcd_ros.data.dataset_folders import dataset_folder
    from rcd_ros.data.storage import check_same_task, load_dataset
    from rcd_ros.outputs import claim_all, refuse_twice, write_json
    from rcd_ros.planning.checkpoint import verify
    from rcd_ros.progress import progress_bar
    from rcd_ros.training.fitted_q import FitSettings, Judge, cut_transitions, plan_all

    labels = _labels(planners)
    for folders in labels.values():
        refuse_twice("checkpoint", folders)
    manifests = {folder: verify(folder) for folders in labels.values() for folder in folders}
    first = next(iter(manifests.values()))
    _check_alike(manifests, first)
    name, periods = dataset or first.provenance.dataset, execute or first.execute
    if periods > first.horizon:
        raise RcdError(f"--execute must be at most the planned horizon {first.horizon}, got {periods}")
    data = load_dataset(name)
    claim_all({"--json": json_file}, [*manifests, dataset_folder(name)], force)
    check_same_task(data, first.task)
    discount = first.critic.discount if first.critic is not None else 0.99
    transitions = cut_transitions(data.episodes, first.task, first.history, periods, discount)
    judge = Judge(transitions, discount, FitSettings(steps=steps, seed=seed))
    rows: list[dict[str, Any]] = []
    with progress_bar(total=len(manifests), desc="judging", unit="planner") as bar:
        for label, folders in labels.items():
            for folder in folders:
                here, then = (
                    plan_all(folder, manifests[folder], seen, periods, seed + draw)
                    for draw, seen in enumerate((transitions.histories, transitions.following))
                )
                value = judge.value(here, then)
                rows.append({"label": label, "checkpoint": str(folder), "value": value.mean, "spread": value.spread})
                bar.update()
    means = {label: float(np.mean([row["value"] for row in rows if row["label"] == label])) for label in labels}
    best = max(means, key=means.__getitem__)
    chosen = max((row for row in rows if row["label"] == best), key=lambda row: row["value"])["checkpoint"]
    if json_file is not None:
        write_json(
            json_file,
            {
                "dataset": name,
                "execute": periods,
                "steps": steps,
                "seed": seed,
                "behaviour": judge.behaviour.mean,
                "rows": rows,
                "means": means,
                "chosen": chosen,
            },
        )
    table = Table("planner", "value of the start states", "of its training seeds", title_justify="left")
    table.add_row("behaviour (the data)", f"{judge.behaviour.mean:.4g}", "-")
    for label in labels:
        each = ", ".join(f"{row['value']:.4g}" for row in rows if row["label"] == label)
        table.add_row(label, f"{means[label]:.4g}", each)
    Console(width=max(Console().width, 100)).print(table)
    typer.echo(f"chosen: {best}, {chosen}")


def _labels(planners: list[str]) -> dict[str, list[Path]]:
    """label -> checkpoints; one without a label is called after its folder."""
    labels: dict[str, list[Path]] = {}
    for argument in planners:
        label, separator, folders = argument.partition("=")
        found = [Path(folder) for folder in (folders if separator else argument).split(",")]
        if not label or any(str(folder) == "." for folder in found):
            raise RcdError(
                f"cannot read '{argument}': write label=checkpoint, or label=checkpoint,checkpoint for seeds"
            )
        if label in labels:
            raise RcdError(f"'{label}' is named twice: put its checkpoints after one label, with commas between them")
        labels[label] = found
    return labels


def _check_alike(manifests: dict[Path, Manifest], first: Manifest) -> None:
    """Refuse planners that cannot be judged, or not by one judge."""
    for folder, manifest in manifests.items():
        if manifest.task != first.task or manifest.history != first.history:
            raise RcdError(
                f"'{folder}' plans for another task, or from other observations, than the first planner: their values "
                "do not compare"
            )
        if "student.safetensors" not in manifest.files:
            raise RcdError(f"'{folder}' carries no student weights (compact): name the checkpoint that it was made of")
        if manifest.task.goal_channels:
            raise RcdError(f"task '{manifest.task.name}' has goals: the judge does not choose them; use `rcd eval`")
