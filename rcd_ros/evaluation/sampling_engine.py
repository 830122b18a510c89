"""The diffusion teacher in an inference engine: many evaluations a plan, everything else as the student has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rcd_ros.generative.samplers import SAMPLERS, evaluations_of, grid_size_for
from rcd_ros.generative.schedule import karras_grid
from rcd_ros.planning.engines.base import Engine, Network, Program
from rcd_ros.planning.manifest import NoiseGridSpec


class SamplingEngine(Engine):
    """Runs the denoiser of a teacher down a noise grid; a `planning.planner.Planner` plans with it as with a student.

    Args:
        network: the denoiser D(x, sigma, observation), loaded.
        program: what was loaded (`training.export.denoiser_program`).
        noise: the grid's limits.
        sampler: a name in `generative.samplers.SAMPLERS`.
        nfe: network evaluations per plan; a sampler that cannot make just as many makes the nearest number.

    Attributes:
        nfe: the number really made.
    """

    def __init__(self, network: Network, program: Program, noise: NoiseGridSpec, sampler: str, nfe: int) -> None:
        super().__init__(network, program)
        levels = grid_size_for(sampler, nfe)
        self.nfe = evaluations_of(sampler, levels)
        self._sampler = SAMPLERS[sampler]
        self._grid: list[float] = karras_grid(levels, noise.sigma_min, noise.sigma_max, noise.rho).tolist()
        self._sigma = np.zeros(1, np.float32)

    def plan(self, observation: NDArray[np.float32], noise: NDArray[np.float32]) -> NDArray[np.float32]:
        """A chunk (horizon, n_cmd) from observation (history * n_obs,) and standard normal noise (horizon, n_cmd)."""
        condition = observation[None]

        def denoiser(x: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
            self._sigma.fill(sigma)
            return self._network(x, self._sigma, condition).copy()  # solvers look back at what the buffer held before

        chunk: NDArray[np.float32] = self._sampler(denoiser, self._grid[0] * noise[None], self._grid)[0]
        return chunk
