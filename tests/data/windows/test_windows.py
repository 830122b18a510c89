"""Windows: what a planner learns to do after what it has seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rcd_ros.data.windows.batches import Windows
from rcd_ros.planning.representation import Canonical
from tests.data.windows.made_episodes import SCALE, cut, episode, joined, spec


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
        expected = canonical.chunks(tracks.actions[start + 1 : start + 1 + horizon], seen)
        assert chunk(windows, place) == pytest.approx(np.asarray(expected), abs=1e-3)


def test_noise_is_drawn_on_histories_alone_and_anew() -> None:
    clean = cut(joined([episode(200, terminated=False)], spec()), spec(), history=2, horizon=3)
    noisy = replace(clean, observation_noise=0.5)
    torch.manual_seed(0)
    first, again, still = noisy.draw(slice(None)), noisy.draw(slice(None)), clean.draw(slice(None))
    assert float((first.condition - still.condition).std()) == pytest.approx(0.5, rel=0.1)
    assert not torch.equal(first.condition, again.condition)
    assert torch.equal(first.chunk, still.chunk)
    assert torch.equal(clean.histories, noisy.histories)
