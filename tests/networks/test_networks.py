"""Shapes, conditioning and refusal of the networks."""

from __future__ import annotations

import pytest
import torch

from rcd_ros.networks.build import build_network, start_from
from rcd_ros.networks.critic import CriticEnsemble

KINDS = [{"kind": "residual_mlp", "width": 32}, {"kind": "temporal_unet", "widths": (16, 32, 64)}]


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k["kind"])
@pytest.mark.parametrize("horizon", [4, 16, 128])
def test_output_has_the_chunks_shape(kind: dict[str, object], horizon: int) -> None:
    network = build_network(kind, horizon=horizon, actions=3, condition=5, jumps=True)
    x = torch.randn(2, horizon, 3)
    assert network(x, torch.zeros(2), torch.randn(2, 5), torch.zeros(2)).shape == x.shape


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k["kind"])
def test_output_depends_on_every_input(kind: dict[str, object]) -> None:
    torch.manual_seed(0)
    network = build_network(kind, horizon=8, actions=3, condition=5, jumps=True)
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    x, noise, condition, target = torch.randn(2, 8, 3), torch.zeros(2), torch.randn(2, 5), torch.zeros(2)
    base = network(x, noise, condition, target)
    assert not torch.allclose(base, network(x + 1.0, noise, condition, target), atol=1e-4)
    assert not torch.allclose(base, network(x, noise + 1.0, condition, target), atol=1e-4)
    assert not torch.allclose(base, network(x, noise, condition + 1.0, target), atol=1e-4)
    assert not torch.allclose(base, network(x, noise, condition, target + 1.0), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k["kind"])
def test_a_student_takes_over_its_teachers_weights(kind: dict[str, object]) -> None:
    shape = {"horizon": 8, "actions": 3, "condition": 5}
    teacher = build_network(kind, jumps=False, **shape)
    student = build_network(kind, jumps=True, **shape)
    start_from(student, teacher)
    x, noise, condition = torch.randn(2, 8, 3), torch.zeros(2), torch.randn(2, 5)
    assert torch.allclose(student(x, noise, condition, torch.ones(2)), teacher(x, noise, condition), atol=1e-6)


def test_a_teacher_of_another_shape_is_refused() -> None:
    teacher = build_network({"kind": "residual_mlp", "blocks": 2}, horizon=8, actions=3, condition=5, jumps=False)
    student = build_network({"kind": "residual_mlp", "blocks": 3}, horizon=8, actions=3, condition=5, jumps=True)
    with pytest.raises(ValueError, match=r"blocks\.2"):
        start_from(student, teacher)


def test_unknown_kind_and_indivisible_horizon_are_refused() -> None:
    with pytest.raises(ValueError, match="residual_mlp"):
        build_network({"kind": "resnet"}, horizon=8, actions=3, condition=5, jumps=False)
    with pytest.raises(ValueError, match=r"4.*10"):
        build_network({"kind": "temporal_unet"}, horizon=10, actions=3, condition=5, jumps=False)


def test_critic_sees_its_share_of_the_chunk_only() -> None:
    critic = CriticEnsemble(condition=5, actions=3, members=2, steps=2).eval()
    chunk = torch.randn(4, 8, 3)
    later, first = chunk.clone(), chunk.clone()
    later[:, 2:] += 1.0
    first[:, :2] += 1.0
    condition = torch.randn(4, 5)
    assert torch.equal(critic(condition, chunk), critic(condition, later))
    assert not torch.allclose(critic(condition, chunk), critic(condition, first))


def test_lower_bound_is_below_the_mean_by_the_members_disagreement() -> None:
    critic = CriticEnsemble(condition=5, actions=3, members=3).eval()
    condition, chunk = torch.randn(4, 5), torch.randn(4, 8, 3)
    opinions = critic(condition, chunk)
    expected = opinions.mean(dim=0) - 2.0 * opinions.std(dim=0)
    assert torch.allclose(critic.lower_bound(condition, chunk, 2.0), expected)
    critic.calibrate(mean=1.5, std=0.5)
    assert torch.allclose(critic.expected_return(condition, chunk), 1.5 + 0.5 * opinions.mean(dim=0))
