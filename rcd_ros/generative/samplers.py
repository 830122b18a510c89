"""Solvers of the probability-flow ODE dx/dsigma = (x - D(x; sigma)) / sigma, from pure noise to a clean chunk."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from rcd_ros.generative.edm import Denoiser
from rcd_ros.generative.schedule import expand

Sampler = Callable[[Denoiser, Tensor, Tensor], Tensor]


def heun_step(denoiser: Denoiser, x: Tensor, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    """One second-order step from level sigma (B,) to sigma_next (B,), both > 0 (Karras et al. 2022, algorithm 1)."""
    now, after = expand(sigma, x), expand(sigma_next, x)
    slope = (x - denoiser(x, sigma)) / now
    predicted = x + (after - now) * slope
    slope_next = (predicted - denoiser(predicted, sigma_next)) / after
    return x + (after - now) * 0.5 * (slope + slope_next)


def heun(denoiser: Denoiser, x: Tensor, grid: Tensor) -> Tensor:
    """Heun's method down the grid (N,), then one Euler step to 0. NFE = 2 (N - 1) + 1."""
    levels = _levels(x, grid)
    for sigma, sigma_next in itertools.pairwise(levels):
        x = heun_step(denoiser, x, sigma, sigma_next)
    return denoiser(x, levels[-1])


def ddim(denoiser: Denoiser, x: Tensor, grid: Tensor) -> Tensor:
    """DDIM, which in sigma is Euler's method (Song et al. 2021; Karras et al. 2022, sec. 3). NFE = N."""
    levels = _levels(x, grid)
    for sigma, sigma_next in itertools.pairwise(levels):
        ratio = expand(sigma_next / sigma, x)
        x = ratio * x + (1.0 - ratio) * denoiser(x, sigma)
    return denoiser(x, levels[-1])


def dpm_solver_pp(denoiser: Denoiser, x: Tensor, grid: Tensor) -> Tensor:
    """DPM-Solver++(2M) in lambda = -ln(sigma) (Lu et al. 2022, algorithm 2). NFE = N."""
    levels = _levels(x, grid)
    previous: Tensor | None = None
    step_before = torch.ones(())
    for sigma, sigma_next in itertools.pairwise(levels):
        clean = denoiser(x, sigma)
        step = (sigma / sigma_next).log()
        estimate = clean
        if previous is not None:
            r = expand(step_before / step, x)
            estimate = clean + (clean - previous) / (2.0 * r)
        ratio = expand(sigma_next / sigma, x)
        x = ratio * x + (1.0 - ratio) * estimate
        previous, step_before = clean, step
    return denoiser(x, levels[-1])


SAMPLERS: dict[str, Sampler] = {"heun": heun, "ddim": ddim, "dpm_solver_pp": dpm_solver_pp}


def grid_size_for(sampler: str, nfe: int) -> int:
    """How many noise levels give the named sampler (about) `nfe` network evaluations; never fewer than two levels."""
    return max(2, (nfe + 1) // 2 if sampler == "heun" else nfe)


def _levels(x: Tensor, grid: Tensor) -> list[Tensor]:
    return [level.to(x).expand(x.shape[0]) for level in grid]
