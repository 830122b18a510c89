"""`rcd task ...`: propose and check task files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rcd_ros.errors import RcdError

app = typer.Typer(help="Describe your own robot and task: propose and check a task file.", no_args_is_help=True)


@app.command()
def init(
    bag: Annotated[Path | None, typer.Option(help="A recorded run of the robot (MCAP or SQLite).")] = None,
    lerobot: Annotated[Path | None, typer.Option(help="Folder of a LeRobot data set.")] = None,
    model: Annotated[Path | None, typer.Option(help="A MuJoCo model (MJCF).")] = None,
    urdf: Annotated[Path | None, typer.Option(help="The robot's URDF.")] = None,
) -> None:
    """Print a task file proposed from what there is, to be looked over and saved.

    Examples:

      rcd task init --model arm.xml > task.yaml

      rcd task init --bag runs/bag-20260101-120000 > task.yaml
    """
    given = {"bag": bag, "lerobot": lerobot, "model": model, "urdf": urdf}
    chosen = [name for name, path in given.items() if path is not None]
    if len(chosen) != 1:
        raise RcdError(
            f"say from what to propose a task by one of --bag, --lerobot, --model, --urdf; got "
            f"{' and '.join(f'--{name}' for name in chosen) or 'none'}"
        )
    from rcd_ros.data.imports import task_proposal as proposals

    if bag is not None:
        from rcd_ros.data.bags.bag import Bag

        text = proposals.propose_from_bag(Bag(bag))
    elif lerobot is not None:
        text = proposals.propose_from_lerobot(lerobot)
    elif model is not None:
        text = proposals.propose_from_model(model)
    else:
        assert urdf is not None
        text = proposals.propose_from_urdf(urdf)
    typer.echo(text, nl=False)


@app.command()
def check(
    task: Annotated[str, typer.Argument(help="Task file, or name of a task.")],
    bag: Annotated[Path | None, typer.Option(help="Compare with this recorded run: topics, rates, stamps, ...")] = None,
    dataset: Annotated[str | None, typer.Option(help="Compare with this data set: columns, ranges, units.")] = None,
) -> None:
    """Check a task file, and whether it fits a bag or a data set. Exit code 2 when it does not.

    Example: rcd task check task.yaml --bag runs/bag-20260101-120000
    """
    from rcd_ros.data.imports.declared import declared
    from rcd_ros.data.imports.task_check import check_against_bag, check_against_dataset, describe, require_something
    from rcd_ros.tasks.catalogue import get_task

    chosen = get_task(task)
    for line in describe(chosen.spec):
        typer.echo(line)
    for format_name in chosen.columns:
        declared(chosen, format_name)
    found = []
    if chosen.file is not None and chosen.file.content.simulation is not None:
        chosen.make_simulation().close()
        typer.echo("simulation: the model has all that the task names")
    if bag is not None:
        from rcd_ros.data.bags.bag import Bag

        found.append(check_against_bag(chosen.spec, Bag(bag)))
    if dataset is not None:
        from rcd_ros.data.storage.datasets import load_dataset

        found.append(check_against_dataset(chosen.spec, load_dataset(dataset)))
    for each in found:
        for note in each.notes:
            typer.echo(f"note: {note}")
        for problem in each.problems:
            typer.echo(f"PROBLEM: {problem}")
    for each in found:
        require_something(each)
    typer.echo("the task fits" if found else "the task file is sound; compare it with --bag or --dataset")
