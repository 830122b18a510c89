"""Tracks: episodes one after another, their returns-to-go, and how they end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcd_ros.data.episodes import Episode, planned_values, return_to_go
from rcd_ros.data.windows.cut import cut_outcomes
from rcd_ros.data.windows.tracks import join_tracks
from rcd_ros.errors import RcdError
from rcd_ros.planning.manifest import NormalizerSpec
from rcd_ros.planning.representation import Canonical
from tests.data.windows.made_episodes import MAZE, SCALE, episode, joined, spec, wander

EPISODES = st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=4)
DISCOUNTS = st.sampled_from((0.1, 0.5, 0.9, 0.99, 1.0))


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


def test_data_without_goal_columns_are_refused() -> None:
    whole = wander(3)
    narrow = Episode(whole.observations[:, :4], whole.actions, whole.rewards, False, True)
    with pytest.raises(RcdError, match=r"\b7\b.*\bepisode 0\b.*\b4\b"):
        joined([narrow], MAZE)


def test_planned_states_are_the_next_observations() -> None:
    values = planned_values(episode(3, terminated=True), spec(source="observation").command)
    assert values.ravel().tolist() == [6.0, 12.0, 18.0]


def test_return_to_go_discounts_from_each_step() -> None:
    assert return_to_go(np.array([1.0, 0.0, 2.0], np.float32), 0.5).tolist() == [1.5, 1.0, 2.0]


@given(st.lists(st.floats(-100.0, 100.0, width=32), min_size=1, max_size=40), DISCOUNTS)
def test_return_to_go_is_the_discounted_sum_of_what_is_still_gained(rewards: list[float], discount: float) -> None:
    direct = [
        sum(reward * discount**ahead for ahead, reward in enumerate(rewards[step:])) for step in range(len(rewards))
    ]
    assert return_to_go(np.array(rewards, np.float32), discount) == pytest.approx(direct, rel=1e-5, abs=1e-4)


@given(EPISODES, DISCOUNTS)
def test_a_return_is_complete_after_a_termination_or_where_little_of_it_is_cut_off(
    made: list[tuple[int, bool]], discount: float
) -> None:
    tracks = joined([episode(steps, terminated) for steps, terminated in made], spec(continuing=True), discount)
    expected = [
        terminated or (discount < 1.0 and discount ** (steps - step) <= 0.05)
        for steps, terminated in made
        for step in range(steps)
    ]
    inside = np.arange(len(tracks.lasts)) < tracks.lasts
    assert tracks.complete[inside].tolist() == expected


@settings(max_examples=60)
@given(EPISODES, st.integers(1, 5), DISCOUNTS)
def test_an_outcome_and_the_return_that_follows_make_the_return_of_the_chunk(
    made: list[tuple[int, bool]], steps: int, discount: float
) -> None:
    """R(t) = gain + carry R(t + steps), also standardised; only a terminated episode carries nothing on."""
    task = spec(continuing=True)
    tracks = joined([episode(length, terminated, n) for n, (length, terminated) in enumerate(made)], task, discount)
    zero, scale = (0.0,) * 2, (SCALE,) * 2
    normalizer = NormalizerSpec(observation_mean=zero, observation_std=scale, command_mean=(0.0,), command_std=(1.0,))
    rows, (mean, std) = tracks.inside(steps), (3.0, 2.0)
    outcome = cut_outcomes(tracks, rows, 1, steps, discount, Canonical(task, zero), normalizer, (mean, std))
    firsts = np.cumsum([0, *(length + 1 for length, _ in made)])
    ends = [(number, step) for number, (length, _) in enumerate(made) for step in range(length + 1 - steps)]
    assert rows.tolist() == [firsts[number] + step for number, step in ends]
    terminated = [made[number][1] and step + steps == made[number][0] for number, step in ends]
    assert outcome.carry.tolist() == pytest.approx([0.0 if ended else discount**steps for ended in terminated])
    after = (tracks.returns[rows + steps] - mean) / std
    whole = outcome.gain.numpy() + outcome.carry.numpy() * after
    assert whole == pytest.approx((tracks.returns[rows] - mean) / std, abs=1e-5)
    assert SCALE * outcome.following.numpy() == pytest.approx(tracks.observations[rows + steps])
