from dataclasses import replace

import numpy as np
import pytest

from rcd_ros.data.imports.completions import recompute
from rcd_ros.errors import RcdError
from rcd_ros.tasks.catalogue import get_task
from tests.data.demonstrations import SHORT_KITCHEN, STEPS, scripted_demonstration, synthetic_episodes

MICROWAVE_COLUMN = 31


def test_the_last_observation_is_simulated_and_nothing_else_is_changed() -> None:
    demonstration = scripted_demonstration()
    forgotten = replace(demonstration, observations=demonstration.observations.copy())
    forgotten.observations[-1] = forgotten.observations[-2]
    (result,) = recompute(SHORT_KITCHEN, [forgotten], seed=5)
    np.testing.assert_array_equal(result.episode.observations[:-1], demonstration.observations[:-1])
    np.testing.assert_allclose(result.episode.observations[-1, :9], demonstration.observations[-1, :9], atol=0.02)
    assert (result.episode.observations[-1] != result.episode.observations[-2]).all()
    assert result.recorded == result.reproduced == ()
    assert (result.episode.terminated, result.episode.truncated) == (False, True)


def test_rewards_come_from_the_recorded_states_and_completions_from_the_replay() -> None:
    """The recording claims an open microwave that its own actions do not open."""
    task = get_task("kitchen", goals=("microwave",), episode_steps=STEPS)
    demonstration = scripted_demonstration()
    demonstration.observations[5:8, MICROWAVE_COLUMN] = -0.75
    (result,) = recompute(task, [demonstration])
    assert result.recorded == ("microwave",)
    assert result.reproduced == ()
    # The action that led to the fifth state is rewarded; a goal counts once, also when the door falls shut.
    assert result.episode.rewards.tolist() == [float(step == 4) for step in range(STEPS)]
    assert result.episode.terminated


def test_wrong_widths_are_refused() -> None:
    with pytest.raises(RcdError, match=r"episode 0\b.*\b4\b.*\b2\b.*\b59\b.*\b9\b"):
        list(recompute(SHORT_KITCHEN, synthetic_episodes()))
