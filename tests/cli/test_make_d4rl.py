"""`rcd data make` of D4RL's Gym-MuJoCo data sets, with policies that are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.made.actor import Actor
from rcd_ros.data.storage.datasets import load_dataset

Rcd = Callable[..., int]


def hopper_policy(path: Path, bias: float) -> Path:
    """Torques about a constant: it falls soon, or sooner."""
    arrays = {"weight0": np.zeros((3, 11)), "bias0": np.full(3, bias), "log_std": np.full(3, -1.0)}
    Actor({**arrays, "hidden": np.array("relu"), "output": np.array("tanh")}).save(path)
    return path


def test_medium_expert_is_half_of_each_and_says_so(
    tmp_path: Path, datasets_root: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]
) -> None:
    medium, expert = hopper_policy(tmp_path / "m.npz", 0.9), hopper_policy(tmp_path / "e.npz", 0.0)
    options = ("--medium", medium, "--expert", expert, "--steps", 400, "--workers", 1, "--seed", 2)
    assert rcd("data", "make", "hopper-medium-expert", *options) == 0
    printed = capsys.readouterr().out
    assert "D4RL's -v2" in printed and "2,000,000" in printed
    dataset = load_dataset("rcd/hopper/medium-expert-v0")
    assert dataset.metadata["task"] == "hopper-v5"
    steps = {"medium": 0, "expert": 0}
    for episode in dataset.episodes:
        steps[str(episode.info["policy"])] += len(episode)
    assert all(200 <= count < 300 for count in steps.values())
    origin = dataset.metadata["origin"]
    assert origin["environment"] == "Hopper-v5" and origin["seed"] == 2
    assert origin["expert"]["file"] == "e.npz" and len(origin["expert"]["sha256"]) == 64
    assert origin["return_mean"] == pytest.approx(dataset.returns.mean(), abs=0.06)
    assert origin["d4rl_return_mean"] == 2089.9

    assert rcd("data", "make", "hopper-medium-expert", *options, "--name", "rcd/again-v0") == 0
    assert load_dataset("rcd/again-v0").content_hash == dataset.content_hash


def test_medium_replay_is_the_buffer_of_a_training_that_is_there(
    tmp_path: Path, datasets_root: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]
) -> None:
    """The training itself is tested in tests/data/test_sac.py; here it has been done before."""
    pytest.importorskip("sbx", reason="needs SAC: pip install 'rcd_ros[datagen]'")
    workspace = tmp_path / "sac"
    workspace.mkdir()
    hopper_policy(workspace / "medium.npz", 0.0)
    (workspace / "medium.json").write_text('{"steps": 5, "score": 34.0, "reached": true}')
    rows = np.arange(5.0)
    np.savez(
        workspace / "medium-replay.npz",
        observations=np.zeros((5, 11)),
        next_observations=np.ones((5, 11)),
        actions=np.zeros((5, 3)),
        rewards=rows,
        dones=rows == 3,
        timeouts=np.zeros(5),
    )
    assert rcd("data", "make", "hopper-medium-replay", "--workspace", workspace, "--version", "v4") == 0
    dataset = load_dataset("rcd/hopper/medium-replay-v0")
    assert [len(episode) for episode in dataset.episodes] == [4]
    assert dataset.episodes[0].terminated
    assert dataset.metadata["task"] == "hopper-v4"
    assert dataset.metadata["origin"]["medium"]["score"] == 34.0
    assert rcd("data", "make", "hopper-medium", "--workspace", workspace, "--steps", 50, "--workers", 1) == 2
    assert "was begun with environment Hopper-v4, not Hopper-v5" in capsys.readouterr().err
