"""`rcd compare` and `rcd choose`: several planners and their training seeds, by their scores or by their data."""

from __future__ import annotations

from typing import Annotated

import typer

from rcd_ros.choices import ROLLOUTS
from rcd_ros.cli.options import MOST_STEPS, Force, JsonFile, Seed
from rcd_ros.cli.output import print_choice, print_table
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
        int, typer.Option(min=1, max=MOST_STEPS, help="Steps by which the model of the dynamics is learned.")
    ] = 8_000,
    rollouts: Annotated[
        int, typer.Option(min=1, max=100_000, help="Rollouts of each planner, each as long as an episode.")
    ] = ROLLOUTS,
    seed: Seed = 0,
    json_file: JsonFile = None,
    force: Force = False,
) -> None:
    """Choose between planners without driving any, by rollouts in a model of their data's dynamics.

    For weights of the reward and the advantage: train a student with each, and let the data choose. A rollout ends
    where the robot falls, or leaves what the data know. The label whose mean return over its training seeds is the
    highest is chosen, of its seeds the best. `rcd train` does this by itself for a recipe with a list as
    student.reward.

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
    from rcd_ros.training.dynamics import FitSettings

    labels = labelled(planners, "checkpoint", own_label=True)
    manifests = {folder: verify(folder) for folders in labels.values() for folder in folders}
    first = next(iter(manifests.values()))
    periods = execute or first.execute
    check_alike(manifests, periods)
    data = load_dataset(dataset or first.provenance.dataset)
    claim_all({"--json": json_file}, [*manifests, dataset_folder(data.name)], force)
    check_same_task(data, first.task)
    settings = FitSettings(steps=steps, seed=seed)
    with progress_bar(total=steps, desc="learning the dynamics", unit="step") as bar:
        choice = judge_planners(labels, manifests, data, periods, rollouts, settings, bar.update)
    if json_file is not None:
        write_json(json_file, choice.as_json())
    print_choice(choice)
