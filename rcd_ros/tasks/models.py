"""Tasks that bring no specification: a model file, a Gymnasium environment, a task of dm-control's suite.

Everything that the model has is observed, and every actuator is commanded.
"""

from __future__ import annotations

import math
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import CommandChannel, ObservationChannel
from rcd_ros.planning.spec import MotionSpec, ScoreSpec, TaskSpec
from rcd_ros.tasks.file.conversion import POSE_UNITS, TWIST_UNITS
from rcd_ros.tasks.task import Observed, Task, channels_in_order, rates

if TYPE_CHECKING:
    from rcd_ros.simulation.model_layout import ModelLayout
    from rcd_ros.simulation.worlds.model_simulation import World

ENDLESS = 1_000_000_000
"""Control periods of an episode that nothing ends."""
JOINT_TOPIC, COMMAND_TOPIC = "joint_states", "joint_trajectory"


def model_file_task(path: str, control_period: float = 0.0, keyframe: str = "", episode_steps: int = 0) -> Task:
    """A model file; see `model_file.ModelFile`.

    Raises:
        RcdError: it cannot be used.
    """
    from rcd_ros.simulation.worlds.model_file import ModelFile

    file = Path(path).expanduser()
    world = ModelFile(file, control_period, keyframe)
    return _task(world, file.stem, world.control_period, episode_steps)


def environment_task(name: str, episode_steps: int = 0) -> Task:
    """A Gymnasium environment on MuJoCo; see `gymnasium_world.GymnasiumWorld`.

    Raises:
        RcdError: it cannot be used.
    """
    from rcd_ros.simulation.worlds.gymnasium_world import GymnasiumWorld

    world = GymnasiumWorld(name, episode_steps)
    return _task(world, name, world.control_period, episode_steps or world.episode_steps)


def suite_task(name: str, episode_steps: int = 0) -> Task:
    """A task of dm-control's suite by the name `domain/task`; see `suite_world.SuiteWorld`.

    Raises:
        RcdError: it cannot be used.
    """
    try:
        from rcd_ros.simulation.worlds.suite_world import SuiteWorld
    except ImportError as error:
        raise RcdError(f"suite tasks need dm-control ({error}): pip install 'rcd_ros[sim]'") from error
    world = SuiteWorld(name)
    if world.episode_steps and episode_steps > world.episode_steps:
        raise RcdError(f"an episode of '{name}' has {world.episode_steps} steps, {episode_steps} were asked for")
    return _task(world, name, world.control_period, episode_steps or world.episode_steps)


def _task(world: World, name: str, control_period: float, episode_steps: int) -> Task:
    """An open world as a task, which makes one simulation in this process."""
    from rcd_ros.simulation.model_layout import ModelLayout
    from rcd_ros.simulation.worlds.model_simulation import ModelSimulation

    layout = ModelLayout.of(world.model)
    spec = model_spec(layout, name, control_period, episode_steps or ENDLESS)
    return Task(spec, partial(ModelSimulation, spec, world, layout))


def model_spec(layout: ModelLayout, name: str, control_period: float, episode_steps: int) -> TaskSpec:
    """A task over everything in `layout`, with columns as `ModelLayout.observe` has them.

    Args:
        layout: of the compiled model.
        name: of the task.
        control_period: s between two commands.
        episode_steps: control periods in an episode. Its rewards, if any, are summed; the score is that sum.
    """
    kinds = {actuator.interface for actuator in layout.actuators}
    return TaskSpec(
        name=name,
        control_period=control_period,
        episode_steps=episode_steps,
        observations=_observations(layout),
        command=CommandChannel(
            topic=COMMAND_TOPIC,
            interface=kinds.pop() if len(kinds) == 1 else "effort",
            joints=tuple(actuator.name for actuator in layout.actuators),
            units=tuple(actuator.unit for actuator in layout.actuators),
            lower=tuple(actuator.lower for actuator in layout.actuators),
            upper=tuple(actuator.upper for actuator in layout.actuators),
            scale=tuple(actuator.scale for actuator in layout.actuators),
            columns=tuple(range(len(layout.actuators))),
        ),
        score=ScoreSpec(kind="return", reference_high=100.0),
        motion=_motion(layout),
    )


def topic_of(body: str) -> str:
    """The topic that a free body's odometry is published on: its name, as far as ROS allows."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", body)
    return f"{'_' if name[:1].isdigit() else ''}{name}/odometry"


def _observations(layout: ModelLayout) -> tuple[ObservationChannel, ...]:
    names = tuple(joint.name for joint in layout.joints)
    units = tuple(joint.unit for joint in layout.joints)
    channels: list[Observed] = []
    if names:
        channels.append(("joint_position", "joint_position", JOINT_TOPIC, names, units))
        channels.append(("joint_velocity", "joint_velocity", JOINT_TOPIC, names, rates(units)))
    for body in layout.bodies:
        topic = topic_of(body.name)
        channels.append((f"{body.name}_pose", "body_pose", topic, (body.name,), POSE_UNITS))
        channels.append((f"{body.name}_twist", "body_twist", topic, (body.name,), TWIST_UNITS))
    return channels_in_order(*channels)


def _motion(layout: ModelLayout) -> MotionSpec | None:
    """The position limits of the commanded joints; None where no joint has any."""
    joints = [actuator.joint for actuator in layout.actuators]
    lower = tuple(-math.inf if joint is None else joint.lower for joint in joints)
    upper = tuple(math.inf if joint is None else joint.upper for joint in joints)
    if not any(abs(value) < math.inf for value in (*lower, *upper)):
        return None
    return MotionSpec(position_lower=lower, position_upper=upper)
