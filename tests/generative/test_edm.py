"""EDM preconditioning and loss: the values that a wrong formula would miss."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor

from rcd_ros.generative.edm import denoise, edm_loss, karras_grid, lognormal_sigmas, precondition

SIGMA_DATA = 0.5


def zero_network(x: Tensor, noise: Tensor, condition: Tensor, target: Tensor | None = None) -> Tensor:
    return torch.zeros_like(x)


def test_without_noise_the_denoiser_is_the_identity() -> None:
    x = torch.randn(4, 3, 2)
    c = precondition(torch.full((4,), 1e-6), x, SIGMA_DATA)
    assert torch.allclose(c.skip, torch.ones_like(c.skip), atol=1e-6)
    assert torch.allclose(c.out, torch.zeros_like(c.out), atol=1e-5)


def test_under_great_noise_the_input_is_ignored() -> None:
    x = torch.randn(4, 3, 2)
    c = precondition(torch.full((4,), 1e4), x, SIGMA_DATA)
    assert torch.allclose(c.skip, torch.zeros_like(c.skip), atol=1e-6)
    assert torch.allclose(c.out, torch.full_like(c.out, SIGMA_DATA), atol=1e-6)


@pytest.mark.parametrize("sigma", [0.02, 0.5, 3.0, 80.0])
def test_network_input_and_target_have_unit_variance(sigma: float) -> None:
    generator = torch.Generator().manual_seed(0)
    clean = SIGMA_DATA * torch.randn(20_000, 1, 1, generator=generator)
    noisy = clean + sigma * torch.randn(20_000, 1, 1, generator=generator)
    c = precondition(torch.full((20_000,), sigma), noisy, SIGMA_DATA)
    target = (clean - c.skip * noisy) / c.out
    assert float((c.scale_in * noisy).std()) == pytest.approx(1.0, rel=0.02)
    assert float(target.std()) == pytest.approx(1.0, rel=0.02)


def test_loss_of_a_silent_network_is_one_at_every_level() -> None:
    """lambda(sigma) c_out(sigma)^2 = 1: no noise level dominates the training."""
    clean = SIGMA_DATA * torch.randn(50_000, 1, 1, generator=torch.Generator().manual_seed(1))
    for sigma in (0.02, 1.0, 80.0):
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
        levels = torch.full((len(clean),), sigma)
        losses = edm_loss(zero_network, clean, torch.zeros(len(clean), 1), levels, noise, SIGMA_DATA)
        assert float(losses.mean()) == pytest.approx(1.0, rel=0.03)


def test_silent_network_gives_the_gaussian_posterior_mean() -> None:
    x = torch.randn(5, 2, 3)
    denoiser = functools.partial(denoise, zero_network, condition=torch.zeros(5, 1), sigma_data=SIGMA_DATA)
    expected = x * SIGMA_DATA**2 / (SIGMA_DATA**2 + 4.0)
    assert torch.allclose(denoiser(x, torch.full((5,), 2.0)), expected)


def test_karras_grid_ends_and_order() -> None:
    grid = karras_grid(18, 0.02, 80.0, 7.0)
    assert grid[0] == pytest.approx(80.0)
    assert grid[-1] == pytest.approx(0.02)
    assert bool((grid[1:] < grid[:-1]).all())
    middle = (80.0 ** (1 / 7) + (0.02 ** (1 / 7) - 80.0 ** (1 / 7)) * 5 / 17) ** 7
    assert float(grid[5]) == pytest.approx(middle)


@pytest.mark.parametrize(
    ("steps", "low", "high", "named"), [(1, 0.02, 80.0, "1"), (8, 2.0, 1.0, "2.0.*1.0"), (8, 0.0, 1.0, "0.0.*1.0")]
)
def test_karras_grid_refuses_nonsense(steps: int, low: float, high: float, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        karras_grid(steps, low, high)


def test_lognormal_levels() -> None:
    sigmas = lognormal_sigmas(100_000, -1.2, 1.2, torch.Generator().manual_seed(0)).log()
    assert float(sigmas.mean()) == pytest.approx(-1.2, abs=0.02)
    assert float(sigmas.std()) == pytest.approx(1.2, abs=0.02)
