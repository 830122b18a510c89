"""What a reward of 1 weighs: in standard deviations, as the paper scales it, or by how far it moves an action."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from rcd_ros.data.windows.batches import Batch
from rcd_ros.generative.consistency import pseudo_huber
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.training.method import critic_slope, executed_weight, reward_unit, step_weights
from rcd_ros.training.preflight import hazards
from tests.training.test_hazards import recipe

HORIZON, ACTIONS = 16, 2


def linear_critic(*slopes: float, steps: int = 1) -> CriticEnsemble:
    """R = slopes . a, summed over the actions that it sees."""
    critic = CriticEnsemble(3, ACTIONS, members=2, steps=steps, widths=(4,))
    for member in critic.members:
        layer = nn.Linear(3 + steps * ACTIONS, 1)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([[0.0] * 3 + list(slopes) * steps]))
        member.layers = layer
    return critic


@pytest.fixture
def batch() -> Batch:
    return Batch(torch.randn(8, 3), torch.randn(8, HORIZON, ACTIONS), torch.randn(8))


@pytest.mark.parametrize("steps", [1, 4])
def test_a_critics_slope_is_that_of_the_actions_it_sees(batch: Batch, steps: int) -> None:
    assert critic_slope(linear_critic(2.0, -0.5, steps=steps), batch) == pytest.approx(2.5)


def test_a_critic_that_ignores_actions_has_no_slope_and_a_finite_unit(batch: Batch) -> None:
    assert critic_slope(linear_critic(0.0, 0.0), batch) == 0.0
    assert math.isfinite(reward_unit(recipe(reward_scale="shift"), (-1.0, 1.0), 0.0))


@pytest.mark.parametrize("share", [None, 0.5])
def test_a_shift_balances_dsm_where_it_says(batch: Batch, share: float | None) -> None:
    shift, slopes = 0.1, (0.02, 0.06)
    made = recipe(reward=shift, reward_scale="shift", executed_share=share, dsm=2.0)
    made = made.model_copy(update={"execute": 1, "horizon": HORIZON})
    unit = reward_unit(made, (-1.0, 1.0), critic_slope(linear_critic(*slopes), batch))
    moved = torch.full((ACTIONS,), shift, requires_grad=True)
    difference = torch.cat([moved[None], torch.zeros(HORIZON - 1, ACTIONS)])[None]
    (held,) = torch.autograd.grad(2.0 * pseudo_huber(difference, made.student.huber, step_weights(made)).sum(), moved)
    pulled = made.student.reward * unit * torch.tensor(slopes)
    assert float(pulled.sum()) == pytest.approx(float(held.sum()), rel=0.02)


def test_the_papers_scale_is_the_range_of_the_returns() -> None:
    assert reward_unit(recipe(reward_scale="paper"), (-1.0, 3.0)) == pytest.approx(2.0 / 4.0 / 2.0)


def test_standard_deviations_need_neither_range_nor_slope() -> None:
    assert reward_unit(recipe(), (-1.0, 3.0)) == 1.0


def test_before_the_critic_is_trained_the_unit_is_unknown_and_nothing_is_said_of_it() -> None:
    made = recipe(reward=5.0, reward_scale="shift")
    unit = reward_unit(made, (-1.0, 1.0))
    assert math.isnan(unit)
    assert hazards(made, unit, executed_weight(made)) == []
