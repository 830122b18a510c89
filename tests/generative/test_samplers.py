"""Samplers against the one distribution whose ideal denoiser is known in closed form: a Gaussian."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rcd_ros.generative.edm import expand, karras_grid
from rcd_ros.generative.samplers import SAMPLERS, ddim, dpm_solver_pp, evaluations_of, grid_size_for, heun, heun_step

SIGMA_MIN, SIGMA_MAX = 0.002, 80.0
MEAN = torch.tensor([0.7, -0.3], dtype=torch.float64)
FACTOR = torch.tensor([[0.6, 0.0], [0.35, 0.2]], dtype=torch.float64)
COVARIANCE = FACTOR @ FACTOR.T


def ideal_denoiser(x: Tensor, sigma: float) -> Tensor:
    """E[x_0 | x] for x_0 ~ N(MEAN, COVARIANCE)."""
    gain = COVARIANCE @ torch.linalg.inv(COVARIANCE + sigma**2 * torch.eye(2, dtype=torch.float64))
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
    grid = karras_grid(steps, SIGMA_MIN, SIGMA_MAX).tolist()
    return float((sampler(ideal_denoiser, x, grid) - exact_end(x)).square().mean().sqrt())  # type: ignore[operator]


def test_heun_recovers_mean_and_covariance() -> None:
    samples = heun(ideal_denoiser, noise(40_000), karras_grid(64, SIGMA_MIN, SIGMA_MAX).tolist())
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

    def counting(x: Tensor, sigma: float) -> Tensor:
        nonlocal calls
        calls += 1
        return x / (1.0 + sigma**2)

    levels = grid_size_for(name, nfe)
    SAMPLERS[name](counting, torch.randn(3, 4, 2), karras_grid(levels, 0.02, 80.0).tolist())
    assert calls == evaluations_of(name, levels)
    assert abs(calls - nfe) <= 1


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_arrays_and_tensors_give_the_same_in_float32(name: str) -> None:
    """Engines sample NumPy arrays; a solver that left float32 there would also be a slower one."""

    def denoiser(x: Any, sigma: float) -> Any:
        return (x + 0.5 * x**2 / (1.0 + sigma)) / (1.0 + sigma**2)

    grid = karras_grid(9, 0.02, 80.0).tolist()
    start = SIGMA_MAX * np.random.default_rng(0).standard_normal((3, 4, 2)).astype(np.float32)
    sampled = SAMPLERS[name](denoiser, start, grid)
    assert sampled.dtype == np.float32
    np.testing.assert_allclose(sampled, SAMPLERS[name](denoiser, torch.from_numpy(start), grid), rtol=1e-4, atol=1e-4)


def test_a_step_between_levels_of_each_sample_is_that_of_each_sample_alone() -> None:
    """Training steps a batch whose samples are at different levels."""
    x, now, after = noise(3), torch.tensor([4.0, 1.0, 0.3]), torch.tensor([2.0, 0.9, 0.1])

    def denoiser(x: Tensor, sigma: Any) -> Tensor:
        return x / (1.0 + sigma**2) + 0.1

    together = heun_step(denoiser, x, expand(now, x), expand(after, x))
    for one, start, sigma, sigma_next in zip(together, x, now.tolist(), after.tolist(), strict=True):
        assert torch.allclose(one, heun_step(denoiser, start, sigma, sigma_next))
