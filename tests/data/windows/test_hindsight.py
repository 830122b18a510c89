"""Goals in hindsight: a window is relabelled with what its episode achieved later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rcd_ros.data.windows.batches import Windows
from rcd_ros.data.windows.hindsight import returns_by_arrival
from rcd_ros.data.windows.tracks import Tracks
from tests.data.windows.made_episodes import MAZE, SCALE, cut, joined, wander


def toward(windows: Windows, index: int, arrival: int) -> tuple[list[float], list[list[float]]]:
    """Condition and chunk of a window that comes to what is achieved in a row, physical units."""
    assert windows.hindsight is not None
    row = torch.tensor([arrival])
    batch = windows.toward(torch.tensor([index]), row, windows.hindsight.achieved[row])
    return (SCALE * batch.condition[0]).tolist(), (SCALE * batch.chunk[0]).tolist()


@pytest.fixture
def tracks() -> Tracks:
    return joined([wander(10), wander(3, number=5)], MAZE)


def test_a_goal_makes_a_window_of_every_step_but_the_last_observation(tracks: Tracks) -> None:
    windows = cut(tracks, MAZE, horizon=4)
    assert len(windows) == 13
    assert windows.lasts.tolist() == [10] * 10 + [14] * 3


def test_the_goal_is_what_was_reached_and_is_held_from_there_on(tracks: Tracks) -> None:
    condition, chunk = toward(cut(tracks, MAZE, horizon=4), 2, arrival=4)
    assert condition == [2.0, 0.0, 1.0, 0.0, 4.0, 0.0]
    assert [row[0] for row in chunk] == [3.0, 4.0, 4.0, 4.0]
    assert [row[2] for row in chunk] == [1.0, 1.0, 0.0, 0.0]


def test_a_goal_beyond_the_window_leaves_the_chunk_as_it_was(tracks: Tracks) -> None:
    condition, chunk = toward(cut(tracks, MAZE, horizon=4), 2, arrival=10)
    assert condition[4] == 10.0
    assert [row[0] for row in chunk] == [3.0, 4.0, 5.0, 6.0]
    assert [row[2] for row in chunk] == [1.0] * 4


def test_a_history_has_the_goal_in_each_row(tracks: Tracks) -> None:
    condition, _ = toward(cut(tracks, MAZE, history=3), 11, arrival=13)
    seen = np.reshape(condition, (3, 6))
    assert seen[:, 0].tolist() == [0.0, 0.0, 1.0]
    assert seen[:, 4].tolist() == [2.0] * 3


def test_the_sooner_the_goal_is_reached_the_more_is_returned() -> None:
    assert returns_by_arrival(5, 1.0).tolist() == [5.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    assert returns_by_arrival(3, 0.5).tolist() == [1.75, 1.75, 0.75, 0.25]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 5), st.integers(0, 2**31))
def test_goals_in_hindsight_lie_in_the_future_of_the_same_episode(lengths: list[int], horizon: int, seed: int) -> None:
    task = MAZE
    windows = cut(joined([wander(steps, number) for number, steps in enumerate(lengths)], task), task, horizon=horizon)
    torch.manual_seed(seed)
    batch = windows.draw(torch.arange(len(windows)).repeat(5))
    x, y, _, _, goal_x, goal_y = (SCALE * batch.condition).T
    assert torch.equal(goal_y, y)
    assert bool((goal_x > x).all())
    assert bool((goal_x <= torch.tensor(lengths)[y.long()]).all())
    ahead = x[:, None] + torch.arange(1, horizon + 1)
    assert torch.equal(SCALE * batch.chunk[:, :, 0], torch.minimum(ahead, goal_x[:, None]))
    assert torch.equal(SCALE * batch.chunk[:, :, 1], y[:, None].expand_as(ahead))
    assert torch.equal(batch.returns, windows.returns[(goal_x - x).long()])


def test_goals_follow_from_the_seed(tracks: Tracks) -> None:
    windows = cut(tracks, MAZE)
    index = torch.arange(13).repeat(20)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(windows.draw(index).condition)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    state = torch.random.get_rng_state()
    assert torch.equal(windows.sample(3).chunk, windows.sample(3).chunk)
    assert torch.equal(torch.random.get_rng_state(), state), "validation must not shift what is drawn in training"


def test_an_episodes_own_goal_is_held_where_the_episode_came_to_it() -> None:
    windows = cut(joined([wander(10, came=True), wander(3)], MAZE), MAZE, horizon=4, own=1.0)
    batch = windows.draw(torch.tensor([8, 10]))
    assert (SCALE * batch.condition[0, 4:]).tolist() == [900.0, 800.0]
    assert (SCALE * batch.chunk[0, :, 0]).tolist() == [9.0, 10.0, 900.0, 900.0]
    assert (SCALE * batch.chunk[0, :, 1]).tolist() == [0.0, 0.0, 800.0, 800.0]
    assert (SCALE * batch.chunk[0, :, 2]).tolist() == [1.0, 1.0, 0.0, 0.0]
    assert float(SCALE * batch.condition[1, 4]) <= 3.0, "this one did not come to its goal: in hindsight"


def test_own_is_a_share_of_the_windows() -> None:
    windows = cut(joined([wander(10, came=True)], MAZE), MAZE, own=0.3)
    batch = windows.draw(torch.zeros(3000, dtype=torch.long))
    assert float((SCALE * batch.condition[:, 4] == 900.0).float().mean()) == pytest.approx(0.3, abs=0.04)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=4),
    st.floats(0.0, 1.0),
    st.integers(0, 2**31),
)
def test_a_relabelled_goal_was_achieved_later_in_the_same_episode(
    made: list[tuple[int, bool]], own: float, seed: int
) -> None:
    """Or it is the desired goal of an episode that achieved it, at its end."""
    tracks = joined([wander(steps, number, came) for number, (steps, came) in enumerate(made)], MAZE)
    windows = cut(tracks, MAZE, own=own)
    assert windows.hindsight is not None
    starts, lasts = windows.starts.repeat(9), windows.lasts.repeat(9)
    torch.manual_seed(seed)
    arrivals, goals = (drawn.numpy() for drawn in windows.hindsight.draw(starts, lasts))
    for start, last, arrival, goal in zip(starts.tolist(), lasts.tolist(), arrivals.tolist(), goals, strict=True):
        assert start < arrival <= last == tracks.lasts[start]
        if np.array_equal(goal, [900.0, 800.0]):
            assert tracks.succeeded[start] and arrival == last
        else:
            assert np.array_equal(goal, tracks.achieved[arrival])


def test_every_later_row_is_the_goal_equally_often() -> None:
    windows = cut(joined([wander(5)], MAZE), MAZE)
    assert windows.hindsight is not None
    torch.manual_seed(0)
    begin = torch.full((8000,), 1)
    arrivals, _ = windows.hindsight.draw(begin, torch.full((8000,), 5))
    assert torch.bincount(arrivals, minlength=6)[2:].tolist() == pytest.approx([2000] * 4, abs=200)


def test_noise_on_histories_leaves_goals_as_they_are(tracks: Tracks) -> None:
    noisy = replace(cut(tracks, MAZE, horizon=4), observation_noise=1.0)
    stored = noisy.histories.clone()
    condition, _ = toward(noisy, 2, arrival=4)
    assert condition[4:] == [4.0, 0.0]
    assert condition[:4] != [2.0, 0.0, 1.0, 0.0]
    assert torch.equal(noisy.histories, stored)
