"""The maze tasks: a ball on two slides rolls to a goal, planned as a path of states.

With the controller that made D4RL's maze data, and a picture of a maze from above.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import CommandChannel, ObservationChannel
from rcd_ros.planning.spec import ScoreSpec, TaskSpec
from rcd_ros.simulation.worlds.maze_layout import GOAL_RADIUS, LAYOUTS
from rcd_ros.tasks.task import TaskEntry, channels_in_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONTROL_PERIOD = 0.01  # s
MAX_EPISODE_STEPS = 10_000
MAX_SPEED = 5.0  # m/s, where the environment clips each slide's velocity

BALL_JOINTS = ("ball_x", "ball_y")
GOAL = "goal"

POSITION_GAIN = 10.0  # 1/m
VELOCITY_GAIN = 1.0  # s/m
ARRIVED = 0.1  # m
BEHAVIOUR_NOISE = 0.5
"""Standard deviation of the noise on each action in D4RL's maze data."""


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
            *channels_in_order(
                ("ball_position", "joint_position", "joint_states", BALL_JOINTS, ("m", "m")),
                ("ball_velocity", "joint_velocity", "joint_states", BALL_JOINTS, ("m/s", "m/s")),
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


class WaypointController:
    """Follows the shortest path over the maze's cells, from centre to centre, as the behaviour of D4RL's maze data.

        u = clip(k_p (w - p) - k_d v, -1, 1),  then, with noise,  u = clip(u + noise eps, -1, 1)

    u is the force in parts of the largest one, w the waypoint and p the position in m, v the velocity in m/s, k_p =
    10 1/m, k_d = 1 s/m. A waypoint is passed when the ball is within 0.1 m of it; the last one is the goal itself.
    See `simulation.interface.Controller`.
    """

    def __init__(self, spec: TaskSpec, noise: float = 0.0) -> None:
        """Drive in the maze of `spec`; `noise`: standard deviation of what is added to each action.

        Raises:
            RcdError: the noise is not a number >= 0.
        """
        if not (np.isfinite(noise) and noise >= 0.0):
            raise RcdError(f"noise must be a number >= 0, got {noise}")
        self._layout = LAYOUTS[spec.name]
        self._noise = noise
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Forget the path; the noise follows from `seed`."""
        self._random = np.random.default_rng(seed)
        self._goal: NDArray[np.float64] | None = None

    def act(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The action (2,) for an observation vector (8,); a goal that has moved starts a new path."""
        position, velocity, goal = observation[0:2], observation[2:4], observation[6:8]
        if self._goal is None or not np.array_equal(goal, self._goal):
            self._goal = goal.copy()
            cells = self._layout.route(self._layout.cell_at(position), self._layout.cell_at(goal))
            self._waypoints = [*(self._layout.center(cell) for cell in cells[1:-1]), self._goal]
        while len(self._waypoints) > 1 and np.linalg.norm(self._waypoints[0] - position) < ARRIVED:
            del self._waypoints[0]
        action = np.clip(POSITION_GAIN * (self._waypoints[0] - position) - VELOCITY_GAIN * velocity, -1.0, 1.0)
        if self._noise:
            action = np.clip(action + self._noise * self._random.standard_normal(2), -1.0, 1.0)
        return np.asarray(action)


def draw_maze(axes: Axes, spec: TaskSpec) -> None:
    """Walls, and the circle within which the benchmark's goal counts as reached; in m."""
    from matplotlib.patches import Circle, Rectangle

    layout = LAYOUTS[spec.name]
    for i, row in enumerate(layout.rows):
        for j, cell in enumerate(row):
            if cell == "#":
                x, y = layout.center((i, j))
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1.0, 1.0, color="0.8", linewidth=0.0))
    x, y = layout.center(layout.goal_cell)
    axes.add_patch(Circle((x, y), GOAL_RADIUS, color="tab:red", alpha=0.2, linewidth=0.0))
    axes.set(xlim=(-0.5 * layout.width, 0.5 * layout.width), ylim=(-0.5 * layout.height, 0.5 * layout.height))
    axes.set_aspect("equal")


def _entry(name: str) -> TaskEntry:
    controller = f"{__name__}:{WaypointController.__name__}"
    return TaskEntry(
        partial(maze_spec, name),
        "rcd_ros.simulation.worlds.maze:Maze",
        placements=("goal", "start"),
        controllers={"waypoints": (controller, {}), "behaviour": (controller, {"noise": BEHAVIOUR_NOISE})},
        picture=f"{__name__}:{draw_maze.__name__}",
        continuing={"goal": "random"},
        planner=f"models/{name}",
    )


ENTRIES = {name: _entry(name) for name in LAYOUTS}
