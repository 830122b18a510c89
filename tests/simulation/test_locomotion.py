"""The locomotion tasks against the environments that they show."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.tasks.catalogue import get_task, task_of
from rcd_ros.tasks.locomotion import environment_of


@pytest.mark.parametrize("name", ["hopper", "walker2d-v4", "halfcheetah-medium"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torques_drive_the_environment_as_its_own_actions_do(name: str) -> None:
    task = get_task(name)
    simulation = task.make_simulation()
    environment = gymnasium.make(environment_of(task.spec))
    np.testing.assert_array_equal(simulation.reset(3), environment.reset(seed=3)[0])
    random = np.random.default_rng(0)
    for _ in range(30):
        action = random.uniform(-1.0, 1.0, task.spec.command.size).astype(np.float32)
        ours = simulation.step(action * np.asarray(task.spec.command.scale))
        observation, reward, terminated, _, _ = environment.step(action)
        np.testing.assert_allclose(ours.observation, observation, atol=1e-5)
        assert ours.reward == pytest.approx(reward, abs=1e-5)
        assert ours.terminated == terminated
        if terminated:
            break


def test_a_state_is_put_back_and_rates_beyond_the_clip_are_observed_clipped() -> None:
    simulation = get_task("hopper").make_simulation()
    state = simulation.reset(1)
    state[5:] = 20.0
    seen = simulation.set_state(state)
    np.testing.assert_allclose(seen[:5], state[:5])
    np.testing.assert_array_equal(seen[5:], 10.0)
    with pytest.raises(RcdError):
        simulation.step([np.nan, 0.0, 0.0])


def test_versions_are_named_and_found_again() -> None:
    assert get_task("hopper-medium-replay").spec.name == "hopper-v5"
    old = get_task("hopper", version=4).spec
    assert old.name == "hopper-v4"
    assert task_of(old).spec == old
    assert old.score.score(3234.3) == pytest.approx(100.0)
    with pytest.raises(RcdError, match=r"\b3\b"):
        get_task("hopper", version=3)


def test_only_continuing_tasks_say_so_in_a_manifest() -> None:
    spec = get_task("hopper").spec
    assert TaskSpec.model_validate(spec.model_dump()).continuing
    assert "continuing" not in get_task("kitchen").spec.model_dump()
