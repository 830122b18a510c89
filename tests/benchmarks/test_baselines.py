from pathlib import Path

import numpy as np
import pytest

from rcd_ros.benchmarks.baselines import (
    D3RLPY,
    METHODS,
    ActorPolicy,
    ActorSource,
    BaselineSettings,
    check_methods,
    evaluate_baseline,
    train_baseline,
    transitions,
)
from rcd_ros.benchmarks.results import Cell
from rcd_ros.data.episodes import Dataset, Episode
from rcd_ros.data.made.actor import Actor
from rcd_ros.errors import RcdError
from rcd_ros.tasks.catalogue import get_task
from tests.benchmarks.environments import python_of


def episode(length: int, reward: float, terminated: bool, largest: float = 1.0) -> Episode:
    rng = np.random.default_rng(length)
    return Episode(
        rng.normal(size=(length + 1, 11)).astype(np.float32),
        rng.uniform(-largest, largest, size=(length, 3)).astype(np.float32),
        np.full(length, reward, np.float32),
        terminated=terminated,
        truncated=not terminated,
    )


def test_methods_are_named() -> None:
    assert check_methods(()) == list(METHODS)
    with pytest.raises(RcdError, match=r"'td3\+bc'"):
        check_methods(("td3bc",))


def test_a_fall_is_a_terminal_and_a_time_limit_a_timeout() -> None:
    spec = get_task("hopper").spec
    arrays = transitions([episode(3, 1.0, True), episode(2, 2.0, False)], spec)
    np.testing.assert_array_equal(arrays["terminals"], [0, 0, 1, 0, 0])
    np.testing.assert_array_equal(arrays["timeouts"], [0, 0, 0, 0, 1])
    np.testing.assert_array_equal(arrays["rewards"], [1, 1, 1, 2, 2])
    assert arrays["observations"].shape == (5, spec.observation_size)
    np.testing.assert_array_equal(arrays["observations"][3], episode(2, 2.0, False).observations[0])


def test_data_that_no_baseline_can_learn_are_refused() -> None:
    with pytest.raises(RcdError, match="maze-umaze"):
        transitions([episode(3, 1.0, True)], get_task("maze-umaze").spec)
    with pytest.raises(RcdError, match=r"\[-1, 1\]"):
        transitions([episode(30, 1.0, True, largest=2.0)], get_task("hopper").spec)


def saved_actor(path: Path, observed: int = 11) -> Path:
    actor = {"weight0": np.ones((3, observed)), "bias0": np.zeros(3), "hidden": "relu", "output": "tanh"}
    Actor({name: np.asarray(value) for name, value in actor.items()}).save(path)
    return path


def test_an_actor_plans_physical_commands_within_their_limits(tmp_path: Path) -> None:
    spec = get_task("hopper").spec
    policy = ActorSource(saved_actor(tmp_path / "actor.npz"), spec).load()
    assert isinstance(policy, ActorPolicy)
    np.testing.assert_allclose(policy.plan(np.full((1, 11), 9.0)), [[200.0] * 3], rtol=1e-5)
    np.testing.assert_allclose(policy.plan(np.full((1, 11), 0.01)), [[200.0 * np.tanh(0.11)] * 3], rtol=1e-5)
    with pytest.raises(RcdError, match=r"12 .* 3 .*'hopper-v5' has 11 and 3"):
        ActorSource(saved_actor(tmp_path / "other.npz", observed=12), spec).load()


def test_an_actor_is_driven_as_planners_are(tmp_path: Path) -> None:
    task = get_task("hopper", episode_steps=30)
    (first, second) = evaluate_baseline(task, saved_actor(tmp_path / "actor.npz"), range(3, 5), 1)
    assert (first.episode.seed, second.episode.seed) == (3, 4)
    assert first.planned_at == tuple(range(len(first)))


@pytest.mark.parametrize("method", list(METHODS))
def test_d3rlpy_trains_what_our_harness_can_drive(method: str, tmp_path: Path) -> None:
    """The worker itself checks that the exported weights act as d3rlpy's own policy does."""
    python = python_of(D3RLPY)
    episodes = [episode(20, reward, reward > 2) for reward in (1, 2, 3, 4)]
    task = get_task("hopper", episode_steps=5)
    steps: list[int] = []
    settings = BaselineSettings(steps=100, episodes=1, eval_seed=0, python=python)
    dataset = Dataset("rcd/test-v0", {}, "", episodes)
    made = train_baseline(Cell("test", method, 0), dataset, task.spec, settings, tmp_path / "actor.npz", steps.append)
    assert made.algorithm == METHODS[method] and made.versions is not None and made.versions["d3rlpy"] == "2.8.1"
    assert made.episodes_learned == (1 if method == "bc-best10" else 4)
    assert steps == [100] and made.train_seconds is not None and made.train_seconds > 0.0
    assert len(evaluate_baseline(task, tmp_path / "actor.npz", range(1), 1)) == 1
