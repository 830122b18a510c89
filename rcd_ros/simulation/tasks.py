"""The tasks this package knows, by name: their specification, and the simulator behind each.

Looking a task up loads no simulator; making its simulation does.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.kitchen_task import kitchen_spec
from rcd_ros.simulation.locomotion_task import locomotion_names, locomotion_spec
from rcd_ros.simulation.maze_layout import LAYOUTS
from rcd_ros.simulation.maze_task import maze_spec
from rcd_ros.simulation.simulation import Controller, Simulation
from rcd_ros.suggest import did_you_mean


@dataclass(frozen=True)
class Task:
    """A task's specification and how to make what belongs to it (picklable: worker processes each make their own).

    Attributes:
        spec: what is observed, commanded and scored.
        make_simulation: the simulator.
        controllers: by name, controllers that solve the task without a planner; they take their settings by keyword.
        picture: `module:function` of `draw_ground`; None where a task has none.
    """

    spec: TaskSpec
    make_simulation: Callable[..., Simulation]
    controllers: Mapping[str, Callable[..., Controller]] = field(default_factory=dict)
    picture: str | None = None

    def draw_ground(self) -> Callable[[Any, TaskSpec], None] | None:
        """What draws the task's ground from above into matplotlib axes, given its specification, if anything does."""
        draw: Callable[[Any, TaskSpec], None] | None = _load(self.picture) if self.picture else None
        return draw


@dataclass(frozen=True)
class _Entry:
    """A task before its options are known.

    Attributes:
        make_spec: the specification from its options.
        simulator: `module:class` of the simulator, called with the specification.
        placements: further options, which the simulator takes.
        controllers: by name, `module:class` of a controller, called with the specification, and its settings.
        picture: as `Task` has it.
    """

    make_spec: Callable[..., TaskSpec]
    simulator: str
    placements: tuple[str, ...] = ()
    controllers: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    picture: str | None = None


def _maze(name: str) -> _Entry:
    waypoints = "rcd_ros.simulation.waypoints:WaypointController"
    return _Entry(
        partial(maze_spec, name),
        "rcd_ros.simulation.maze:Maze",
        placements=("goal", "start"),
        controllers={"waypoints": (waypoints, {}), "behaviour": (waypoints, {"noise": BEHAVIOUR_NOISE})},
        picture="rcd_ros.simulation.maze_picture:draw_maze",
    )


BEHAVIOUR_NOISE = 0.5
"""D4RL's, of the actions in its maze data."""

_TASKS = {
    "kitchen": _Entry(kitchen_spec, "rcd_ros.simulation.kitchen:Kitchen"),
    **{name: _maze(name) for name in LAYOUTS},
    **{
        name: _Entry(partial(locomotion_spec, robot, version=version), "rcd_ros.simulation.locomotion:Locomotion")
        for name, (robot, version) in locomotion_names().items()
    },
}


def task_names() -> list[str]:
    """Names that `get_task` accepts."""
    return list(_TASKS)


def get_task(name: str, **options: Any) -> Task:
    """The named task with its options.

    Kitchen: `goals`, `episode_steps`; mazes: `episode_steps`, `goal`, `start`; hopper, walker2d and halfcheetah:
    `version`, `episode_steps`.

    Raises:
        RcdError: an unknown task or option, or an option out of range.
    """
    entry = _TASKS.get(name)
    if entry is None:
        raise RcdError(f"there is no task '{name}'{did_you_mean(name, _TASKS)}; known: {', '.join(_TASKS)}")
    accepted = [*inspect.signature(entry.make_spec).parameters, *entry.placements]
    for option in options:
        if option not in accepted:
            raise RcdError(
                f"task '{name}' has no option '{option}'{did_you_mean(option, accepted)}; it has: {', '.join(accepted)}"
            )
    placed = {option: options.pop(option) for option in entry.placements if option in options}
    spec = entry.make_spec(**options)
    return Task(
        spec=spec,
        make_simulation=partial(_make_simulation, entry.simulator, spec, **placed),
        controllers={
            each: partial(_load(target), spec, **settings) for each, (target, settings) in entry.controllers.items()
        },
        picture=entry.picture,
    )


def task_of(spec: TaskSpec, episode_steps: int | None = None, **placements: Any) -> Task:
    """The task that a checkpoint was trained for: its own goals and, unless told otherwise, its episode length.

    `placements` are further options of the task, such as a maze's `goal`.

    A checkpoint's specification holds only the channels that it observes; the task's holds all of them.

    Raises:
        RcdError: no such task here, or one that commands something else by now.
    """
    options: dict[str, Any] = {"episode_steps": episode_steps or spec.episode_steps, **placements}
    if spec.score.kind == "completions":
        options["goals"] = spec.score.goals
    task = get_task(spec.name, **options)
    if spec.command != task.spec.command:
        raise RcdError(
            f"the checkpoint's task '{spec.name}' commands other joints or units than this rcd_ros simulates: "
            "train it again for this version of the task"
        )
    return task


def _make_simulation(simulator: str, spec: TaskSpec, **arguments: Any) -> Simulation:
    try:
        make: Callable[..., Simulation] = _load(simulator)
    except ImportError as error:
        raise RcdError(f"task '{spec.name}' needs a simulator ({error}); pip install 'rcd_ros[sim]'") from error
    return make(spec, **arguments)


def _load(target: str) -> Any:
    """What `module:name` says."""
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)
