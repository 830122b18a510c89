"""The teacher's mathematics: EDM noise levels, preconditioning and denoising loss (Karras et al. 2022; RACTD eq. 4).

D(x; sigma) = c_skip(sigma) x + c_out(sigma) F(c_in(sigma) x; c_noise(sigma))
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn


def karras_grid(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Tensor:
    """Descending noise levels sigma_0 = sigma_max ... sigma_{steps-1} = sigma_min (Karras et al. 2022, eq. 5).

    Returns:
        Tensor of shape (steps,), float64, without the final 0.

    Raises:
        ValueError: fewer than two levels, or not 0 < sigma_min < sigma_max.
    """
    if steps < 2:
        raise ValueError(f"a noise grid needs at least 2 levels, got {steps}")
    if not 0.0 < sigma_min < sigma_max:
        raise ValueError(f"need 0 < sigma_min < sigma_max, got {sigma_min} and {sigma_max}")
    ramp = torch.linspace(0.0, 1.0, steps, dtype=torch.float64)
    low, high = sigma_min ** (1.0 / rho), sigma_max ** (1.0 / rho)
    grid: Tensor = (high + ramp * (low - high)) ** rho
    return grid


def lognormal_sigmas(count: int, mean: float, std: float, generator: torch.Generator | None = None) -> Tensor:
    """Training noise levels, ln(sigma) ~ N(mean, std^2) (Karras et al. 2022, table 1). Shape (count,)."""
    return (torch.randn(count, generator=generator) * std + mean).exp()


def expand(sigma: Tensor, like: Tensor) -> Tensor:
    """A per-sample level (B,) shaped to broadcast over samples (B, ...)."""
    return sigma.reshape(-1, *([1] * (like.ndim - 1)))


class Network(Protocol):
    """The raw network F. `noise` and `target` are c_noise of the levels jumped from and to, shape (B,)."""

    def __call__(self, x: Tensor, noise: Tensor, condition: Tensor, target: Tensor | None = None) -> Tensor:
        """Evaluate F."""


class Denoiser(Protocol):
    """D(x; sigma): x (B, H, A), sigma (B,) -> estimate of the clean chunk (B, H, A)."""

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Evaluate D."""


class Preconditioning(NamedTuple):
    """Coefficients of one noise level, each of shape (B, 1, ..., 1) but c_noise, (B,)."""

    skip: Tensor
    out: Tensor
    scale_in: Tensor
    noise: Tensor


def precondition(sigma: Tensor, like: Tensor, sigma_data: float) -> Preconditioning:
    """Karras et al. 2022, table 1, for levels sigma (B,) and samples shaped like `like` (B, ...)."""
    level = expand(sigma, like)
    variance = level**2 + sigma_data**2
    return Preconditioning(
        skip=sigma_data**2 / variance,
        out=level * sigma_data / variance.sqrt(),
        scale_in=1.0 / variance.sqrt(),
        noise=sigma.clamp(min=1e-4).log() / 4.0,
    )


def denoise(network: Network, x: Tensor, sigma: Tensor, condition: Tensor, sigma_data: float) -> Tensor:
    """D(x; sigma) given the observation `condition` (B, C). Shapes: x (B, H, A), sigma (B,)."""
    c = precondition(sigma, x, sigma_data)
    return c.skip * x + c.out * network(c.scale_in * x, c.noise, condition)


class ConditionalDenoiser(nn.Module):
    """D as a module of its own, to be exported and run: one evaluation of a diffusion planner."""

    def __init__(self, network: nn.Module, sigma_data: float) -> None:
        super().__init__()
        self.network = network
        self.sigma_data = sigma_data

    def forward(self, x: Tensor, sigma: Tensor, observation: Tensor) -> Tensor:
        """x (B, H, A), sigma (B,), observation (B, C) -> D(x; sigma), (B, H, A)."""
        return denoise(self.network, x, sigma, observation, self.sigma_data)


def edm_loss(
    network: Network, clean: Tensor, condition: Tensor, sigma: Tensor, noise: Tensor, sigma_data: float
) -> Tensor:
    """Weighted denoising error per sample, shape (B,): lambda(sigma) |D(x_0 + sigma eps; sigma) - x_0|^2.

    lambda = (sigma^2 + sigma_data^2) / (sigma sigma_data)^2 makes the target of F have unit variance at every level.
    """
    denoised = denoise(network, clean + expand(sigma, clean) * noise, sigma, condition, sigma_data)
    weight = (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2
    return weight * torch.flatten(denoised - clean, 1).square().mean(dim=1)
