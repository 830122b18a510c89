"""What a task is: a specification, the simulator behind it, and the controllers that solve it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import ChannelKind, ObservationChannel
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.interface import Controller, Simulation
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.file.columns import FileColumns
from rcd_ros.tasks.file.reading import LoadedTaskFile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GENERAL_BRIDGE = "mujoco_bridge_node"
"""Executable that puts any task behind ROS topics."""

Observed = tuple[str, ChannelKind, str, tuple[str, ...], tuple[str, ...]]
"""A channel's name, kind, topic, joints or body, and the unit of each of its values."""
Picture = Callable[["Axes", TaskSpec], None]
"""Draws a task's ground from above, m."""


@dataclass(frozen=True)
class Task:
    """A task's specification, simulator and controllers; picklable, as each worker process makes its own simulator.

    Attributes:
        spec: what is observed, commanded and scored.
        make_simulation: makes the simulator.
        controllers: by name, makes a controller that solves the task without a planner; settings by keyword.
        picture: draws the ground that the robot moves on; None where a task has no such picture.
        file: the task file that it was read from; None for tasks in Python.
        continuing: options with which an episode starts where the last one ended, with another goal; None where
            each episode starts from a reset.
        bridge: executable that puts it behind ROS topics.
        bridge_options: parameters that make the bridge this task; None: the parameter `task` with the task's name.
        planner: path of its shipped checkpoint below the package's data; empty: none ships.
        columns: further layouts of the task's data, by data format.
    """

    spec: TaskSpec
    make_simulation: Callable[..., Simulation]
    controllers: Mapping[str, Callable[..., Controller]] = field(default_factory=dict)
    picture: Picture | None = None
    file: LoadedTaskFile | None = None
    continuing: Mapping[str, str] | None = None
    bridge: str = GENERAL_BRIDGE
    bridge_options: Mapping[str, list[str]] | None = None
    planner: str = ""
    columns: Mapping[str, tuple[FileColumns, ...]] = field(default_factory=dict)

    def make_finer_simulation(self, ticks: int) -> Simulation:
        """The simulator, stepped `ticks` times a control period.

        Raises:
            RcdError: it steps by whole control periods only, or its model's time step does not divide such a part.
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
    """A task before its options are known.

    Another package registers a task by an entry point of the group `rcd_ros.tasks`, named as the task, whose object is
    a `TaskEntry`.

    Attributes:
        make_spec: makes the specification from the task's options.
        simulator: `module:class` of the simulator, called with the specification.
        placements: further options, passed to the simulator.
        controllers: by name, `module:class` of a controller, called with the specification, and its settings.
        picture: `module:function` of `Task.picture`.
        continuing: as `Task` has it.
        bridge: as `Task` has it; one that is not the general bridge has the parameter `goals`.
        planner: as `Task` has it.
        columns: as `Task` has it.
    """

    make_spec: Callable[..., TaskSpec]
    simulator: str
    placements: tuple[str, ...] = ()
    controllers: Mapping[str, tuple[str, Mapping[str, float]]] = field(default_factory=dict)
    picture: str | None = None
    continuing: Mapping[str, str] | None = None
    bridge: str = GENERAL_BRIDGE
    planner: str = ""
    columns: Mapping[str, tuple[FileColumns, ...]] = field(default_factory=dict)

    def make(self, name: str, **options: object) -> Task:
        """The task under a name, with its options.

        Raises:
            RcdError: an unknown option, or one out of range.
        """
        accepted = [*inspect.signature(self.make_spec).parameters, *self.placements]
        for option in options:
            if option not in accepted:
                raise RcdError(
                    f"task '{name}' has no option '{option}'{did_you_mean(option, accepted)}; it has: "
                    f"{', '.join(accepted)}"
                )
        placed = {option: options.pop(option) for option in self.placements if option in options}
        try:
            spec = self.make_spec(**options)
        except (TypeError, ValueError) as error:
            shown = ", ".join(f"{option}={value!r}" for option, value in options.items())
            raise RcdError(f"task '{name}' cannot be made with {shown} ({' '.join(str(error).split())})") from error
        return Task(
            spec=spec,
            make_simulation=partial(_make_simulation, self.simulator, spec, **placed),
            controllers={
                each: partial(_load(target), spec, **settings) for each, (target, settings) in self.controllers.items()
            },
            picture=_load(self.picture) if self.picture else None,
            continuing=self.continuing,
            bridge=self.bridge,
            bridge_options=None if self.bridge == GENERAL_BRIDGE else {"goals": list(spec.score.goals)},
            planner=self.planner,
            columns=self.columns,
        )


def channels_in_order(*channels: Observed) -> tuple[ObservationChannel, ...]:
    """Channels whose columns follow each other in the observation vector, from column 0."""
    column = count()
    return tuple(
        ObservationChannel(
            name=name, kind=kind, topic=topic, joints=joints, units=units, columns=tuple(islice(column, len(units)))
        )
        for name, kind, topic, joints, units in channels
    )


def rates(units: Sequence[str]) -> tuple[str, ...]:
    """Units of the rates of values in `units`."""
    return tuple(f"{unit}/s" for unit in units)


def file_task(file: LoadedTaskFile, spec: TaskSpec, **options: Any) -> Task:
    """The task of a task file, whose specification is `spec`; the only option is `episode_steps`.

    Raises:
        RcdError: another option, or an episode without a step.
    """
    steps = options.pop("episode_steps", None) or spec.episode_steps
    if options:
        option = next(iter(options))
        raise RcdError(f"a task file has no option '{option}'; its only one is episode_steps")
    if steps < 1:
        raise RcdError(f"episode_steps must be at least 1, got {steps}")
    spec = spec.model_copy(update={"episode_steps": steps})
    simulation = file.content.simulation
    demonstrates = simulation is not None and simulation.demonstrate is not None
    return Task(
        spec=spec,
        make_simulation=partial(_file_simulation, spec, file),
        controllers={"demonstrate": partial(_make_demonstrator, spec, file)} if demonstrates else {},
        file=file,
        columns={name: (told,) for name, told in file.content.columns.files.items()},
    )


def _make_simulation(simulator: str, spec: TaskSpec, **arguments: object) -> Simulation:
    try:
        make: Callable[..., Simulation] = _load(simulator)
        return make(spec, **arguments)
    except ImportError as error:
        raise RcdError(f"task '{spec.name}' needs a simulator ({error}); pip install 'rcd_ros[sim]'") from error


def _file_simulation(spec: TaskSpec, file: LoadedTaskFile) -> Simulation:
    return _make_simulation("rcd_ros.tasks.file.simulation:FileSimulation", spec, file=file)


def _make_demonstrator(spec: TaskSpec, file: LoadedTaskFile, **settings: float) -> Controller:
    make: Callable[..., Controller] = _load("rcd_ros.tasks.file.demonstrator:Demonstrator")
    return make(spec, file, **settings)


def _load(target: str) -> Any:
    """The object that `module:name` names."""
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)
