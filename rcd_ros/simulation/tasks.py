"""The tasks this package knows, by name: their specification, and the simulator behind each.

Looking a task up loads no simulator; making its simulation does.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.kitchen_task import kitchen_spec
from rcd_ros.simulation.simulation import Simulation
from rcd_ros.suggest import did_you_mean


@dataclass(frozen=True)
class Task:
    """A task's specification and how to make its simulation (picklable: worker processes each make their own)."""

    spec: TaskSpec
    make_simulation: Callable[..., Simulation]


@dataclass(frozen=True)
class _Entry:
    make_spec: Callable[..., TaskSpec]
    simulator: str
    """`module:class` of the simulator, called with the specification."""


_TASKS = {
    "kitchen": _Entry(kitchen_spec, "rcd_ros.simulation.kitchen:Kitchen"),
}


def task_names() -> list[str]:
    """Names that `get_task` accepts."""
    return list(_TASKS)


def get_task(name: str, **options: Any) -> Task:
    """The named task with its options (kitchen: `goals`, `episode_steps`).

    Raises:
        RcdError: an unknown task or option, or an option out of range.
    """
    entry = _TASKS.get(name)
    if entry is None:
        raise RcdError(f"there is no task '{name}'{did_you_mean(name, _TASKS)}; known: {', '.join(_TASKS)}")
    accepted = list(inspect.signature(entry.make_spec).parameters)
    for option in options:
        if option not in accepted:
            raise RcdError(
                f"task '{name}' has no option '{option}'{did_you_mean(option, accepted)}; it has: {', '.join(accepted)}"
            )
    spec = entry.make_spec(**options)
    return Task(spec=spec, make_simulation=partial(_make_simulation, entry.simulator, spec))


def task_of(spec: TaskSpec, episode_steps: int | None = None) -> Task:
    """The task that a checkpoint was trained for: its own goals and, unless told otherwise, its episode length.

    A checkpoint's specification holds only the channels that it observes; the task's holds all of them.

    Raises:
        RcdError: no such task here, or one that commands something else by now.
    """
    options: dict[str, Any] = {"episode_steps": episode_steps or spec.episode_steps}
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
    module, name = simulator.split(":")
    try:
        make: Callable[..., Simulation] = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise RcdError(f"task '{spec.name}' needs a simulator ({error}); pip install 'rcd_ros[sim]'") from error
    return make(spec, **arguments)
