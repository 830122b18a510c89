"""Windows: what a planner learns to do after what it has seen, what a critic learns of it, and goals in hindsight."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rcd_ros.data.episodes import Episode, planned_values, return_to_go, split_episodes
from rcd_ros.data.windows.batches import Windows
from rcd_ros.data.windows.cut import cut_windows
from rcd_ros.data.windows.hindsight import returns_by_arrival
from rcd_ros.data.windows.tracks import Tracks, join_tracks
from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import CommandChannel, ObservationChannel
from rcd_ros.planning.manifest import NormalizerSpec
from rcd_ros.planning.representation import Canonical
from rcd_ros.planning.spec import ScoreSpec, TaskSpec
from rcd_ros.tasks.mazes import maze_spec

MAZE = maze_spec("maze-umaze", episode_steps=20)
SCALE = 1024.0
"""Standard deviation of everything: a power of two, so that physical values come back to the bit, and unclipped."""


def spec(
    interface: str = "velocity", source: str = "action", continuing: bool = False, turning: bool = False
) -> TaskSpec:
    """Reads columns 2 and 0 of three; commands one joint, twice the data's value."""
    return TaskSpec(
        name="slide",
        control_period=0.1,
        episode_steps=10,
        continuing=continuing,
        observations=(
            ObservationChannel(
                name="position", kind="joint_position", topic="joint_states", joints=("a", "b"), columns=(2, 0),
                units=("rad", "m") if turning else ("m", "m"), continuous=("a",) if turning else (),
            ),
        ),
        command=CommandChannel(
            topic="joint_trajectory", interface=interface, joints=("a",), units=("m/s",), lower=(-2.0,), upper=(2.0,),
            scale=(2.0,), columns=(0,), source=source,
        ),
        score=ScoreSpec(kind="return", reference_high=1.0),
    )  # fmt: skip


def episode(steps: int, terminated: bool, number: int = 0) -> Episode:
    """Observed: three numbers that count up; done: the step from 1 on, plus 100 times the episode's number."""
    observations = np.arange((steps + 1) * 3, dtype=np.float32).reshape(steps + 1, 3)
    actions = 100.0 * number + np.arange(1, steps + 1, dtype=np.float32)[:, None]
    rewards = np.linspace(-1.0, 1.0, steps, dtype=np.float32)
    return Episode(observations, actions.astype(np.float32), rewards, terminated, not terminated)


def wander(steps: int, number: int = 0, came: bool = False) -> Episode:
    """A ball in a maze: x counts the steps, y is the episode's number; its own goal is (900, 800)."""
    x = np.arange(steps + 1, dtype=np.float32)
    y, one = np.full_like(x, number), np.ones_like(x)
    rewards = np.zeros(steps, np.float32)
    rewards[-1] = came
    observations = np.stack((x, y, one, 0.0 * one, x, y, 900.0 * one, 800.0 * one), axis=1)
    return Episode(observations, np.zeros((steps, 2), np.float32), rewards, False, True)


def cut(
    tracks: Tracks, task: TaskSpec, history: int = 1, horizon: int = 3, own: float = 0.0, discount: float = 1.0
) -> Windows:
    """Every window of the tracks, in multiples of `SCALE`."""
    starts, sizes = tracks.starts(horizon, task), (task.observation_size, task.command.size)
    zero, scale = [(0.0,) * size for size in sizes], [(SCALE,) * size for size in sizes]
    normalizer = NormalizerSpec(
        observation_mean=zero[0], observation_std=scale[0], command_mean=zero[1], command_std=scale[1]
    )
    returns = returns_by_arrival(task.episode_steps, discount) if task.goal_channels else tracks.returns[starts]
    return cut_windows(tracks, starts, task, history, horizon, Canonical(task, zero[0]), normalizer, returns, own)


def joined(episodes: list[Episode], task: TaskSpec, discount: float = 1.0) -> Tracks:
    return join_tracks(episodes, range(len(episodes)), task, discount)


def histories(windows: Windows, index: int) -> list[list[float]]:
    return (SCALE * windows.histories[index]).tolist()


def chunk(windows: Windows, index: int) -> list[list[float]]:
    return (SCALE * windows.draw(torch.tensor([index])).chunk[0]).tolist()


def test_history_and_chunk_meet_at_the_same_step() -> None:
    windows = cut(joined([episode(5, terminated=False)], spec()), spec(), history=2, horizon=3)
    assert len(windows) == 3
    assert histories(windows, 0) == [[2.0, 0.0], [2.0, 0.0]], "the first observation is repeated before the start"
    assert histories(windows, 2) == [[5.0, 3.0], [8.0, 6.0]], "columns in the spec's order"
    assert chunk(windows, 2) == [[6.0], [8.0], [10.0]], "actions from the newest observation on, scaled"


@pytest.mark.parametrize(("interface", "held"), [("velocity", 0.0), ("effort", 0.0), ("position", 10.0)])
def test_a_finished_episode_is_continued_by_holding_still(interface: str, held: float) -> None:
    task = spec(interface)
    windows = cut(joined([episode(5, terminated=True)], task), task)
    assert len(windows) == 5
    assert chunk(windows, 4) == [[10.0], [held], [held]]


EPISODES = st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=5)


@settings(deadline=None, max_examples=60)
@given(EPISODES, st.booleans(), st.integers(1, 4), st.integers(1, 5))
def test_every_window_lies_in_one_episode_and_crosses_no_end(
    made: list[tuple[int, bool]], continuing: bool, history: int, horizon: int
) -> None:
    """What follows a window's observation in its episode is its chunk; behind an end it is zero, where it is known."""
    task, discount = spec(continuing=continuing), 0.9
    episodes = [episode(steps, terminated, number) for number, (steps, terminated) in enumerate(made)]
    windows = cut(joined(episodes, task, discount), task, history, horizon)
    expected = [
        (number, step)
        for number, (steps, terminated) in enumerate(made)
        for step in range(steps)
        if step + horizon <= steps or (terminated and not continuing)
    ]
    assert len(windows) == len(expected)
    batch = windows.draw(torch.arange(len(windows)))
    for place, (number, step) in enumerate(expected):
        whole = episodes[number]
        seen = whole.observations[np.maximum(np.arange(step + 1 - history, step + 1), 0)][:, [2, 0]]
        followed = np.zeros(horizon, np.float32)
        followed[: len(whole) - step] = 2.0 * whole.actions[step : step + horizon, 0]
        gained = sum(discount**k * float(reward) for k, reward in enumerate(whole.rewards[step:]))
        assert np.array_equal(SCALE * batch.condition[place], seen.ravel())
        assert np.array_equal(SCALE * batch.chunk[place, :, 0], followed)
        assert float(batch.returns[place]) == pytest.approx(gained, abs=1e-5)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(-30.0, 30.0, width=32), min_size=4, max_size=12), st.integers(1, 4))
def test_angles_of_turning_joints_start_beside_the_joint_and_do_not_jump(angles: list[float], horizon: int) -> None:
    task = spec("position", turning=True)
    whole = episode(len(angles), terminated=False)
    whole.actions[:, 0] = angles
    tracks = joined([episode(3, terminated=False), whole], task)
    windows, canonical = cut(tracks, task, horizon=horizon), Canonical(task, (0.0, 0.0))
    for place, start in enumerate(tracks.starts(horizon, task)):
        seen = canonical.histories(tracks.observations[start][None])
        expected = canonical.chunks(tracks.commands[start + 1 : start + 1 + horizon], seen)
        assert chunk(windows, place) == pytest.approx(np.asarray(expected), abs=1e-3)


def test_planned_states_are_the_next_observations() -> None:
    values = planned_values(episode(3, terminated=True), spec(source="observation").command)
    assert values.ravel().tolist() == [6.0, 12.0, 18.0]


def test_return_to_go_discounts_from_each_step() -> None:
    assert return_to_go(np.array([1.0, 0.0, 2.0], np.float32), 0.5).tolist() == [1.5, 1.0, 2.0]


def test_whole_episodes_are_held_out_and_the_split_follows_from_the_seed() -> None:
    kept, held = split_episodes(20, 0.1, seed=4)
    assert len(held) == 2
    assert sorted([*kept, *held]) == list(range(20))
    assert np.array_equal(held, split_episodes(20, 0.1, seed=4)[1])
    assert not np.array_equal(held, split_episodes(20, 0.1, seed=5)[1])
    assert len(split_episodes(20, 0.0, seed=4)[1]) == 0


def test_too_few_columns_are_refused_with_the_episode() -> None:
    narrow = Episode(np.zeros((6, 2), np.float32), np.zeros((5, 1), np.float32), np.zeros(5, np.float32), True, False)
    with pytest.raises(RcdError, match=r"\b2\b.*\bepisode 1\b.*\b2\b"):
        join_tracks([episode(5, terminated=True), narrow], [1], spec(), 1.0)


def test_returns_close_to_a_time_limit_are_not_complete() -> None:
    # 0.5^5 < 0.05 <= 0.5^4: five rewards from a step on tell its return
    running = spec(continuing=True)
    limited, fallen = joined([episode(8, False)], running, 0.5), joined([episode(8, True)], running, 0.5)
    assert limited.complete.tolist() == [True] * 4 + [False] * 5
    assert fallen.complete[:8].all()
    assert len(fallen.starts(1, running)) == 8, "a critic of single steps sees the fall"
    assert len(fallen.starts(4, running)) == 5, "nothing follows a fall"
    assert joined([episode(8, False)], spec(), 0.5).complete[:8].all(), "tasks that end are not cut off"


# Goals


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


def test_data_without_goal_columns_are_refused() -> None:
    whole = wander(3)
    narrow = Episode(whole.observations[:, :4], whole.actions, whole.rewards, False, True)
    with pytest.raises(RcdError, match=r"\b7\b.*\bepisode 0\b.*\b4\b"):
        joined([narrow], MAZE)
