"""Noise levels: which sigmas a denoiser is trained on, and the grid that a sampler walks down."""

from __future__ import annotations

import torch
from torch import Tensor


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
    return (high + ramp * (low - high)) ** rho


def lognormal_sigmas(count: int, mean: float, std: float, generator: torch.Generator | None = None) -> Tensor:
    """Training noise levels, ln(sigma) ~ N(mean, std^2) (Karras et al. 2022, table 1). Shape (count,)."""
    return (torch.randn(count, generator=generator) * std + mean).exp()


def expand(sigma: Tensor, like: Tensor) -> Tensor:
    """A per-sample level (B,) shaped to broadcast over samples (B, ...)."""
    return sigma.reshape(-1, *([1] * (like.ndim - 1)))
