"""Plans improved by the critic's gradient before they are sent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.policy import CheckpointPolicy
from rcd_ros.planning.planner import Planner
from rcd_ros.training.policies import ImprovedPolicy
from tests.planning.tiny import tiny_manifest, write_tiny

HISTORY = np.random.default_rng(1).normal(size=(2, 5))


class Parabola(nn.Module):
    """Best where the first command, normalised, is `best`; blind to all others."""

    def __init__(self, best: float) -> None:
        super().__init__()
        self.best = best
        self.opinions: list[float] = []

    def forward(self, condition: Tensor, chunk: Tensor) -> Tensor:
        opinion = -0.5 * (chunk[:, 0] - self.best).square().sum(dim=1)
        self.opinions.append(float(opinion.detach()))
        return opinion[None]


def plans(folder: Path, best: float, steps: int, size: float) -> tuple[np.ndarray, np.ndarray, Parabola]:
    """The planner's chunk and the improved one, from the same seed."""
    manifest = write_tiny(folder)
    critic = Parabola(best)
    planner = Planner.load(folder)
    plain = planner.plan(HISTORY)
    improved = ImprovedPolicy(planner, manifest, critic, steps, size)  # type: ignore[arg-type]
    improved.reset(planner.seed)
    return plain, improved.plan(HISTORY), critic


def test_a_step_moves_the_commands_that_the_critic_sees_and_no_others(tmp_path: Path) -> None:
    plain, improved, _ = plans(tmp_path / "tiny", best=1.0, steps=1, size=0.5)
    assert improved[0] == pytest.approx(
        0.5 * (plain[0] + 0.5), abs=1e-6
    )  # half of the way to 1 std, which is 0.5 rad/s
    assert np.array_equal(improved[1:], plain[1:])


def test_every_step_raises_what_the_critic_expects(tmp_path: Path) -> None:
    _, _, critic = plans(tmp_path / "tiny", best=1.0, steps=4, size=0.3)
    assert len(critic.opinions) == 4
    assert critic.opinions == sorted(critic.opinions)


def test_no_step_leaves_the_commands_limits(tmp_path: Path) -> None:
    _, improved, _ = plans(tmp_path / "tiny", best=100.0, steps=3, size=1.0)
    assert improved[0] == pytest.approx([2.0, 2.0])


def test_the_critic_s_weights_stay_as_they_are(tmp_path: Path) -> None:
    manifest = write_tiny(tmp_path / "tiny")
    critic = Parabola(1.0)
    critic.weight = nn.Parameter(torch.ones(1))
    ImprovedPolicy(Planner.load(tmp_path / "tiny"), manifest, critic, 1, 0.5).plan(HISTORY)  # type: ignore[arg-type]
    assert critic.weight.grad is None
    assert not critic.weight.requires_grad


def test_a_checkpoint_without_a_critic_is_refused(tmp_path: Path) -> None:
    write_tiny(tmp_path / "tiny", tiny_manifest())
    with pytest.raises(RcdError, match="critic"):
        CheckpointPolicy(tmp_path / "tiny", gradient_steps=1).load()
