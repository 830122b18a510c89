"""Windows of tasks with goals: where the ball came later is where it was to go."""

import numpy as np
import pytest
import torch

from rcd_ros.data.episodes import Episode
from rcd_ros.errors import RcdError
from rcd_ros.planning.manifest import NormalizerSpec
from rcd_ros.tasks.mazes import maze_spec
from rcd_ros.training.hindsight import (
    HindsightWindows,
    Tracks,
    cut_in_hindsight,
    fit_tracks,
    has_goals,
    join_tracks,
    returns_by_arrival,
)
from rcd_ros.training.objective import Batch

SPEC = maze_spec("maze-umaze", episode_steps=20)
UNIT = NormalizerSpec(
    observation_mean=(0.0,) * 6, observation_std=(1.0,) * 6, command_mean=(0.0,) * 4, command_std=(1.0,) * 4
)


def episode(steps: int, begin: float = 0.0, came: bool = False) -> Episode:
    """x counts the steps in tenths, y stands at `begin`; the episode's own goal is (9, 8), wherever the ball comes."""
    x = 0.1 * np.arange(steps + 1)
    y, one = np.full_like(x, begin), np.ones_like(x)
    rewards = np.zeros(steps, np.float32)
    rewards[-1] = came
    return Episode(
        observations=np.stack((x, y, one, 0.0 * one, x, y, 9.0 * one, 8.0 * one), axis=1).astype(np.float32),
        actions=np.zeros((steps, 2), np.float32),
        rewards=rewards,
        terminated=False,
        truncated=True,
    )


def windows(tracks: Tracks, horizon: int = 4, own: float = 0.0, history: int = 1) -> HindsightWindows:
    returns = torch.from_numpy(returns_by_arrival(SPEC.episode_steps, 1.0))
    return cut_in_hindsight(tracks, SPEC, UNIT, history, horizon, own, returns)


def toward(cut: HindsightWindows, start: int, steps: int, first: int = 0) -> Batch:
    """The window from one row to what is reached so many steps later."""
    rows = torch.tensor([[start], [first], [start + steps]])
    return cut.windows(rows[0], rows[1], rows[2], cut.reached[rows[2]])


@pytest.fixture
def tracks() -> Tracks:
    return join_tracks([episode(10), episode(3, begin=0.5)], SPEC)


def test_only_tasks_that_observe_a_goal_have_one() -> None:
    assert has_goals(SPEC)
    assert not has_goals(SPEC.select(["ball_position"]))


def test_a_window_for_every_step_but_the_last_observation(tracks: Tracks) -> None:
    cut = windows(tracks)
    assert len(cut) == 13
    assert cut.lasts.tolist() == [10] * 10 + [14] * 3


def test_the_goal_is_what_was_reached_and_is_held_from_there_on(tracks: Tracks) -> None:
    batch = toward(windows(tracks), 2, 2)
    assert batch.condition[0].tolist() == pytest.approx([0.2, 0.0, 1.0, 0.0, 0.4, 0.0])
    assert batch.chunk[0, :, 0].tolist() == pytest.approx([0.3, 0.4, 0.4, 0.4])
    assert batch.chunk[0, :, 2].tolist() == [1.0, 1.0, 0.0, 0.0]


def test_a_goal_beyond_the_window_leaves_the_chunk_as_it_was(tracks: Tracks) -> None:
    batch = toward(windows(tracks), 2, 8)
    assert batch.condition[0, 4] == 1.0
    assert batch.chunk[0, :, 0].tolist() == pytest.approx([0.3, 0.4, 0.5, 0.6])
    assert batch.chunk[0, :, 2].tolist() == [1.0] * 4


def test_the_sooner_the_goal_is_reached_the_more_is_returned() -> None:
    undiscounted = returns_by_arrival(5, 1.0)
    assert undiscounted.tolist() == [5.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    assert returns_by_arrival(3, 0.5).tolist() == [1.75, 1.75, 0.75, 0.25]


def test_goals_stay_inside_the_episode_and_follow_from_the_seed(tracks: Tracks) -> None:
    cut = windows(tracks)
    index = torch.arange(len(cut)).repeat(50)
    torch.manual_seed(1)
    batch = cut.select(index)
    x, y, goal_x, goal_y = (batch.condition[:, column] for column in (0, 1, 4, 5))
    assert torch.equal(goal_y, y)
    assert bool((goal_x > x).all())
    assert float(goal_x[y == 0.5].max()) == pytest.approx(0.3)
    torch.manual_seed(1)
    assert torch.equal(cut.select(index).condition, batch.condition)
    assert torch.equal(cut.sample(5, seed=3).chunk, cut.sample(5, seed=3).chunk)


def test_an_episodes_own_goal_is_held_where_the_episode_came_to_it() -> None:
    cut = windows(join_tracks([episode(10, came=True), episode(3)], SPEC), own=1.0)
    batch = cut.select(torch.tensor([8, 10]))
    assert batch.condition[0, 4:].tolist() == [9.0, 8.0]
    assert batch.chunk[0, :, 0].tolist() == pytest.approx([0.9, 1.0, 9.0, 9.0])
    assert batch.chunk[0, :, 1].tolist() == [0.0, 0.0, 8.0, 8.0]
    assert batch.chunk[0, :, 2].tolist() == [1.0, 1.0, 0.0, 0.0]
    assert float(batch.condition[1, 4]) < 1.0  # this one did not come to its goal: in hindsight


def test_own_is_a_share_of_the_windows() -> None:
    cut = windows(join_tracks([episode(10, came=True)], SPEC), own=0.3)
    batch = cut.select(torch.zeros(3000, dtype=torch.long))
    assert float((batch.condition[:, 4] == 9.0).float().mean()) == pytest.approx(0.3, abs=0.04)


def test_a_history_does_not_reach_into_the_episode_before(tracks: Tracks) -> None:
    batch = toward(windows(tracks, history=3), 12, 1, first=11)
    seen = batch.condition.reshape(3, 6)
    assert seen[:, 0].tolist() == pytest.approx([0.0, 0.0, 0.1])
    assert seen[:, 4].tolist() == pytest.approx([0.2] * 3)


def test_goals_are_normalised_by_what_is_reached_not_by_what_was_asked(tracks: Tracks) -> None:
    fitted = fit_tracks(tracks, SPEC, (0.01, 0.02))
    assert fitted.observation_mean[4:] == pytest.approx(fitted.observation_mean[:2])
    assert fitted.observation_std[3] == 0.01  # a velocity that never changes
    cut = cut_in_hindsight(tracks, SPEC, fitted, 1, 4, 0.0, torch.zeros(21))
    batch = toward(cut, 0, 10)
    assert float(batch.condition[0, 4]) == pytest.approx((1.0 - fitted.observation_mean[4]) / fitted.observation_std[4])
    rest = (0.0 - fitted.command_mean[2]) / fitted.command_std[2]
    assert float(toward(cut, 0, 1).chunk[0, -1, 2]) == pytest.approx(rest)


def test_data_without_goal_columns_are_refused() -> None:
    narrow = episode(3)
    narrow = Episode(narrow.observations[:, :4], narrow.actions, narrow.rewards, False, True)
    with pytest.raises(RcdError, match="reads observation column 7, but episode 0 has only 4 columns"):
        join_tracks([narrow], SPEC)
