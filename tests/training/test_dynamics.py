"""Returns in a model of the dynamics, where they are known: walks along a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from rcd_ros.data.episodes import Episode, FloatArray
from rcd_ros.errors import RcdError
from rcd_ros.training.dynamics import MARGIN, DynamicsModel, FitSettings, Known, Plan, cut_transitions
from tests.evaluation.corridor import corridor_spec

SPEC = corridor_spec().model_copy(update={"continuing": True})
QUICK = FitSettings(steps=600, batch=128, learning_rate=3e-3, widths=(32,))
LONGER = replace(QUICK, steps=2000)
STEP = 0.5
"""Metres that the velocity 1 moves in a control period."""


def walk(length: int, seed: int, end: float = np.inf) -> Episode:
    """Random velocities; the reward of a step is its velocity. Beyond `end` the episode terminates."""
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-1.0, 1.0, (length, 1)).astype(np.float32)
    position = np.concatenate([[0.0], np.cumsum(STEP * actions[:, 0])])
    beyond = np.flatnonzero(position > end)
    steps = int(beyond[0]) if len(beyond) else length
    observations = np.stack([np.zeros(length + 1), position], axis=1).astype(np.float32)[: steps + 1]
    terminated = bool(len(beyond))
    return Episode(observations, actions[:steps], actions[:steps, 0], terminated=terminated, truncated=not terminated)


def walks(end: float = np.inf) -> list[Episode]:
    return [walk(30, seed, end) for seed in range(60)]


def learned(episodes: Sequence[Episode], settings: FitSettings = QUICK) -> DynamicsModel:
    return DynamicsModel(cut_transitions(episodes, SPEC, 1), settings, lambda _: None)


def steady(velocity: float) -> Plan:
    def plan(histories: FloatArray) -> FloatArray:
        return np.full((len(histories), 4, 1), velocity, np.float32)

    return plan


@pytest.fixture(scope="module")
def model() -> DynamicsModel:
    """Of walks without an end."""
    return learned(walks())


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Several threads wait for each other longer than such small networks take."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


START = np.zeros((1, 1, 1), np.float32)


def test_a_transition_holds_what_came_of_its_action() -> None:
    episode = walk(5, 0)
    cut = cut_transitions([episode], SPEC, 2)
    assert len(cut) == 5
    assert np.array_equal(cut.histories[0, :, 0], episode.observations[[0, 0], 1])
    assert np.array_equal(cut.histories[3, :, 0], episode.observations[[2, 3], 1])
    assert np.array_equal(cut.following[:, 0], episode.observations[1:, 1])
    assert np.array_equal(cut.actions, episode.actions)
    assert np.array_equal(cut.rewards, episode.rewards)
    assert cut.first.tolist() == [True, False, False, False, False]
    assert not cut.terminates.any(), "a time limit terminates nothing"


def test_only_the_last_step_of_a_fall_terminates() -> None:
    episode = next(episode for episode in walks(end=0.4) if episode.terminated)
    assert np.flatnonzero(cut_transitions([episode], SPEC, 1).terminates).tolist() == [len(episode) - 1]


def test_data_without_a_step_are_refused() -> None:
    empty = Episode(
        np.zeros((1, 2), np.float32),
        np.zeros((0, 1), np.float32),
        np.zeros(0, np.float32),
        terminated=False,
        truncated=True,
    )
    with pytest.raises(RcdError, match="no episode has a step"):
        cut_transitions([empty], SPEC, 1)


@pytest.mark.parametrize("execute", [1, 3])
@pytest.mark.parametrize("velocity", [-0.2, 0.0, 0.2])
def test_a_planner_returns_what_it_would_on_the_robot(model: DynamicsModel, velocity: float, execute: int) -> None:
    """No episode of the data holds a velocity."""
    driven = model.roll_out(steady(velocity), START, count=8, steps=10, execute=execute)
    assert driven.lengths.tolist() == [10] * 8
    assert driven.returns == pytest.approx(10 * velocity, abs=0.5)


def test_what_the_data_do_not_know_ends_a_rollout(model: DynamicsModel) -> None:
    known = np.concatenate([episode.observations[:-1, 1] for episode in walks()])
    border = float(known.max() + MARGIN * np.ptp(known))
    driven = model.roll_out(steady(1.0), START, count=8, steps=100, execute=1)
    assert driven.lengths == pytest.approx(border / STEP, abs=4)


def test_a_fall_ends_a_rollout() -> None:
    """Pins: a return beyond the end of an episode that terminated."""
    driven = learned(walks(end=1.0), LONGER).roll_out(steady(0.5), START, count=8, steps=100, execute=1)
    assert driven.lengths == pytest.approx(5, abs=1)
    assert driven.returns == pytest.approx(2.5, abs=0.6)


def test_the_same_seed_gives_the_same_rollouts_in_any_order(model: DynamicsModel) -> None:
    first = model.roll_out(steady(0.5), START, 4, 20, 1)
    model.roll_out(steady(-0.5), START, 4, 20, 1)
    again = model.roll_out(steady(0.5), START, 4, 20, 1)
    assert np.array_equal(first.returns, again.returns)


def test_a_model_says_how_much_it_explains(model: DynamicsModel) -> None:
    others = cut_transitions([walk(30, 1000 + seed) for seed in range(10)], SPEC, 1)
    good, poor = model.explained(others), learned(walks(), FitSettings(steps=1)).explained(others)
    assert good.motion > 0.95
    assert good.reward > 0.95
    assert poor.motion < 0.5
    assert poor.reward < 0.5


def test_a_step_is_disturbed_by_as_much_as_the_data_are_there() -> None:
    """Wind, of standard deviation 0.3 m, blows to the right of 0 only; the reward is where a step begins."""
    rng, episodes = np.random.default_rng(0), []
    for episode in walks():
        position = [0.0]
        for velocity in episode.actions[:, 0]:
            position.append(position[-1] + STEP * float(velocity) + 0.3 * rng.standard_normal() * (position[-1] > 0.0))
        observations = np.stack([np.zeros(len(position)), position], axis=1).astype(np.float32)
        rewards = np.asarray(position[:-1], np.float32)
        episodes.append(Episode(observations, episode.actions, rewards, terminated=False, truncated=True))
    model = learned(episodes, LONGER)
    right, left = (
        model.roll_out(steady(0.0), np.full((1, 1, 1), position, np.float32), 400, 2, 1).returns.std()
        for position in (1.0, -1.0)
    )
    assert right == pytest.approx(0.3, rel=0.5)
    assert left < 0.1


def test_every_step_of_the_learning_is_told() -> None:
    told: list[int] = []
    DynamicsModel(cut_transitions(walks(), SPEC, 1), FitSettings(steps=7, widths=(8,)), told.append)
    assert sum(told) == 7


def test_a_value_that_saturates_is_clipped_and_others_end_beyond_their_range() -> None:
    free = np.linspace(-1.0, 1.0, 100)
    limited = np.clip(2.0 * free, -1.0, 1.0)
    still = np.full(100, 3.0)
    known = Known.of(np.stack([free, limited, still], axis=1).astype(np.float32))
    assert known.saturates.tolist() == [False, True, True]
    asked = np.array([[0.0, 0.0, 3.0], [0.5, 1.7, 3.1], [1.5, 0.0, 3.0], [-1.5, 0.0, 3.0], [1.3, 0.0, 3.0]], np.float32)
    clipped, inside = known.clip(asked)
    assert inside.tolist() == [True, True, False, False, True], "a fifth of the range beyond is known"
    assert clipped[4, 0] == np.float32(1.3)
    assert clipped[1].tolist() == [0.5, 1.0, 3.0]
