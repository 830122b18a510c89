import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.made.actor import Actor, load_actor
from rcd_ros.errors import RcdError

Arrays = dict[str, np.ndarray]


def two_layers(**changed: np.ndarray | None) -> Arrays:
    """Three observed values, four hidden, two commanded."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray | None] = {
        "weight0": rng.normal(size=(4, 3)),
        "bias0": rng.normal(size=4),
        "weight1": rng.normal(size=(2, 4)),
        "bias1": rng.normal(size=2),
        "hidden": np.array("relu"),
        "output": np.array("tanh"),
        **changed,
    }
    return {name: array for name, array in arrays.items() if array is not None}


def test_the_mode_is_the_network_of_the_normalised_observation() -> None:
    mean, std = np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.0])
    arrays = two_layers(obs_mean=mean, obs_std=std, obs_clip=np.array(1.5))
    observed = np.array([9.0, 1.0, 2.0])
    x = np.clip((observed - mean) / std, -1.5, 1.5)
    x = np.maximum(arrays["weight0"] @ x + arrays["bias0"], 0.0)
    expected = np.tanh(arrays["weight1"] @ x + arrays["bias1"])
    np.testing.assert_allclose(Actor(arrays).act(observed), expected, rtol=1e-5)


def test_samples_spread_as_the_file_says_and_follow_from_the_generator() -> None:
    actor = Actor(
        two_layers(output=np.array("clip"), weight1=np.zeros((2, 4)), bias1=np.zeros(2), log_std=np.full(2, -2.0))
    )
    draws = np.array([actor.act(np.ones(3), np.random.default_rng(seed)) for seed in range(2000)])
    np.testing.assert_allclose(draws.std(axis=0), np.exp(-2.0), rtol=0.1)
    np.testing.assert_array_equal(draws[7], actor.act(np.ones(3), np.random.default_rng(7)))


def test_a_spread_may_depend_on_the_observation() -> None:
    arrays = two_layers(log_std_weight=np.ones((2, 4)), log_std_bias=np.full(2, -30.0))
    actor = Actor(arrays)
    assert actor.stochastic
    np.testing.assert_allclose(actor.act(np.zeros(3), np.random.default_rng(0)), actor.act(np.zeros(3)), atol=1e-6)


def test_a_time_feature_falls_with_the_steps() -> None:
    arrays = two_layers(weight0=np.eye(4)[:, :4], weight1=np.array([[0, 0, 0, 1.0]] * 2), bias0=np.zeros(4))
    actor = Actor({**arrays, "bias1": np.zeros(2), "time_feature": np.array(1)})
    assert actor.n_obs == 3
    np.testing.assert_allclose(actor.act(np.zeros(3), step=250), np.tanh(0.75), rtol=1e-6)


def test_a_saved_actor_is_the_same(tmp_path: Path) -> None:
    actor = Actor(two_layers())
    actor.save(tmp_path / "actor.npz")
    read = load_actor(tmp_path / "actor.npz")
    assert read.sha256() == actor.sha256()
    assert [path.name for path in tmp_path.iterdir()] == ["actor.npz"]


def test_the_zip_of_a_stable_baselines_agent_is_read_without_unpickling(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    arrays = two_layers()
    state = {
        "actor.latent_pi.0.weight": torch.from_numpy(arrays["weight0"]),
        "actor.latent_pi.0.bias": torch.from_numpy(arrays["bias0"]),
        "actor.mu.weight": torch.from_numpy(arrays["weight1"]),
        "actor.mu.bias": torch.from_numpy(arrays["bias1"]),
        "actor.log_std.weight": torch.zeros(2, 4),
        "actor.log_std.bias": torch.zeros(2),
    }
    file = io.BytesIO()
    torch.save(state, file)
    with zipfile.ZipFile(tmp_path / "sac.zip", "w") as archive:
        archive.writestr("policy.pth", file.getvalue())
    read = load_actor(tmp_path / "sac.zip")
    assert read.stochastic
    np.testing.assert_allclose(read.act(np.ones(3)), Actor(arrays).act(np.ones(3)), rtol=1e-5)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("data", "{}")
    with pytest.raises(RcdError, match=r"other\.zip"):
        load_actor(tmp_path / "other.zip")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"weight0": None}, r"\bweight0\b"),
        ({"bias1": None}, "bias1"),
        ({"weight1": np.zeros((2, 5))}, r"\bweight1\b.*\b5\b.*\b4\b"),
        ({"weight0": np.full((4, 3), np.nan)}, r"\bweight0\b.*NaN"),
        ({"hidden": np.array("selu")}, r"\bhidden\b.*relu.*tanh.*selu"),
        ({"output": None}, r"\boutput\b.*tanh.*clip"),
        ({"log_std": np.zeros(3)}, r"\blog_std\b.*\(2,\).*\(3,\)"),
        ({"obs_mean": np.zeros(3)}, r"\bobs_std\b.*\(3,\)"),
    ],
)
def test_arrays_that_are_no_policy_are_refused(changed: dict[str, np.ndarray | None], said: str) -> None:
    with pytest.raises(RcdError, match=said):
        Actor(two_layers(**changed))


def test_files_that_are_no_policy_are_refused(tmp_path: Path) -> None:
    for name in ("a.pt", "a.npz", "a.zip"):
        (tmp_path / name).write_bytes(b"not what it seems")
        with pytest.raises(RcdError, match=re.escape(name)):
            load_actor(tmp_path / name)
    with pytest.raises(RcdError, match=r"none\.npz"):
        load_actor(tmp_path / "none.npz")
