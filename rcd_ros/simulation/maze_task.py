"""The maze tasks: a ball on two slides that is to roll to a goal, planned as a path of states."""

from __future__ import annotations

from typing import NamedTuple

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import CommandChannel, ObservationChannel, ScoreSpec, TaskSpec
from rcd_ros.simulation.maze_layout import LAYOUTS

CONTROL_PERIOD = 0.01  # s
MAX_EPISODE_STEPS = 10_000
GOAL_RADIUS = 0.45  # m, PointMaze's; D4RL's first version had 0.5
MAX_SPEED = 5.0  # m/s, where the environment clips each slide's velocity

BALL_JOINTS = ("ball_x", "ball_y")
GOAL = "goal"


class _Protocol(NamedTuple):
    """D4RL's episode length, and its returns of a random and of an expert policy, which score 0 and 100."""

    episode_steps: int
    reference_low: float
    reference_high: float


_PROTOCOLS = {
    "maze-umaze": _Protocol(300, 23.85, 161.86),
    "maze-medium": _Protocol(600, 13.13, 277.39),
    "maze-large": _Protocol(800, 6.7, 273.99),
}


def maze_spec(name: str, episode_steps: int | None = None) -> TaskSpec:
    """A maze as a task: where the ball is and should be observed, states of its two slides planned.

    Args:
        name: `maze-umaze`, `maze-medium` or `maze-large`.
        episode_steps: control periods in an episode (D4RL's protocol: 300, 600 and 800).

    Raises:
        RcdError: an episode length out of range.
    """
    layout, protocol = LAYOUTS[name], _PROTOCOLS[name]
    steps = protocol.episode_steps if episode_steps is None else episode_steps
    if not 1 <= steps <= MAX_EPISODE_STEPS:
        raise RcdError(f"episode_steps must be between 1 and {MAX_EPISODE_STEPS}, got {steps}")
    bound = (0.5 * layout.width, 0.5 * layout.height, MAX_SPEED, MAX_SPEED)
    return TaskSpec(
        name=name,
        control_period=CONTROL_PERIOD,
        episode_steps=steps,
        observations=(
            ObservationChannel(
                name="ball_position",
                kind="joint_position",
                topic="joint_states",
                joints=BALL_JOINTS,
                units=("m", "m"),
                columns=(0, 1),
            ),
            ObservationChannel(
                name="ball_velocity",
                kind="joint_velocity",
                topic="joint_states",
                joints=BALL_JOINTS,
                units=("m/s", "m/s"),
                columns=(2, 3),
            ),
            ObservationChannel(
                name="goal",
                kind="goal_position",
                topic="goal_pose",
                joints=("x", "y"),
                units=("m", "m"),
                columns=(6, 7),
                achieved=(0, 1),
            ),
        ),
        command=CommandChannel(
            topic="joint_trajectory",
            interface="state",
            joints=BALL_JOINTS,
            units=("m", "m", "m/s", "m/s"),
            lower=tuple(-value for value in bound),
            upper=bound,
            scale=(1.0,) * 4,
            columns=(0, 1, 2, 3),
            source="observation",
        ),
        score=ScoreSpec(
            kind="return",
            goals=(GOAL,),
            reference_low=protocol.reference_low,
            reference_high=protocol.reference_high,
        ),
    )
