"""Tasks that are made of what is there: a model file, a Gymnasium environment, a task of dm-control's suite."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rcd_ros.errors import RcdError
from rcd_ros.simulation.tasks import Task

if TYPE_CHECKING:
    from rcd_ros.simulation.model_simulation import World

ENDLESS = 1_000_000_000
"""Control periods of an episode that nothing ends."""


def model_file_task(path: str, control_period: float = 0.0, keyframe: str = "", episode_steps: int = 0) -> Task:
    """A model file; see `model_file.ModelFile`.

    Raises:
        RcdError: it cannot be used.
    """
    from rcd_ros.simulation.model_file import ModelFile

    file = Path(path).expanduser()
    world = ModelFile(file, control_period, keyframe)
    return _task(world, file.stem, world.control_period, episode_steps)


def environment_task(name: str, episode_steps: int = 0) -> Task:
    """A Gymnasium environment on MuJoCo; see `gymnasium_world.GymnasiumWorld`.

    Raises:
        RcdError: it cannot be used.
    """
    from rcd_ros.simulation.gymnasium_world import GymnasiumWorld

    world = GymnasiumWorld(name, episode_steps)
    return _task(world, name, world.control_period, episode_steps or world.episode_steps)


def suite_task(name: str, episode_steps: int = 0) -> Task:
    """A task of dm-control's suite by the name `domain/task`; see `suite_world.SuiteWorld`.

    Raises:
        RcdError: it cannot be used.
    """
    try:
        from rcd_ros.simulation.suite_world import SuiteWorld
    except ImportError as error:
        raise RcdError(f"suite tasks need dm-control ({error}): pip install 'rcd_ros[sim]'") from error
    world = SuiteWorld(name)
    if world.episode_steps and episode_steps > world.episode_steps:
        raise RcdError(f"an episode of '{name}' has {world.episode_steps} steps, {episode_steps} were asked for")
    return _task(world, name, world.control_period, episode_steps or world.episode_steps)


def _task(world: World, name: str, control_period: float, episode_steps: int) -> Task:
    """A world that is open already as a task: it can make one simulation, in this process."""
    from rcd_ros.simulation.model_layout import ModelLayout
    from rcd_ros.simulation.model_simulation import ModelSimulation
    from rcd_ros.simulation.model_spec import model_spec

    layout = ModelLayout.of(world.model)
    spec = model_spec(layout, name, control_period, episode_steps or ENDLESS)
    return Task(spec, partial(ModelSimulation, spec, world, layout))
