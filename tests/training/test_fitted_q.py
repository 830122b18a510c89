"""Values of planners from data alone, where they are known: a walk along a line."""

from __future__ import annotations

import numpy as np
import pytest

from rcd_ros.data.episodes import Episode
from rcd_ros.errors import RcdError
from rcd_ros.training.fitted_q import FitSettings, Judge, Transitions, cut_transitions
from tests.evaluation.corridor import corridor_spec

DISCOUNT = 0.8
SPEC = corridor_spec().model_copy(update={"continuing": True})
QUICK = FitSettings(behaviour_steps=300, steps=300, batch=64, sync=0.1, widths=(32,))


def walk(length: int, seed: int, terminated: bool = False) -> Episode:
    """Random velocities; the reward of a step is its velocity."""
    rng = np.random.default_rng(seed)
    actions = rng.uniform(-1.0, 1.0, (length, 1)).astype(np.float32)
    position = np.concatenate([[0.0], np.cumsum(0.5 * actions[:, 0])])
    observations = np.stack([np.zeros(length + 1), position], axis=1).astype(np.float32)
    return Episode(observations, actions, actions[:, 0], terminated=terminated, truncated=not terminated)


def walks(count: int = 40) -> list[Episode]:
    return [walk(30, seed) for seed in range(count)]


def test_a_transition_holds_what_came_of_its_actions() -> None:
    episode = walk(5, 0, terminated=True)
    cut = cut_transitions([episode], SPEC, 2, 2, DISCOUNT)
    assert len(cut) == 4
    assert np.array_equal(cut.histories[0, :, 0], episode.observations[[0, 0], 1])
    assert np.array_equal(cut.following[0, :, 0], episode.observations[[1, 2], 1])
    assert np.array_equal(cut.actions[1], episode.actions[1:3])
    assert cut.rewards[1] == pytest.approx(episode.rewards[1] + DISCOUNT * episode.rewards[2])
    assert cut.goes_on.tolist() == [True, True, True, False]
    assert cut.first.tolist() == [True, False, False, False]


def test_a_time_limit_ends_no_return() -> None:
    cut = cut_transitions([walk(20, 0)], SPEC, 1, 1, DISCOUNT)
    assert cut.goes_on.all()
    assert cut.known.tolist() == [left >= 14 for left in range(20, 0, -1)]  # 0.8 ** 14 < 0.05


def test_episodes_shorter_than_what_is_executed_are_refused() -> None:
    with pytest.raises(RcdError, match=r"\b4\b"):
        cut_transitions([walk(3, 0)], SPEC, 1, 4, DISCOUNT)


def constant(cut: Transitions, velocity: float) -> np.ndarray:
    return np.full_like(cut.actions, velocity)


@pytest.mark.parametrize("periods", [1, 2])
def test_planners_are_worth_what_they_would_return(periods: int) -> None:
    """Steady velocity v returns v / (1 - 0.8), though no episode of the data holds one."""
    cut = cut_transitions(walks(), SPEC, 1, periods, DISCOUNT)
    judge = Judge(cut, DISCOUNT, QUICK)
    values = [judge.value(constant(cut, v), constant(cut, v)).mean for v in (-0.5, 0.0, 0.5)]
    assert values == pytest.approx([-2.5, 0.0, 2.5], abs=0.6)
    assert judge.behaviour.mean == pytest.approx(0.0, abs=0.6)


def test_the_same_seed_gives_the_same_value_in_any_order() -> None:
    cut = cut_transitions(walks(5), SPEC, 1, 1, DISCOUNT)
    judge = Judge(cut, DISCOUNT, FitSettings(behaviour_steps=5, steps=5))
    first = judge.value(constant(cut, 0.5), constant(cut, 0.5))
    judge.value(constant(cut, -0.5), constant(cut, -0.5))
    assert judge.value(constant(cut, 0.5), constant(cut, 0.5)) == first


def test_a_fall_ends_what_follows() -> None:
    """Pins: a value beyond the end of an episode that ended by itself."""
    cut = cut_transitions([walk(1, seed, terminated=True) for seed in range(200)], SPEC, 1, 1, DISCOUNT)
    value = Judge(cut, DISCOUNT, QUICK).value(constant(cut, 0.5), constant(cut, 0.5))
    assert value.mean == pytest.approx(0.5, abs=0.2)


def test_data_without_a_complete_return_are_refused() -> None:
    with pytest.raises(RcdError, match="complete"):
        Judge(cut_transitions([walk(5, 0)], SPEC, 1, 1, DISCOUNT), DISCOUNT, QUICK)
