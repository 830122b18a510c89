import gymnasium
import gymnasium_robotics
import numpy as np
import pytest
from gymnasium_robotics.envs.maze import maps

from rcd_ros.errors import RcdError
from rcd_ros.simulation.interface import GoalDirected
from rcd_ros.simulation.worlds.maze import Maze
from rcd_ros.simulation.worlds.maze_layout import LAYOUTS
from rcd_ros.tasks.catalogue import get_task, task_of
from rcd_ros.tasks.mazes import maze_spec

gymnasium.register_envs(gymnasium_robotics)


@pytest.fixture
def maze() -> Maze:
    return Maze(maze_spec("maze-umaze"))


@pytest.mark.parametrize(
    ("name", "walls", "goal"),
    [
        ("maze-umaze", maps.U_MAZE, (1, 1)),
        ("maze-medium", maps.MEDIUM_MAZE, (6, 6)),
        ("maze-large", maps.LARGE_MAZE, (7, 9)),
    ],
)
def test_mazes_are_d4rls(name: str, walls: list[list[int]], goal: tuple[int, int]) -> None:
    assert LAYOUTS[name].walls == walls
    assert LAYOUTS[name].goal_cell == goal


def test_d4rls_protocol() -> None:
    specs = [get_task(name).spec for name in ("maze-umaze", "maze-medium", "maze-large")]
    assert [spec.episode_steps for spec in specs] == [300, 600, 800]
    assert [round(spec.score.score(100.0), 2) for spec in specs] == [55.18, 32.87, 34.91]


def test_forces_move_the_ball_as_they_do_in_pointmaze(maze: Maze) -> None:
    env = gymnasium.make("PointMaze_UMaze-v3", continuing_task=True, reset_target=False, disable_env_checker=True)
    first = maze.reset(3)
    env.reset(seed=0)
    inner = env.unwrapped
    inner.goal = first[6:8]
    inner.point_env.set_state(first[0:2], first[2:4])
    random = np.random.default_rng(0)
    for _ in range(150):  # long enough to meet walls
        action = np.clip(random.normal(0.3, 1.0, 2), -1.0, 1.0)
        expected, reward, *_ = env.step(action)
        result = maze.drive(action)
        flat = np.concatenate([expected[key] for key in ("observation", "achieved_goal", "desired_goal")])
        np.testing.assert_allclose(result.observation, flat, atol=1e-9)
        assert result.reward == reward


def test_episodes_follow_from_their_seed(maze: Maze) -> None:
    first = maze.reset(5)
    assert np.array_equal(maze.reset(5), first)
    assert not np.array_equal(maze.reset(6), first)
    goal = maze.layout.center(maze.layout.goal_cell)
    starts = np.array([maze.reset(seed) for seed in range(60)])
    assert {maze.layout.cell_at(start[:2]) for start in starts} == set(maze.layout.free_cells) - {(1, 1)}
    assert (starts[:, 6:8] == goal).all()
    assert (starts[:, 2:4] == 0.0).all()


def test_a_goal_for_every_episode() -> None:
    maze = Maze(maze_spec("maze-umaze"), goal="random")
    starts = np.array([maze.reset(seed) for seed in range(40)])
    assert len({maze.layout.cell_at(start[6:8]) for start in starts}) == len(maze.layout.free_cells)
    assert all(maze.achieved(start) == () for start in starts)


def test_a_planned_state_is_followed_and_the_goal_is_completed_once() -> None:
    maze = Maze(maze_spec("maze-umaze", episode_steps=120), start=(1.0, 1.0))
    start = maze.reset(0)
    position, goal = start[:2], start[6:8]
    completed, rewards, truncated = [], 0.0, False
    for step in range(120):
        share = min(1.0, (step + 1) / 100.0)
        velocity = (goal - position) if share < 1.0 else np.zeros(2)
        result = maze.step(np.concatenate((position + share * (goal - position), velocity)))
        completed += result.completed
        rewards += result.reward
        truncated = result.truncated
        assert np.linalg.norm(result.observation[:2] - position - share * (goal - position)) < 0.1
    assert completed == ["goal"]
    assert truncated
    assert rewards == pytest.approx(43, abs=3)  # from 0.45 m before the goal on


def test_going_on_leaves_the_ball_where_it_is() -> None:
    maze = Maze(maze_spec("maze-umaze"), goal="random")
    maze.reset(0)
    for _ in range(20):
        last = maze.drive([0.5, 0.1]).observation
    following = maze.go_on()
    assert np.array_equal(following[:4], last[:4])
    assert np.linalg.norm(following[6:8] - following[:2]) > 0.45


def test_a_stored_state_is_taken_up_again(maze: Maze) -> None:
    maze.reset(0)
    stored = maze.drive([0.5, -0.5]).observation
    maze.reset(1)
    assert np.array_equal(maze.set_state(stored), stored)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"goal": [0.0, 0.0]}, r"goal \(0, 0\).*\(-?\d, -?\d\) m"),
        ({"goal": [9.0, 0.0]}, r"goal \(9, 0\).*\(-2\.5, -2\.5\).*\(2\.5, 2\.5\)"),
        ({"start": [0.0, 0.0]}, r"start \(0, 0\)"),
        ({"goal": [1.0]}, r"goal.*\[1\.0\]"),
        ({"goal": "everywhere"}, "benchmark, random.*'everywhere'"),
        ({"goal": [1.0, 1.0], "start": [1.0, 1.2]}, r"start.* 0\.2 m.*goal"),
        ({"start": [-1.0, 1.0]}, "start.* 0 m.*goal"),
    ],
)
def test_impossible_places_are_one_sentence(options: dict, named: str) -> None:
    with pytest.raises(RcdError, match=named) as caught:
        get_task("maze-umaze", **options).make_simulation()
    assert "\n" not in str(caught.value)


def test_a_goal_moved_into_a_wall_is_refused_and_the_old_one_stays(maze: Maze) -> None:
    before = maze.reset(0)[6:8]
    with pytest.raises(RcdError, match=r"goal \(0, 0\)"):
        maze.move_goal([0.0, 0.0])
    assert np.array_equal(maze.step(np.zeros(4)).observation[6:8], before)


@pytest.mark.parametrize("command", [[1.0, 2.0], [np.nan, 0.0, 0.0, 0.0]])
def test_no_state_no_step(maze: Maze, command: list[float]) -> None:
    maze.reset(0)
    with pytest.raises(RcdError, match="4 finite"):
        maze.step(command)


def test_a_checkpoint_for_another_maze_keeps_its_own() -> None:
    large = get_task("maze-large").spec
    assert task_of(large, goal="random").spec.name == "maze-large"
    with pytest.raises(RcdError, match=r"episode_steps.* 0"):
        get_task("maze-large", episode_steps=0)


def test_a_goal_moved_from_outside_is_completed_again(maze: Maze) -> None:
    assert isinstance(maze, GoalDirected)
    position = maze.reset(0)[:2]
    maze.move_goal(position)
    result = maze.step([*position, 0.0, 0.0])
    assert result.completed == ("goal",)
    assert result.observation[6:8].tolist() == position.tolist()
