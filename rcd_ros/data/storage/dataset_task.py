"""Which task a stored data set belongs to, and whether that is the task at hand."""

from __future__ import annotations

from pydantic import ValidationError

from rcd_ros.data.episodes import Dataset
from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.tasks.catalogue import get_task, stored_task
from rcd_ros.tasks.task import Task


def task_of_dataset(dataset: Dataset) -> Task | None:
    """The task that a data set says it belongs to: as it is stored in it, else the one of that name, else None.

    Raises:
        RcdError: the stored specification cannot be read, or there is no task of that name.
    """
    stored, name = dataset.metadata.get("task_spec"), dataset.metadata.get("task")
    if stored is None:
        return get_task(name) if name else None
    try:
        spec = TaskSpec.model_validate_json(stored)
    except ValidationError as error:
        raise RcdError(f"data set '{dataset.name}' stores a task that cannot be read: make it again") from error
    return stored_task(spec)


def check_same_task(dataset: Dataset, spec: TaskSpec) -> None:
    """Refuse data of another task. Data sets that do not say what they belong to pass where they have its columns.

    Topics, limits and success may differ; the control period and what each column means may not.

    Args:
        dataset: to train with or to evaluate on.
        spec: of the task at hand, with all its channels.

    Raises:
        RcdError: the data set names another task, has another control period, or a column of observations or actions
            is of another kind, joint or unit; or it names no task and has more columns than this one.
    """
    name, stored = dataset.metadata.get("task"), dataset.metadata.get("task_spec")
    if name and name != spec.name:
        raise RcdError(
            f"data set '{dataset.name}' belongs to task '{name}', not to '{spec.name}': name data of this task"
        )
    if not name and stored is None:
        width = dataset.episodes[0].observations.shape[1]
        if width > spec.stored_width:
            raise RcdError(
                f"data set '{dataset.name}' does not say which task it belongs to and has {width} observed columns, "
                f"task '{spec.name}' {spec.stored_width}: which are which is not known; import it again with --task"
            )
    if stored is None:
        return
    task = task_of_dataset(dataset)
    assert task is not None
    if task.spec.control_period != spec.control_period:
        raise RcdError(
            f"data set '{dataset.name}' was made at {1.0 / task.spec.control_period:g} Hz, task '{spec.name}' plans at "
            f"{1.0 / spec.control_period:g} Hz: make or import the data again"
        )
    theirs, ours = _meanings(task.spec), _meanings(spec)
    for column in sorted(theirs.keys() | ours.keys()):
        if theirs.get(column) != ours.get(column):
            kind, number = column
            raise RcdError(
                f"data set '{dataset.name}' was made for another version of task '{spec.name}': its {kind} column "
                f"{number} is {theirs.get(column, 'nothing')}, the task's is {ours.get(column, 'nothing')}; import the "
                "data again"
            )


def _meanings(spec: TaskSpec) -> dict[tuple[str, int], str]:
    """What stands in each column of a task's data sets."""
    meanings = {}
    for channel in spec.observations:
        for column, value, unit in zip(channel.columns, channel.value_names, channel.units, strict=True):
            body = f"{channel.joints[0]}." if channel.kind in ("body_pose", "body_twist") else ""
            meanings["observation", column] = f"{channel.kind.replace('_', ' ')} of '{body}{value}' ({unit})"
    if spec.command.source == "action":
        names = [f"{joint} ({unit})" for joint, unit in zip(spec.command.joints, spec.command.units, strict=True)]
        for column, joint in zip(spec.command.columns, names, strict=True):
            meanings["action", column] = f"{spec.command.interface} of {joint}"
    return meanings
