import itertools

import numpy as np
import pytest

from rcd_ros.errors import RcdError
from rcd_ros.simulation.worlds.maze import Maze
from rcd_ros.simulation.worlds.maze_layout import LAYOUTS
from rcd_ros.tasks.mazes import WaypointController, maze_spec


def test_a_route_is_as_short_as_can_be_and_stays_on_free_cells() -> None:
    layout = LAYOUTS["maze-large"]
    way = layout.route((1, 1), (7, 9))
    assert (way[0], way[-1]) == ((1, 1), (7, 9))
    assert len(way) - 1 == layout.distances((7, 9))[(1, 1)]
    assert all(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for a, b in itertools.pairwise(way))
    assert set(way) <= set(layout.free_cells)


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_the_goal_is_reached_and_kept(noise: float) -> None:
    spec = maze_spec("maze-umaze")
    maze, controller = Maze(spec), WaypointController(spec, noise)
    for seed in range(3):
        observation = maze.reset(seed)
        controller.reset(seed)
        rewards = []
        for _ in range(spec.episode_steps):
            result = maze.drive(controller.act(observation))
            observation = result.observation
            rewards.append(result.reward)
        assert rewards[-50:] == [1.0] * 50


def test_noise_follows_from_the_seed() -> None:
    controller = WaypointController(maze_spec("maze-umaze"), noise=0.5)
    observation = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0, -1.0, 1.0])
    actions = []
    for seed in (4, 4, 5):
        controller.reset(seed)
        actions.append(controller.act(observation).tolist())
    assert actions[0] == actions[1] != actions[2]


def test_a_moved_goal_begins_a_new_way() -> None:
    controller = WaypointController(maze_spec("maze-umaze"))
    observation = np.array([0.0, 1.0, 0.0, 0.0, 0.0, 1.0, -1.0, 1.0])
    assert controller.act(observation)[0] == -1.0
    observation[6:8] = 1.0, 0.0
    assert controller.act(observation)[0] == 1.0


def test_negative_noise_is_refused() -> None:
    with pytest.raises(RcdError, match=r"noise.*-1"):
        WaypointController(maze_spec("maze-umaze"), noise=-1.0)
