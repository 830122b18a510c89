"""SAC by sbx on a tiny budget: to the medium level, killed in between, and on to the expert's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sbx", reason="needs SAC: pip install 'rcd_ros[datagen]'")

from rcd_ros.data.made import sac
from rcd_ros.data.made.d4rl_recipe import ROBOTS, cut_buffer
from rcd_ros.data.made.sac_agent import actor_of, make_agent
from rcd_ros.errors import RcdError

UNREACHED, REACHED = 1e6, 30.0
"""Returns that count as the expert's."""


class Killed(BaseException):
    """What nothing catches, so that only what was on the disk before is left."""


def train(
    folder: Path, kill_at: int = 0, limit: int = 300, high: float = REACHED, seed: int = 3, level: str = "medium"
) -> sac.Milestone:
    robot = replace(ROBOTS["hopper"], high=high)
    settings = sac.SacSettings(robot, "v5", seed, evaluate_every=100, evaluation_episodes=1, random_steps=50)

    def report(steps: int, score: float | None) -> None:
        if steps == kill_at:
            raise Killed

    return sac.train_to(folder, settings, level, limit, report)


def test_a_killed_training_goes_on_to_the_digit(tmp_path: Path) -> None:
    """Fails if any network, optimiser, random state or the simulator's state were lost."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with pytest.raises(RcdError, match=r"\b33\.3\b.*\b300\b"):
        train(whole, high=UNREACHED)
    with pytest.raises(Killed):
        train(killed, kill_at=190, high=UNREACHED)
    assert len(list(killed.glob("state-*"))) == 1
    with pytest.raises(RcdError, match=r"\b33\.3\b"):
        train(killed, high=UNREACHED)
    for name in ("medium.npz", "medium-replay.npz", "scores.jsonl"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()


def test_the_buffer_up_to_medium_level_is_whole_episodes_and_the_expert_is_trained_on_from_there(
    tmp_path: Path,
) -> None:
    done = train(tmp_path)
    assert done.reached and done.score >= sac.MEDIUM
    assert sum(map(len, cut_buffer(sac.read_buffer(tmp_path)))) == done.steps
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = train(tmp_path)
    assert (again.steps, again.actor.sha256()) == (done.steps, done.actor.sha256())
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    expert = train(tmp_path, level="expert", limit=done.steps + 100, high=UNREACHED)
    assert not expert.reached and expert.steps >= done.steps + 100
    assert expert.actor.sha256() != done.actor.sha256()
    assert (tmp_path / "medium-replay.npz").stat().st_mtime_ns == before[tmp_path / "medium-replay.npz"]
    with pytest.raises(RcdError, match=r"\b3\b.*\b4\b"):
        train(tmp_path, seed=4)


def test_the_exported_policy_acts_as_the_agent() -> None:
    import gymnasium

    agent = make_agent(gymnasium.make("Hopper-v5"), buffer_size=100, random_steps=10, seed=0)
    actor = actor_of(agent)
    assert actor.stochastic and (actor.n_obs, actor.n_act) == (11, 3)
    for observation in np.random.default_rng(0).normal(size=(5, 11)):
        expected, _ = agent.predict(observation.astype(np.float32), deterministic=True)
        np.testing.assert_allclose(actor.act(observation), expected, atol=1e-5)
