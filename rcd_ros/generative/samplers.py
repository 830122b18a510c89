"""Solvers of the probability-flow ODE dx/dsigma = (x - D(x; sigma)) / sigma, from pure noise to a clean chunk.

They use arithmetic operators alone, so that they run on torch tensors and, for the engines, on NumPy arrays; the levels
of a grid are plain floats.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rcd_ros.choices import SamplerName

Array = TypeVar("Array", Tensor, NDArray[np.float32])


class Sampler(Protocol):
    """A solver; x and the chunk are arrays of one kind."""

    def __call__(self, denoiser: Callable[[Array, float], Array], x: Array, grid: Sequence[float], /) -> Array:
        """(D, x at the first level, descending levels (N,)) -> clean chunk."""


def heun_step(denoiser: Callable[[Array, Any], Array], x: Array, sigma: Any, sigma_next: Any) -> Array:
    """One second-order step from level sigma to sigma_next, both > 0 (Karras et al. 2022, algorithm 1).

    The levels are floats, or arrays that broadcast over x; `denoiser` gets them as they are.
    """
    slope = (x - denoiser(x, sigma)) / sigma
    predicted = x + (sigma_next - sigma) * slope
    slope_next = (predicted - denoiser(predicted, sigma_next)) / sigma_next
    stepped: Array = x + 0.5 * (sigma_next - sigma) * (slope + slope_next)
    return stepped


def heun(denoiser: Callable[[Array, float], Array], x: Array, grid: Sequence[float]) -> Array:
    """Heun's method down the grid (N,), then one Euler step to 0. NFE = 2 (N - 1) + 1."""
    for sigma, sigma_next in itertools.pairwise(grid):
        x = heun_step(denoiser, x, sigma, sigma_next)
    return denoiser(x, grid[-1])


def ddim(denoiser: Callable[[Array, float], Array], x: Array, grid: Sequence[float]) -> Array:
    """DDIM, which in sigma is Euler's method (Song et al. 2021; Karras et al. 2022, sec. 3). NFE = N."""
    for sigma, sigma_next in itertools.pairwise(grid):
        ratio = sigma_next / sigma
        x = ratio * x + (1.0 - ratio) * denoiser(x, sigma)
    return denoiser(x, grid[-1])


def dpm_solver_pp(denoiser: Callable[[Array, float], Array], x: Array, grid: Sequence[float]) -> Array:
    """DPM-Solver++(2M) in lambda = -ln(sigma) (Lu et al. 2022, algorithm 2). NFE = N."""
    previous: Array | None = None
    step_before = 1.0
    for sigma, sigma_next in itertools.pairwise(grid):
        clean = denoiser(x, sigma)
        step = math.log(sigma / sigma_next)
        estimate = clean if previous is None else clean + 0.5 * step / step_before * (clean - previous)
        ratio = sigma_next / sigma
        x = ratio * x + (1.0 - ratio) * estimate
        previous, step_before = clean, step
    return denoiser(x, grid[-1])


SAMPLERS: dict[SamplerName, Sampler] = {"heun": heun, "ddim": ddim, "dpm_solver_pp": dpm_solver_pp}


def grid_size_for(sampler: SamplerName, nfe: int) -> int:
    """How many noise levels give the named sampler (about) `nfe` network evaluations; never fewer than two levels."""
    return max(2, (nfe + 1) // 2 if sampler == "heun" else nfe)


def evaluations_of(sampler: SamplerName, levels: int) -> int:
    """How many network evaluations the named sampler makes on a grid of so many levels."""
    return 2 * levels - 1 if sampler == "heun" else levels
