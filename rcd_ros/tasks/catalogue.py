"""The catalogue of tasks: looks a task up by its name, its file or a checkpoint.

Looking a task up loads no simulator; `Task.make_simulation` does.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import read_manifest
from rcd_ros.planning.spec import TaskSource, TaskSpec
from rcd_ros.resources import find_resource
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks import kitchen, locomotion, mazes
from rcd_ros.tasks.file.reading import LoadedTaskFile, is_task_file, load_task_file, parse_task_file
from rcd_ros.tasks.file.spec import spec_of
from rcd_ros.tasks.task import Task, TaskEntry, file_task

DEFAULT_TASK = "kitchen"
"""The task of demo and benchmarks where none is named."""
GROUP = "rcd_ros.tasks"
"""Group of entry points by which other packages register tasks."""


_TASKS: dict[str, TaskEntry] = kitchen.ENTRIES | mazes.ENTRIES | locomotion.ENTRIES


def task_names() -> list[str]:
    """Names that `get_task` accepts: built-in tasks, shipped task files, tasks of other packages."""
    return [*_TASKS, *_shipped_files(), *(name for name in _entry_points() if name not in _TASKS)]


def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=GROUP)}


def _shipped_files() -> dict[str, Path]:
    try:
        folder = find_resource("config/tasks")
    except RcdError:
        return {}
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def _find_entry(name: str) -> TaskEntry:
    """A built-in task, or one that another package registers."""
    if name in _TASKS:
        return _TASKS[name]
    point = _entry_points().get(name)
    if point is None:
        known = task_names()
        raise RcdError(
            f"there is no task '{name}'{did_you_mean(name, known)}; known: {', '.join(known)}, or the path of a task "
            "file, ending in .yaml"
        )
    try:
        entry = point.load()
    except Exception as error:  # another package's import may raise anything
        raise RcdError(f"task '{name}' cannot be loaded from '{point.value}': {error}") from error
    if not isinstance(entry, TaskEntry):
        raise RcdError(f"task '{name}': '{point.value}' is no TaskEntry, but {type(entry).__name__}")
    return entry


def get_task(name: str, **options: Any) -> Task:
    """The named task with its options.

    These are for the kitchen `goals` and `episode_steps`, for mazes `episode_steps`, `goal` and `start`, for hopper,
    walker2d and halfcheetah `version` and `episode_steps`.

    `name` may be the path of a task file (.yaml), whose only option is `episode_steps`, or the folder of a checkpoint:
    the task that it was trained for.

    Raises:
        RcdError: an unknown task or option, or an option out of range; a task file that cannot be used.
    """
    if (Path(name) / "manifest.yaml").is_file():
        return task_of(read_manifest(name).task, **options)
    path = name if is_task_file(name) else str(_shipped_files().get(name, "")) if name not in _TASKS else ""
    if path:
        file = load_task_file(path)
        return file_task(file, spec_of(file), **options)
    return _find_entry(name).make(name, **options)


def task_of(spec: TaskSpec, episode_steps: int | None = None, **options: object) -> Task:
    """The task that a checkpoint was trained for, by default with its goals and its episode length.

    `options` are those of the task, such as a maze's `goal`, or other `goals` of the kitchen than it was trained for.

    A checkpoint's specification holds only the channels that it observes; the task's holds all of them.

    Raises:
        RcdError: no such task, or its command has changed since.
    """
    options["episode_steps"] = episode_steps or spec.episode_steps
    if spec.source is not None:
        file = _stored_file(spec.source, spec.name)
        return file_task(file, spec_of(file), **options)
    if spec.score.kind == "completions":
        options.setdefault("goals", spec.score.goals)
    task = get_task(spec.name, **options)
    if spec.command != task.spec.command:
        raise RcdError(
            f"the checkpoint's task '{spec.name}' commands other joints or units than this rcd_ros simulates: "
            "train it again for this version of the task"
        )
    return task


def planner_of(name: str, checkpoint: Path | None = None) -> Path:
    """The checkpoint that drives a named task: the given one, else the one that ships for it.

    Raises:
        RcdError: no such task, none ships, or the given one plans for another task.
    """
    task = get_task(name)
    if checkpoint is None:
        if not task.planner:
            raise RcdError(f"no planner ships for the task '{task.spec.name}': name one with --checkpoint")
        return find_resource(task.planner)
    planned = read_manifest(checkpoint).task.name
    if planned != task.spec.name:
        raise RcdError(f"checkpoint '{checkpoint}' plans for task '{planned}', not for '{task.spec.name}'")
    return checkpoint


def spec_as_named(trained: TaskSpec, name: str | None) -> TaskSpec:
    """A checkpoint's specification, with the task file that is named in place of the stored one, if one is.

    Raises:
        RcdError: there is no such task, or it is another one, or its file observes or commands something else.
    """
    if name is None:
        return trained
    named = get_task(name).spec
    if named.source is None:
        if named.name != trained.name:
            raise RcdError(f"the checkpoint plans for task '{trained.name}', not for '{named.name}'")
        return trained
    same = named.command == trained.command and named.control_period == trained.control_period
    known = {channel.name: channel for channel in named.observations}
    if not same or any(known.get(channel.name) != channel for channel in trained.observations):
        raise RcdError(
            f"the checkpoint was trained for '{trained.name}', whose robot, rate or observations differ from those of "
            f"the named task '{named.name}'"
        )
    return trained.model_copy(update={"source": named.source})


def stored_task(spec: TaskSpec) -> Task:
    """The task of a specification that a data set stores with its task file; no file is read.

    Raises:
        RcdError: the stored text cannot be read by this version.
    """
    assert spec.source is not None
    return file_task(_stored_file(spec.source, spec.name), spec)


def _stored_file(source: TaskSource, name: str) -> LoadedTaskFile:
    return parse_task_file(source, f"{name}.yaml, as it was stored")
