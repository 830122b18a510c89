"""The locomotion tasks: what Gymnasium's Hopper, Walker2d and HalfCheetah mean in ROS names and physical units.

Torques are commanded. Each robot moves in a plane: its trunk has three joints to the world, of which two positions
(height, pitch) and all three rates are observed. Scores are normalised by D4RL's returns of a random and of an expert
policy (Fu et al. 2020).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import CommandChannel
from rcd_ros.planning.spec import ScoreSpec, TaskSpec
from rcd_ros.simulation.interface import Simulation
from rcd_ros.tasks.task import TaskEntry, channels_in_order

EPISODE_STEPS = 1_000
MAX_EPISODE_STEPS = 100_000
VERSIONS = (5, 4)
"""Of Gymnasium's environments; the first one is the default."""
DATASETS = ("medium", "medium-replay", "medium-expert")
"""D4RL's data of each robot: `hopper-medium-replay` names the robot, and the data that its planner learned from."""

TRUNK = ("rootz", "rooty")
FORWARD = ("rootx",)


class Robot(NamedTuple):
    """One robot.

    Attributes:
        environment: Gymnasium's name without its version.
        control_period: s.
        joints: driven ones, in the order of qpos and of the actions.
        gears: torque (N m) of an action of 1, by joint.
        reference_low: return that scores 0.
        reference_high: return that scores 100.
    """

    environment: str
    control_period: float
    joints: tuple[str, ...]
    gears: tuple[float, ...]
    reference_low: float
    reference_high: float


_LEG = ("thigh_joint", "leg_joint", "foot_joint")
_LEFT_LEG = ("thigh_left_joint", "leg_left_joint", "foot_left_joint")
_CHEETAH = ("bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot")

ROBOTS = {
    "hopper": Robot("Hopper", 0.008, _LEG, (200.0,) * 3, -20.272305, 3234.3),
    "walker2d": Robot("Walker2d", 0.008, (*_LEG, *_LEFT_LEG), (100.0,) * 6, 1.629008, 4592.3),
    "halfcheetah": Robot("HalfCheetah", 0.05, _CHEETAH, (120.0, 90.0, 60.0, 120.0, 60.0, 30.0), -280.178953, 12135.0),
}


def environment_of(spec: TaskSpec) -> str:
    """Gymnasium's name of a locomotion task's environment, such as `Hopper-v5`."""
    robot, _, version = spec.name.rpartition("-")
    return f"{ROBOTS[robot].environment}-{version}"


def make_locomotion(spec: TaskSpec) -> Simulation:
    """The simulator of a locomotion task."""
    from rcd_ros.simulation.worlds.locomotion import Locomotion

    return Locomotion(spec, environment_of(spec))


def locomotion_spec(robot: str, version: int = VERSIONS[0], episode_steps: int = EPISODE_STEPS) -> TaskSpec:
    """A robot that runs as far as it can without a fall; the task is named after robot and version.

    Args:
        robot: `hopper`, `walker2d` or `halfcheetah`.
        version: of Gymnasium's environment, 5 or 4.
        episode_steps: control periods in an episode (D4RL's protocol: 1000).

    Raises:
        RcdError: an unknown version, or an episode length out of range.
    """
    if version not in VERSIONS:
        known = " or ".join(map(str, VERSIONS))
        raise RcdError(f"version of '{robot}' must be {known} (Gymnasium's), got {version}")
    if not 1 <= episode_steps <= MAX_EPISODE_STEPS:
        raise RcdError(f"episode_steps must be between 1 and {MAX_EPISODE_STEPS}, got {episode_steps}")
    its = ROBOTS[robot]
    count = len(its.joints)
    return TaskSpec(
        name=f"{robot}-v{version}",
        control_period=its.control_period,
        episode_steps=episode_steps,
        continuing=True,
        observations=channels_in_order(
            ("trunk_position", "joint_position", "trunk_states", TRUNK, ("m", "rad")),
            ("joint_position", "joint_position", "joint_states", its.joints, ("rad",) * count),
            ("forward_velocity", "joint_velocity", "forward_states", FORWARD, ("m/s",)),
            ("trunk_velocity", "joint_velocity", "trunk_states", TRUNK, ("m/s", "rad/s")),
            ("joint_velocity", "joint_velocity", "joint_states", its.joints, ("rad/s",) * count),
        ),
        command=CommandChannel(
            topic="joint_trajectory",
            interface="effort",
            joints=its.joints,
            units=("N m",) * count,
            lower=tuple(-gear for gear in its.gears),
            upper=its.gears,
            scale=its.gears,
            columns=tuple(range(count)),
        ),
        score=ScoreSpec(kind="return", reference_low=its.reference_low, reference_high=its.reference_high),
    )


def _names() -> dict[str, tuple[str, int]]:
    """Each task's name, the robot that it means, and the version of the environment by default."""
    names: dict[str, tuple[str, int]] = {}
    for robot in ROBOTS:
        names |= {f"{robot}-v{version}": (robot, version) for version in VERSIONS}
        names |= {name: (robot, VERSIONS[0]) for name in (robot, *(f"{robot}-{data}" for data in DATASETS))}
    return names


ENTRIES = {
    name: TaskEntry(partial(locomotion_spec, robot, version=version), f"{__name__}:{make_locomotion.__name__}")
    for name, (robot, version) in _names().items()
}
