"""The tasks this package knows, by name: their specification, and the simulator behind each.

Looking a task up loads no simulator; making its simulation does.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import read_manifest
from rcd_ros.planning.spec import TaskSource, TaskSpec
from rcd_ros.resources import find_resource
from rcd_ros.simulation.kitchen_task import KITCHEN_COLUMNS, kitchen_spec
from rcd_ros.simulation.locomotion_task import locomotion_names, locomotion_spec
from rcd_ros.simulation.maze_layout import LAYOUTS
from rcd_ros.simulation.maze_task import maze_spec
from rcd_ros.simulation.simulation import Controller, Simulation
from rcd_ros.simulation.task_file import FORMATS, FileColumns
from rcd_ros.simulation.task_file_reading import LoadedTaskFile, is_task_file, load_task_file, parse_task_file
from rcd_ros.simulation.task_file_spec import spec_of
from rcd_ros.suggest import did_you_mean

GENERAL_BRIDGE = "mujoco_bridge_node"
"""Executable that runs any task behind ROS topics."""
DEFAULT_TASK = "kitchen"
"""What demo and benches show where no task is named."""
GROUP = "rcd_ros.tasks"
"""Entry points of other packages' tasks."""


@dataclass(frozen=True)
class Task:
    """A task's specification and how to make what belongs to it (picklable: worker processes each make their own).

    Attributes:
        spec: what is observed, commanded and scored.
        make_simulation: the simulator.
        controllers: by name, controllers that solve the task without a planner; they take their settings by keyword.
        picture: `module:function` of `draw_ground`; None where a task has none.
        file: the task file that it was read from, if it was.
        continuing: options under which its simulation goes on where an episode ended, with another goal; None where
            every episode begins anew.
        bridge: executable that runs it behind ROS topics.
        bridge_options: parameters of the bridge by which it is this task; None: `task`, as `get_task` names it.
        planner: shipped checkpoint that solves it, below the package's data; empty: none.
        columns: by data format, its layouts beside the data sets' own.
    """

    spec: TaskSpec
    make_simulation: Callable[..., Simulation]
    controllers: Mapping[str, Callable[..., Controller]] = field(default_factory=dict)
    picture: str | None = None
    file: LoadedTaskFile | None = None
    continuing: Mapping[str, Any] | None = None
    bridge: str = GENERAL_BRIDGE
    bridge_options: Mapping[str, Any] | None = None
    planner: str = ""
    columns: Mapping[str, tuple[FileColumns, ...]] = field(default_factory=dict)

    def draw_ground(self) -> Callable[[Any, TaskSpec], None] | None:
        """What draws the task's ground from above into matplotlib axes, given its specification, if anything does."""
        draw: Callable[[Any, TaskSpec], None] | None = _load(self.picture) if self.picture else None
        return draw

    def make_finer_simulation(self, ticks: int) -> Simulation:
        """The simulator, in steps of a control period's `ticks`th part.

        Raises:
            RcdError: it only steps by whole control periods, or not by such a part.
        """
        if ticks == 1:
            return self.make_simulation()
        if self.file is None:
            raise RcdError(
                f"'{self.spec.name}' is simulated one control period at a time: only the task of a task file can be "
                "observed more often"
            )
        finer = {"control_period": self.spec.control_period / ticks, "episode_steps": self.spec.episode_steps * ticks}
        return _file_simulation(self.spec.model_copy(update=finer), self.file)


@dataclass(frozen=True)
class TaskEntry:
    """A task before its options are known: what the package's own tasks are, and entry points of others name.

    Another package makes its tasks known by an entry point of the group `rcd_ros.tasks`, named as the task, whose
    object is one of these.

    Attributes:
        make_spec: the specification from its options.
        simulator: `module:class` of the simulator, called with the specification.
        placements: further options, which the simulator takes.
        controllers: by name, `module:class` of a controller, called with the specification, and its settings.
        picture: as `Task` has it.
        continuing: as `Task` has it.
        bridge: as `Task` has it; one of its own takes the parameter `goals`.
        planner: as `Task` has it.
        columns: as `Task` has it.
    """

    make_spec: Callable[..., TaskSpec]
    simulator: str
    placements: tuple[str, ...] = ()
    controllers: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    picture: str | None = None
    continuing: Mapping[str, Any] | None = None
    bridge: str = GENERAL_BRIDGE
    planner: str = ""
    columns: Mapping[str, tuple[FileColumns, ...]] = field(default_factory=dict)


def _maze(name: str) -> TaskEntry:
    waypoints = "rcd_ros.simulation.waypoints:WaypointController"
    return TaskEntry(
        partial(maze_spec, name),
        "rcd_ros.simulation.maze:Maze",
        placements=("goal", "start"),
        controllers={"waypoints": (waypoints, {}), "behaviour": (waypoints, {"noise": BEHAVIOUR_NOISE})},
        picture="rcd_ros.simulation.maze_picture:draw_maze",
        continuing={"goal": "random"},
        planner=f"models/{name}",
    )


BEHAVIOUR_NOISE = 0.5
"""D4RL's, of the actions in its maze data."""

_TASKS = {
    "kitchen": TaskEntry(
        kitchen_spec,
        "rcd_ros.simulation.kitchen:Kitchen",
        bridge="kitchen_bridge_node",
        planner="models/kitchen-complete",
        columns=KITCHEN_COLUMNS,
    ),
    **{name: _maze(name) for name in LAYOUTS},
    **{
        name: TaskEntry(partial(locomotion_spec, robot, version=version), "rcd_ros.simulation.locomotion:Locomotion")
        for name, (robot, version) in locomotion_names().items()
    },
}


def task_names() -> list[str]:
    """Names that `get_task` accepts: the package's own, task files that ship with it, those of other packages."""
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
    """A task that is a Python class: the package's own, or one that another package makes known."""
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
    except Exception as error:  # whatever another package's import raises
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
        return _file_task(file, spec_of(file), **options)
    entry = _find_entry(name)
    accepted = [*inspect.signature(entry.make_spec).parameters, *entry.placements]
    for option in options:
        if option not in accepted:
            raise RcdError(
                f"task '{name}' has no option '{option}'{did_you_mean(option, accepted)}; it has: {', '.join(accepted)}"
            )
    placed = {option: options.pop(option) for option in entry.placements if option in options}
    try:
        spec = entry.make_spec(**options)
    except (TypeError, ValueError) as error:
        shown = ", ".join(f"{option}={value!r}" for option, value in options.items())
        raise RcdError(f"task '{name}' cannot be made with {shown} ({' '.join(str(error).split())})") from error
    return Task(
        spec=spec,
        make_simulation=partial(_make_simulation, entry.simulator, spec, **placed),
        controllers={
            each: partial(_load(target), spec, **settings) for each, (target, settings) in entry.controllers.items()
        },
        picture=entry.picture,
        continuing=entry.continuing,
        bridge=entry.bridge,
        bridge_options=None if entry.bridge == GENERAL_BRIDGE else {"goals": list(spec.score.goals)},
        planner=entry.planner,
        columns=entry.columns,
    )


def task_of(spec: TaskSpec, episode_steps: int | None = None, **options: Any) -> Task:
    """The task that a checkpoint was trained for: unless told otherwise, its own goals and its episode length.

    `options` are further ones of the task, such as a maze's `goal`, or other `goals` of the kitchen than it was
    trained for.

    A checkpoint's specification holds only the channels that it observes; the task's holds all of them.

    Raises:
        RcdError: no such task here, or one that commands something else by now.
    """
    options["episode_steps"] = episode_steps or spec.episode_steps
    if spec.source is not None:
        file = _stored_file(spec.source, spec.name)
        return _file_task(file, spec_of(file), **options)
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
        RcdError: as `get_task` and `check_same_robot` say.
    """
    if name is None or (named := get_task(name).spec).source is None:
        return trained
    return check_same_robot(trained, named)


def check_same_robot(trained: TaskSpec, named: TaskSpec) -> TaskSpec:
    """A checkpoint's specification with the file of a named task, e.g. after its model has moved.

    Raises:
        RcdError: the named task has no file, or observes or commands something else.
    """
    if named.source is None:
        raise RcdError(f"'{named.name}' is no task file; a checkpoint of another task is driven as it was trained")
    same = named.command == trained.command and named.control_period == trained.control_period
    known = {channel.name: channel for channel in named.observations}
    if not same or any(known.get(channel.name) != channel for channel in trained.observations):
        raise RcdError(
            f"the checkpoint was trained for '{trained.name}', whose robot, rate or observations differ from those of "
            f"the named task '{named.name}'"
        )
    return trained.model_copy(update={"source": named.source})


def stored_task(spec: TaskSpec) -> Task:
    """The task of a whole specification from a task file, as a data set stores it: no file is read again.

    Raises:
        RcdError: the stored text cannot be read by this version.
    """
    assert spec.source is not None
    return _file_task(_stored_file(spec.source, spec.name), spec)


def _stored_file(source: TaskSource, name: str) -> LoadedTaskFile:
    return parse_task_file(source, f"{name}.yaml, as it was stored")


def _file_task(file: LoadedTaskFile, spec: TaskSpec, **options: Any) -> Task:
    steps = options.pop("episode_steps", None) or spec.episode_steps
    if options:
        option = next(iter(options))
        raise RcdError(f"a task file has no option '{option}'; its only one is episode_steps")
    if steps < 1:
        raise RcdError(f"episode_steps must be at least 1, got {steps}")
    spec = spec.model_copy(update={"episode_steps": steps})
    simulation = file.content.simulation
    told = {name: getattr(file.content.columns, name) for name in FORMATS if name != "bag"}
    leads = simulation is not None and simulation.demonstrate is not None
    return Task(
        spec=spec,
        make_simulation=partial(_file_simulation, spec, file),
        controllers={"demonstrate": partial(_make_demonstrator, spec, file)} if leads else {},
        file=file,
        columns={name: (columns,) for name, columns in told.items() if columns is not None},
    )


def _make_simulation(simulator: str, spec: TaskSpec, **arguments: Any) -> Simulation:
    try:
        make: Callable[..., Simulation] = _load(simulator)
    except ImportError as error:
        raise RcdError(f"task '{spec.name}' needs a simulator ({error}); pip install 'rcd_ros[sim]'") from error
    return make(spec, **arguments)


def _file_simulation(spec: TaskSpec, file: LoadedTaskFile) -> Simulation:
    return _make_simulation("rcd_ros.simulation.file_simulation:FileSimulation", spec, file=file)


def _make_demonstrator(spec: TaskSpec, file: LoadedTaskFile, **settings: Any) -> Controller:
    make: Callable[..., Controller] = _load("rcd_ros.simulation.demonstrator:Demonstrator")
    return make(spec, file, **settings)


def _load(target: str) -> Any:
    """What `module:name` says."""
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)
