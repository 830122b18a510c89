"""The diffusion teacher in the student's engine, for the comparison with equal engines.

`training.policies.TeacherSampler` samples in torch and is how a teacher is deployed; here the engine under test
evaluates the denoiser and NumPy samples. Both are the network of a `Planner`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rcd_ros.generative.edm import karras_grid
from rcd_ros.generative.samplers import SAMPLERS, evaluations_of, grid_size_for
from rcd_ros.planning.engines.base import Network
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.representation import Normalizer


class SamplingNetwork:
    """Runs a teacher's denoiser down a noise grid; a `planning.engines.base.Engine` takes it for the student.

    Observation and chunk are normalised and denormalised once a plan, not once an evaluation.

    Args:
        denoiser: D(x, sigma, observation), normalised, loaded (`training.export.denoiser_program`).
        manifest: of the checkpoint.
        sampler: a name in `generative.samplers.SAMPLERS`.
        nfe: network evaluations per plan; a sampler that cannot make just as many makes the nearest number.

    Attributes:
        nfe: the number really made.
    """

    def __init__(self, denoiser: Network, manifest: Manifest, sampler: str, nfe: int) -> None:
        self.name = denoiser.name
        self._denoiser = denoiser
        self._x, self._sigma, self._observation = denoiser.inputs
        self._history = np.zeros((1, manifest.history, manifest.task.observation_size), np.float32)
        self._noise, self.output = np.zeros_like(self._x), np.zeros_like(self._x)
        self.inputs: Sequence[NDArray[np.float32]] = (self._history, self._noise)
        self._normalizer = Normalizer(manifest.normalizer)
        levels, noise = grid_size_for(sampler, nfe), manifest.noise
        self.nfe = evaluations_of(sampler, levels)
        self._sampler = SAMPLERS[sampler]
        self._grid: list[float] = karras_grid(levels, noise.sigma_min, noise.sigma_max, noise.rho).tolist()

    def run(self) -> None:
        """See `Network`."""
        self._observation[...] = self._normalizer.normalize_observation(self._history).reshape(1, -1)
        chunk = self._sampler(self._denoise, self._grid[0] * self._noise, self._grid)
        self.output[...] = self._normalizer.denormalize_command(chunk)

    def close(self) -> None:
        """Release the denoiser."""
        self._denoiser.close()

    def _denoise(self, x: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
        self._x[...] = x
        self._sigma.fill(sigma)
        self._denoiser.run()
        return self._denoiser.output.copy()  # solvers look back at what the next run overwrites
