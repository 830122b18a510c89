"""`rcd compare` and `rcd choose`: several planners and their training seeds, by their scores or by their data."""

from __future__ import annotations

from typing import Annotated

import typer

from rcd_ros.cli.options import MOST_STEPS, Force, JsonFile, Seed
from rcd_ros.cli.output import print_table
from rcd_ros.cli.parse import labelled


def compare(
    results: Annotated[
        list[str], typer.Argument(help="label=file[,file...]; the files of one label are its training seeds.")
    ],
    json_file: JsonFile = None,
    force: Force = False,
) -> None:
    """Put what `rcd eval --json` measured side by side, training seeds pooled.

    Example:

      rcd compare rewarded=r-seed0.json,r-seed1.json plain=p-seed0.json,p-seed1.json
    """
    from rcd_ros.evaluation.comparison import comparison_table, pool
    from rcd_ros.evaluation.results import Evaluation
    from rcd_ros.outputs import claim_all, write_json

    named = labelled(results, "file")
    claim_all({"--json": json_file}, [file for files in named.values() for file in files], force)
    rows = [pool(label, [Evaluation.read(file) for file in files]) for label, files in named.items()]
    if json_file is not None:
        write_json(json_file, {"rows": [row.as_json() for row in rows]})
    print_table(comparison_table(rows), 130)


def choose(
    planners: Annotated[
        list[str],
        typer.Argument(help="label=checkpoint[,checkpoint...]; the checkpoints of one label are its training seeds."),
    ],
    dataset: Annotated[str | None, typer.Option(help="Data set to judge by (default: that of the first one).")] = None,
    execute: Annotated[
        int | None, typer.Option(min=1, help="Actions executed of each plan (default: the first one's).")
    ] = None,
    steps: Annotated[
        int, typer.Option(min=1, max=MOST_STEPS, help="Steps by which the judge learns each planner's value.")
    ] = 2_000,
    seed: Seed = 0,
    json_file: JsonFile = None,
    force: Force = False,
) -> None:
    """Choose between planners without driving any, by fitted Q evaluation (experimental: it can prefer a worse one).

    For weights of the reward and the advantage: train a student with each, and let the data choose. The judge is a
    critic that no student was trained with. The label of the highest mean over its training seeds is chosen, then
    its seed of the highest value. Students of weights that `rcd train` warns of are valued too high: leave them out.

    Example:

      rcd choose plain=runs/p0/checkpoint,runs/p1/checkpoint rewarded=runs/r0/checkpoint,runs/r1/checkpoint
    """
    from rcd_ros.data.storage.dataset_task import check_same_task
    from rcd_ros.data.storage.datasets import load_dataset
    from rcd_ros.data.storage.folders import dataset_folder
    from rcd_ros.evaluation.choice import check_alike, judge_planners
    from rcd_ros.outputs import claim_all, write_json
    from rcd_ros.planning.checkpoint import verify
    from rcd_ros.progress import progress_bar
    from rcd_ros.training.fitted_q import FitSettings

    labels = labelled(planners, "checkpoint", own_label=True)
    manifests = {folder: verify(folder) for folders in labels.values() for folder in folders}
    first = next(iter(manifests.values()))
    periods = execute or first.execute
    check_alike(manifests, periods)
    data = load_dataset(dataset or first.provenance.dataset)
    claim_all({"--json": json_file}, [*manifests, dataset_folder(data.name)], force)
    check_same_task(data, first.task)
    with progress_bar(total=len(manifests), desc="judging", unit="planner") as bar:
        choice = judge_planners(labels, manifests, data, periods, FitSettings(steps=steps, seed=seed), bar.update)
    if json_file is not None:
        write_json(json_file, choice.as_json())
    print_table(choice.table(), 100)
    typer.echo(f"chosen: {choice.chosen.label}, {choice.chosen.checkpoint}")
