"""Samplers against the one distribution whose ideal denoiser is known in closed form: a Gaussian."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rcd_ros.generative.samplers import SAMPLERS, ddim, dpm_solver_pp, grid_size_for, heun
from rcd_ros.generative.schedule import expand, karras_grid

SIGMA_MIN, SIGMA_MAX = 0.002, 80.0
MEAN = torch.tensor([0.7, -0.3], dtype=torch.float64)
FACTOR = torch.tensor([[0.6, 0.0], [0.35, 0.2]], dtype=torch.float64)
COVARIANCE = FACTOR @ FACTOR.T


def ideal_denoiser(x: Tensor, sigma: Tensor) -> Tensor:
    """E[x_0 | x] for x_0 ~ N(MEAN, COVARIANCE) and one sigma for the batch."""
    gain = COVARIANCE @ torch.linalg.inv(COVARIANCE + sigma[0] ** 2 * torch.eye(2, dtype=torch.float64))
    return MEAN + (x - MEAN) @ gain.T


def exact_end(x: Tensor) -> Tensor:
    """Where the probability-flow ODE carries x from SIGMA_MAX to 0: each principal axis shrinks on its own."""
    values, axes = torch.linalg.eigh(COVARIANCE)
    scale = (values / (values + SIGMA_MAX**2)).sqrt()
    return MEAN + ((x - MEAN) @ axes * scale) @ axes.T


def noise(count: int) -> Tensor:
    return SIGMA_MAX * torch.randn(count, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def error_with(sampler: object, steps: int) -> float:
    x = noise(256)
    grid = karras_grid(steps, SIGMA_MIN, SIGMA_MAX)
    return float((sampler(ideal_denoiser, x, grid) - exact_end(x)).square().mean().sqrt())  # type: ignore[operator]


def test_heun_recovers_mean_and_covariance() -> None:
    samples = heun(ideal_denoiser, noise(40_000), karras_grid(64, SIGMA_MIN, SIGMA_MAX))
    assert torch.allclose(samples.mean(dim=0), MEAN, atol=0.01)
    assert torch.allclose(torch.cov(samples.T), COVARIANCE, atol=0.01)


@pytest.mark.parametrize(
    ("sampler", "order"), [(heun, 2.0), (ddim, 1.0), (dpm_solver_pp, 2.0)], ids=["heun", "ddim", "dpm_solver_pp"]
)
def test_order_of_convergence(sampler: object, order: float) -> None:
    measured = math.log2(error_with(sampler, 64) / error_with(sampler, 128))
    assert measured == pytest.approx(order, abs=0.35)


@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize("nfe", [5, 20, 80])
def test_number_of_evaluations(name: str, nfe: int) -> None:
    calls = 0

    def counting(x: Tensor, sigma: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return x / (1.0 + expand(sigma, x) ** 2)

    SAMPLERS[name](counting, torch.randn(3, 4, 2), karras_grid(grid_size_for(name, nfe), 0.02, 80.0))
    assert abs(calls - nfe) <= 1
