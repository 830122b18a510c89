"""Options that several commands share, each declared once, and groups of options as dataclasses.

A command whose parameters are groups is decorated with `grouped`:

    @dataclass(frozen=True)
    class Planning:
        policy: Annotated[str, typer.Option(help="...")] = "student"

    @grouped
    def evaluate(checkpoint: Checkpoint, planning: Planning) -> None: ...
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rcd_ros.choices import LARGEST_SEED

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# What is beyond these is a slip of the keyboard.
MOST_EPISODES = 1_000_000
MOST_STEPS = 1_000_000_000
MOST_WORKERS = 1_024
MOST_THREADS = 1_024


Checkpoint = Annotated[Path, typer.Argument(help="Checkpoint folder.")]
Engines = Annotated[
    list[str] | None, typer.Option(help="Engine to time; may be given several times (default: all usable ones).")
]
Episodes = Annotated[int, typer.Option(min=1, max=MOST_EPISODES, help="Episodes to drive.")]
EpisodeSteps = Annotated[
    int | None, typer.Option(min=1, help="Steps per episode (default: the task's own; kitchen: 280).")
]
FirstSeed = Annotated[
    int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of the first episode; the others count up from it.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace existing output files.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")]
Namespace = Annotated[str | None, typer.Option(help="Namespace of the recorded nodes.")]
Remap = Annotated[
    list[str] | None, typer.Option(help="Where a topic was recorded under another name: joint_states:=/arm/state.")
]
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="All randomness follows from it.")]
Shape = Annotated[bool, typer.Option("--shape/--no-shape", help="Shape trajectories within the robot's motion limits.")]
TaskOfData = Annotated[
    str | None, typer.Option("--task", help="Task, where the data set does not say it (fetched ones).")
]
Threads = Annotated[int, typer.Option(min=1, max=MOST_THREADS, help="Threads that one plan may use, on either side.")]
Workers = Annotated[
    int, typer.Option(min=1, max=MOST_WORKERS, help="Processes; changes nothing but the time it takes.")
]


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with a parameter for each field of the dataclasses among its own, for typer to read."""
    groups: dict[str, tuple[Callable[..., DataclassInstance], list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    # Not by get_type_hints: Python 3.10's hides the `Annotated` of a parameter whose default is None.
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        group, found = parameter.annotation, [parameter]
        if isinstance(group, type) and dataclasses.is_dataclass(group):
            found = list(inspect.signature(group, eval_str=True).parameters.values())
            groups[name] = (group, [each.name for each in found])
        parameters += [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in found]

    @functools.wraps(command)
    def run(**values: object) -> None:
        for name, (group, fields) in groups.items():
            values[name] = group(**{field: values.pop(field) for field in fields})
        command(**values)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # inspect reads it
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
