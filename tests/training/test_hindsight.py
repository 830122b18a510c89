"""Windows of tasks with goals: where the ball came later is where it was to go."""

import numpy as np
import pytest
import torch

from rcd_ros.data.episodes import Episode
from rcd_ros.errors import RcdError
from rcd_ros.planning.manifest import NormalizerSpec
from rcd_ros.simulation.maze_task import maze_spec
from rcd_ros.training.hindsight import (
    HindsightWindows,
    Tracks,
    cut_in_hindsight,
    fit_tracks,
    has_goals,
    join_tracks,
    returns_by_arrival,
)

SPEC = maze_spec("maze-umaze", episode_steps=20)
UNIT = NormalizerSpec(
    observation_mean=(0.0,) * 6, observation_std=(1.0,) * 6, command_mean=(0.0,) * 4, command_std=(1.0,) * 4
)


def episode(steps: int, begin: float = 0.0) -> Episode:
    """x counts the steps in tenths, y stands at `begin`; the goal in the data is never what was reached."""
    x = 0.1 * np.arange(steps + 1)
    y = np.full_like(x, begin)
    nine = np.full_like(x, 0.9)
    return Episode(
        observations=np.stack((x, y, np.ones_like(x), np.zeros_like(x), x, y, nine, nine), axis=1).astype(np.float32),
        actions=np.zeros((steps, 2), np.float32),
        rewards=np.zeros(steps, np.float32),
        terminated=False,
        truncated=True,
    )


def windows(tracks: Tracks, horizon: int = 4, final: float = 0.5, history: int = 1) -> HindsightWindows:
    returns = torch.from_numpy(returns_by_arrival(SPEC.episode_steps, 1.0))
    return cut_in_hindsight(tracks, SPEC, UNIT, history, horizon, final, returns)


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
    row = torch.tensor([2])
    batch = windows(tracks).windows(start=row, first=row * 0, arrival=row + 2)
    assert batch.condition[0].tolist() == pytest.approx([0.2, 0.0, 1.0, 0.0, 0.4, 0.0])
    assert batch.chunk[0, :, 0].tolist() == pytest.approx([0.3, 0.4, 0.4, 0.4])
    assert batch.chunk[0, :, 2].tolist() == [1.0, 1.0, 0.0, 0.0]


def test_a_goal_beyond_the_window_leaves_the_chunk_as_it_was(tracks: Tracks) -> None:
    row = torch.tensor([2])
    batch = windows(tracks).windows(start=row, first=row * 0, arrival=row + 8)
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


def test_final_is_the_share_of_goals_at_the_end(tracks: Tracks) -> None:
    start = torch.zeros(2000, dtype=torch.long)
    at_the_end = [float((windows(tracks, final=f).select(start).condition[:, 4] == 1.0).float().mean()) for f in (0, 1)]
    assert at_the_end[0] == pytest.approx(0.1, abs=0.03)  # one of ten states ahead
    assert at_the_end[1] == 1.0


def test_a_history_does_not_reach_into_the_episode_before(tracks: Tracks) -> None:
    cut = windows(tracks, history=3)
    rows = torch.tensor([12])
    batch = cut.windows(start=rows, first=torch.tensor([11]), arrival=rows + 1)
    seen = batch.condition.reshape(3, 6)
    assert seen[:, 0].tolist() == pytest.approx([0.0, 0.0, 0.1])
    assert seen[:, 4].tolist() == pytest.approx([0.2] * 3)


def test_goals_are_normalised_by_what_is_reached_not_by_what_was_asked(tracks: Tracks) -> None:
    fitted = fit_tracks(tracks, SPEC, (0.01, 0.02))
    assert fitted.observation_mean[4:] == pytest.approx(fitted.observation_mean[:2])
    assert fitted.observation_std[3] == 0.01  # a velocity that never changes
    cut = cut_in_hindsight(tracks, SPEC, fitted, 1, 4, 1.0, torch.zeros(21))
    batch = cut.select(torch.arange(13))
    assert float(batch.condition[0, 4]) == pytest.approx((1.0 - fitted.observation_mean[4]) / fitted.observation_std[4])


def test_data_without_goal_columns_are_refused() -> None:
    narrow = episode(3)
    narrow = Episode(narrow.observations[:, :4], narrow.actions, narrow.rewards, False, True)
    with pytest.raises(RcdError, match="reads observation column 7, but episode 0 has only 4 columns"):
        join_tracks([narrow], SPEC)
