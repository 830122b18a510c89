"""The consistency trajectory function: boundary values, and where gradients go and where not."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor

from rcd_ros.generative.consistency import (
    ConsistencyFunction,
    ctm_loss,
    ctm_target,
    dsm_loss,
    pseudo_huber,
    trust_region_loss,
)
from rcd_ros.generative.edm import denoise
from rcd_ros.networks.build import build_network, start_from

SIGMA_DATA, SIGMA_MIN, SIGMA_MAX = 1.0, 0.02, 80.0
BATCH, HORIZON, ACTIONS, CONDITION = 6, 4, 2, 3
SHAPE = {"horizon": HORIZON, "actions": ACTIONS, "condition": CONDITION}
SMALL = {"kind": "residual_mlp", "width": 32, "blocks": 2}


def network(jumps: bool, seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    built = build_network(SMALL, jumps=jumps, **SHAPE)
    for parameter in built.parameters():  # blocks and landing embedding start at zero; give them something to say
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    return built


def function(net: torch.nn.Module, condition: Tensor) -> ConsistencyFunction:
    return ConsistencyFunction(net, condition, SIGMA_DATA, SIGMA_MIN)


@pytest.fixture
def condition() -> Tensor:
    return torch.randn(BATCH, CONDITION, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def x() -> Tensor:
    return torch.randn(BATCH, HORIZON, ACTIONS, generator=torch.Generator().manual_seed(4))


def levels(value: float) -> Tensor:
    return torch.full((BATCH,), value)


@pytest.mark.parametrize("t", [0.02, 0.7, 80.0])
def test_a_jump_to_the_same_level_is_the_identity(t: float, x: Tensor, condition: Tensor) -> None:
    assert torch.allclose(function(network(True), condition)(x, levels(t), levels(t)), x)


def test_a_jump_to_zero_is_the_endpoint(x: Tensor, condition: Tensor) -> None:
    student = function(network(True), condition)
    t, zero = levels(3.0), levels(0.0)
    assert torch.equal(student(x, t, zero), student.endpoint(x, t, zero))


def test_the_landing_level_matters(x: Tensor, condition: Tensor) -> None:
    student = function(network(True), condition)
    near, far = student.endpoint(x, levels(3.0), levels(2.0)), student.endpoint(x, levels(3.0), levels(0.1))
    assert not torch.allclose(near, far, atol=1e-3)


def test_a_student_begins_as_its_teacher(x: Tensor, condition: Tensor) -> None:
    """Fresh from `start_from`, g(x, t, s) = D(x; t) for every s."""
    teacher = network(False)
    student = build_network(SMALL, jumps=True, **SHAPE)
    start_from(student, teacher)
    jump = function(student, condition).endpoint(x, levels(3.0), levels(0.4))
    assert torch.allclose(jump, denoise(teacher, x, levels(3.0), condition, SIGMA_DATA), atol=1e-6)


def test_one_step_sample_starts_from_the_true_prior(x: Tensor, condition: Tensor) -> None:
    """Pins: inference from N(0, 1) while telling the network t = sigma_max, which makes a planner deterministic."""
    student = function(network(True), condition)
    expected = student(SIGMA_MAX * x, levels(SIGMA_MAX), levels(0.0))
    assert torch.equal(student.sample(x, SIGMA_MAX), expected)
    one_level = torch.tensor([SIGMA_MAX])
    assert torch.allclose(student.sample_steps(x, one_level), expected)


def test_ctm_gradient_reaches_only_the_jumping_student(x: Tensor, condition: Tensor) -> None:
    jumping, frozen, teacher = network(True, 0), network(True, 1).requires_grad_(False), network(False, 2)
    teacher.requires_grad_(False)
    denoiser = functools.partial(denoise, teacher, condition=condition, sigma_data=SIGMA_DATA)
    t, u, s = levels(5.0), levels(3.0), levels(0.5)
    target = ctm_target(function(frozen, condition), denoiser, x, t, u, s)
    assert not target.requires_grad
    loss = ctm_loss(function(jumping, condition), function(frozen, condition), denoiser, x, t, u, s, 0.03).mean()
    loss.backward()
    assert all(p.grad is None for net in (frozen, teacher) for p in net.parameters())
    assert sum(float(p.grad.abs().sum()) for p in jumping.parameters() if p.grad is not None) > 0.0


def test_ctm_target_carries_no_gradient_even_of_a_trainable_copy(x: Tensor, condition: Tensor) -> None:
    trainable = network(True)
    denoiser = functools.partial(denoise, network(False), condition=condition, sigma_data=SIGMA_DATA)
    target = ctm_target(function(trainable, condition), denoiser, x, levels(5.0), levels(3.0), levels(0.5))
    assert not target.requires_grad


def test_ctm_loss_of_a_trajectory_the_student_already_follows_is_zero(x: Tensor, condition: Tensor) -> None:
    """For a point mass at 0, D = 0 and x_s = (s/t) x_t: a student with g = 0 is exactly consistent."""

    class Origin(torch.nn.Module):
        def forward(self, x: Tensor, noise: Tensor, condition: Tensor, target: Tensor | None = None) -> Tensor:
            # cancels c_skip x: g = c_skip x + c_out F = 0
            level = (4.0 * noise).exp()[:, None, None]
            return -x * SIGMA_DATA / level

    student = function(Origin(), condition)
    t, u, s = levels(5.0), levels(3.0), levels(0.5)
    losses = ctm_loss(student, student, lambda x, sigma: torch.zeros_like(x), x, t, u, s, 0.03)
    assert torch.allclose(losses, torch.zeros(BATCH), atol=1e-5)


def test_ctm_loss_is_the_distance_between_the_two_paths(x: Tensor, condition: Tensor) -> None:
    """With D = 1 Heun's step is exact, x_u = 1 + (u/t) (x_t - 1), and a frozen student with g = x changes nothing."""

    class Origin(torch.nn.Module):
        def forward(self, x: Tensor, noise: Tensor, condition: Tensor, target: Tensor | None = None) -> Tensor:
            return -x * SIGMA_DATA / (4.0 * noise).exp()[:, None, None]

    class Echo(torch.nn.Module):
        def forward(self, x: Tensor, noise: Tensor, condition: Tensor, target: Tensor | None = None) -> Tensor:
            return x * (4.0 * noise).exp()[:, None, None] / SIGMA_DATA

    t, u, s = levels(5.0), levels(3.0), levels(0.5)
    teacher = lambda x, sigma: torch.ones_like(x)  # noqa: E731
    losses = ctm_loss(function(Origin(), condition), function(Echo(), condition), teacher, x, t, u, s, 0.03)
    expected = pseudo_huber((0.5 / 5.0) * x - (1.0 + (3.0 / 5.0) * (x - 1.0)), 0.03)
    assert torch.allclose(losses, expected, atol=1e-5)
    assert bool((losses > 0.1).all())


def test_dsm_loss_measures_the_endpoint_against_clean_data(x: Tensor, condition: Tensor) -> None:
    student = function(network(True), condition)
    eps = torch.randn_like(x)
    t, zero = levels(2.0), levels(0.0)
    error = student.endpoint(x + 2.0 * eps, t, zero) - x
    expected = (error.square().mean(dim=(1, 2)) + 0.1**2).sqrt() - 0.1
    assert torch.allclose(dsm_loss(student, x, t, zero, eps, 0.1), expected)


def test_pseudo_huber_is_of_the_distance_not_of_its_square() -> None:
    """Pins: the published code puts an already squared error under the root."""
    difference = torch.full((1, 4, 2), 3.0)
    assert float(pseudo_huber(difference, 4.0)) == pytest.approx(1.0)  # sqrt(9 + 16) - 4


def test_trust_region_vanishes_inside_a_mode_and_grows_outside() -> None:
    """Ideal denoiser of two narrow modes at +-1: chunks on a mode are trusted, one between them is not."""

    def two_modes(x: Tensor, sigma: Tensor) -> Tensor:
        return torch.tanh(x / sigma[:, None, None] ** 2)

    eps = torch.randn(2_000, 1, 1, generator=torch.Generator().manual_seed(0))
    sigma = torch.full((2_000,), 0.3)
    at_mode = trust_region_loss(two_modes, torch.ones(2_000, 1, 1), sigma, eps).mean()
    between = trust_region_loss(two_modes, torch.zeros(2_000, 1, 1), sigma, eps).mean()
    beyond = trust_region_loss(two_modes, torch.full((2_000, 1, 1), 2.0), sigma, eps).mean()
    assert float(at_mode) < 0.05
    assert float(between) > 0.5
    assert float(beyond) > 0.5
