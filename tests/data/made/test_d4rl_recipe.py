from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.episodes import hash_episodes
from rcd_ros.data.made import d4rl_recipe
from rcd_ros.data.made.actor import Actor
from rcd_ros.data.made.d4rl_recipe import NAMES, check_actor, cut_buffer, describe, is_recipe, recipe_of, roll_out
from rcd_ros.data.storage.datasets import load_dataset
from rcd_ros.errors import RcdError


def hopper_actor(std: float = 0.3, act: int = 3) -> Actor:
    """Noise about zero torque: it falls within a second."""
    return Actor(
        {
            "weight0": np.zeros((act, 11)),
            "bias0": np.zeros(act),
            "hidden": np.array("relu"),
            "output": np.array("tanh"),
            "log_std": np.full(act, np.log(std)),
        }
    )


def test_nine_data_sets_have_a_recipe_with_a_published_size() -> None:
    assert len(NAMES) == 9
    for name in NAMES:
        recipe = recipe_of(name, "v4")
        assert recipe.name == name and recipe.environment.endswith("-v4")
        assert recipe.published.steps >= 200_000
    # what the literature gives as the mean score of D4RL's own files
    for name, score in (("hopper-medium", 44.3), ("walker2d-medium", 62.1), ("halfcheetah-medium-replay", 27.2)):
        recipe = recipe_of(name)
        assert recipe.robot.score(recipe.published.mean_return) == pytest.approx(score, abs=0.1)


def test_other_names_are_refused() -> None:
    assert is_recipe("hopper-medium-repaly") and is_recipe("hopper") and not is_recipe("maze-large")
    with pytest.raises(RcdError, match="hopper-medium-replay"):
        recipe_of("hopper-medium-repaly")
    with pytest.raises(RcdError, match="v3"):
        recipe_of("hopper-medium", "v3")


def test_a_buffer_is_cut_where_episodes_ended_and_a_timeout_is_no_terminal() -> None:
    """Fails if the first observation of the next episode ended the one before, or a timeout counted as a fall."""
    rows = np.arange(7.0)
    buffer = {
        "observations": rows[:, None],
        "next_observations": rows[:, None] + 0.5,
        "actions": rows[:, None] / 10,
        "rewards": rows,
        "dones": np.array([0, 0, 1, 0, 1, 0, 0.0]),
        "timeouts": np.array([0, 0, 0, 0, 1, 0, 0.0]),
    }
    episodes = cut_buffer(buffer)
    assert [(len(e), e.terminated, e.truncated) for e in episodes] == [(3, True, False), (2, False, True)]
    np.testing.assert_array_equal(episodes[0].observations[:, 0], [0.0, 1.0, 2.0, 2.5])
    np.testing.assert_array_equal(episodes[1].observations[:, 0], [3.0, 4.0, 4.5])
    assert [e.total_reward for e in episodes] == [3.0, 7.0]


def test_episodes_are_whole_and_the_same_in_any_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    driven = [e for run in roll_out(hopper_actor(), "Hopper-v5", 300, 1, 1, "medium") for e in run]
    assert sum(map(len, driven)) >= 300
    assert all(e.terminated and not e.truncated and len(e.observations) == len(e) + 1 for e in driven)
    assert all(np.abs(e.actions).max() <= 1.0 for e in driven)
    monkeypatch.setattr(d4rl_recipe, "RUN_STEPS", 200)
    two = [e for run in roll_out(hopper_actor(), "Hopper-v5", 300, 1, 2, "medium") for e in run]
    one = [e for run in roll_out(hopper_actor(), "Hopper-v5", 300, 1, 1, "medium") for e in run]
    assert hash_episodes(two) == hash_episodes(one)
    assert hash_episodes(two) != hash_episodes(driven)


def test_the_card_has_our_figures_beside_those_of_d4rl() -> None:
    recipe = recipe_of("hopper-medium")
    driven = [e for run in roll_out(hopper_actor(), "Hopper-v5", 300, 1, 1, "medium") for e in run]
    figures = describe(recipe, driven)
    returns = [e.total_reward for e in driven]
    assert figures["steps"] == sum(map(len, driven)) and figures["episodes"] == len(driven)
    assert figures["return_mean"] == pytest.approx(np.mean(returns), abs=0.06)
    assert figures["return_quantiles"]["0.5"] == pytest.approx(np.median(returns), abs=0.06)
    assert recipe.robot.score(max(returns)) >= figures["best10_score_mean"] - 0.06 >= figures["score_mean"] - 0.12
    assert (figures["d4rl_episodes"], figures["d4rl_score_mean"]) == (2186, 44.3)


def test_policies_that_do_not_fit_are_refused() -> None:
    check_actor(hopper_actor(), "Hopper-v5", "a.npz")
    with pytest.raises(RcdError, match=r"\b11\b.*\b2\b.*Hopper-v5.*\b11\b.*\b3\b"):
        check_actor(hopper_actor(act=2), "Hopper-v5", "a.npz")
    arrays = {name: array for name, array in hopper_actor().arrays.items() if name != "log_std"}
    with pytest.raises(RcdError, match=r"a\.npz"):
        check_actor(Actor(arrays), "Hopper-v5", "a.npz")


def test_d4rl_files_are_imported_with_their_timeouts(tmp_path: Path, datasets_root: Path) -> None:
    """The layout of the -v2 files: groups beside the arrays, an episode of 1000 steps that did not fall."""
    h5py = pytest.importorskip("h5py")
    from typer.testing import CliRunner

    from rcd_ros.cli.data import app

    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "hopper_medium-v2.hdf5", "w") as file:
        observations = rng.normal(size=(1100, 11)).astype(np.float32)
        file["observations"] = observations
        file["next_observations"] = np.roll(observations, -1, axis=0)
        file["actions"] = rng.uniform(-1, 1, size=(1100, 3)).astype(np.float32)
        file["rewards"] = np.ones(1100, np.float32)
        file["terminals"] = np.arange(1100) == 1099
        file["timeouts"] = np.arange(1100) == 999
        file["infos/action_log_probs"] = np.zeros(1100)
        file["metadata/algorithm"] = "SAC"
    file = str(tmp_path / "hopper_medium-v2.hdf5")
    done = CliRunner().invoke(app, ["import", file, "--name", "rcd/test/hopper-v0", "--task", "hopper"])
    assert done.exit_code == 0, done.output
    first, second = load_dataset("rcd/test/hopper-v0").episodes
    assert (len(first), first.terminated, first.truncated) == (1000, False, True)
    assert (len(second), second.terminated, second.truncated) == (100, True, False)
    assert (first.total_reward, second.total_reward) == (1000.0, 100.0)
