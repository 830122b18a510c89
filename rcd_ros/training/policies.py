"""Teacher, student and critic of a checkpoint as evaluation runs them: eager torch, any sampler, any NFE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from rcd_ros.errors import RcdError
from rcd_ros.generative.consistency import ConsistencyFunction
from rcd_ros.generative.edm import denoise
from rcd_ros.generative.samplers import SAMPLERS, evaluations_of, grid_size_for
from rcd_ros.generative.schedule import karras_grid
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.planning.canonical import Canonical
from rcd_ros.planning.checkpoint import load_tensors, verify
from rcd_ros.planning.engines.torch_modules import PlannerKind, restore_planner
from rcd_ros.planning.limits import CommandLimits
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.noise import standard_normal
from rcd_ros.planning.normalizer import Normalizer
from rcd_ros.training.restore import restore_critic


class ReturnEstimate:
    """What a checkpoint's critic expects of a chunk."""

    def __init__(self, manifest: Manifest, critic: CriticEnsemble) -> None:
        self._normalizer = Normalizer(manifest.normalizer)
        self._canonical = Canonical(manifest.task, manifest.normalizer.observation_mean)
        self._critic = critic

    def __call__(self, history: ArrayLike, chunk: ArrayLike) -> float:
        """Expected discounted return-to-go, in units of the reward; history (h, n_obs), chunk (H, n_cmd), physical."""
        canonical = self._canonical.histories(history)
        condition = torch.from_numpy(self._normalizer.normalize_observation(canonical)).reshape(1, -1)
        following = self._canonical.chunks(chunk, canonical)
        commands = torch.from_numpy(self._normalizer.normalize_command(following))[None]
        with torch.no_grad():
            return float(self._critic.expected_return(condition, commands))


class TorchPolicy:
    """Plans with a torch network; the same interface as `planning.planner.Planner`.

    Args:
        manifest: of the checkpoint.
        network: teacher or student.
        kind: which of them it is.
        nfe: network evaluations per plan; a sampler that cannot make just as many makes the nearest number.
        sampler: a name in `generative.samplers.SAMPLERS`; only for a teacher.
        seed: of the planning noise.
        device: where the network runs.
    """

    def __init__(
        self,
        manifest: Manifest,
        network: nn.Module,
        kind: PlannerKind,
        nfe: int,
        sampler: str,
        seed: int,
        device: str = "cpu",
    ) -> None:
        self.spec = manifest.task
        self.history = manifest.history
        self.horizon = manifest.horizon
        self.execute = manifest.execute
        self.normalizer = manifest.normalizer
        self._noise = manifest.noise
        self._network = network.to(device)
        self._device = device
        self._normalizer = Normalizer(manifest.normalizer)
        self._canonical = Canonical(manifest.task, manifest.normalizer.observation_mean)
        self._limits = CommandLimits(manifest.task.command)
        self._sampler = SAMPLERS[sampler]
        self._kind = kind
        levels = grid_size_for(sampler, nfe) if kind == "teacher" else max(2, nfe)
        self._grid = karras_grid(levels, self._noise.sigma_min, self._noise.sigma_max, self._noise.rho)
        self._levels: list[float] = self._grid.tolist()
        self.nfe = evaluations_of(sampler, levels) if kind == "teacher" else nfe
        self._drawn_for: tuple[int, int] | None = None
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Start the noise of a seed from its beginning."""
        self.seed = seed
        self.counter = 0

    def prepare(self) -> None:
        """Draw the next plan's noise ahead of time; `plan` draws it itself, and the same, where this was not called."""
        drawn_for = (self.seed, self.counter)
        if drawn_for != self._drawn_for:
            shape = (1, self.horizon, self.spec.command.size)
            self._drawn = torch.from_numpy(standard_normal(*drawn_for, shape)).to(self._device)
            self._drawn_for = drawn_for

    @torch.no_grad()
    def plan(self, history: ArrayLike) -> NDArray[np.float64]:
        """A chunk (horizon, n_cmd) in physical units from the last observations (history, n_obs)."""
        condition, canonical = self._condition(history)
        self.prepare()
        self.counter += 1
        return self._physical(self._denoise(condition, self._drawn), history, canonical)

    @torch.no_grad()
    def mean(self, history: ArrayLike, samples: int = 32) -> NDArray[np.float64]:
        """The mean (horizon, n_cmd) of this many plans: what behaviour cloning by least squares tends to.

        The squared error is smallest at the mean of the data's chunks given the observation, which a teacher's samples
        follow.
        """
        condition, canonical = self._condition(history)
        shape = (samples, self.horizon, self.spec.command.size)
        noise = torch.from_numpy(standard_normal(self.seed, self.counter, shape)).to(self._device)
        self.counter += 1
        chunks = self._denoise(condition.expand(samples, -1), noise)
        return self._physical(chunks.mean(dim=0, keepdim=True), history, canonical)

    def close(self) -> None:
        """Nothing is held."""

    def _condition(self, history: ArrayLike) -> tuple[Tensor, NDArray[np.float64]]:
        canonical = self._canonical.histories(history)
        condition = torch.from_numpy(self._normalizer.normalize_observation(canonical)).reshape(1, -1)
        return condition.to(self._device), canonical

    def _physical(self, chunk: Tensor, history: ArrayLike, canonical: NDArray[np.float64]) -> NDArray[np.float64]:
        commands = self._normalizer.denormalize_command(chunk[0].cpu().numpy()).astype(np.float64)
        self._canonical.commands(commands, history, canonical)
        return self._limits.clamp(commands)

    def _denoise(self, condition: Tensor, noise: Tensor) -> Tensor:
        if self._kind == "teacher":

            def denoiser(x: Tensor, sigma: float) -> Tensor:
                return denoise(self._network, x, x.new_full((1,), sigma), condition, self._noise.sigma_data)

            chunk: Tensor = self._sampler(denoiser, self._noise.sigma_max * noise, self._levels)
            return chunk
        student = ConsistencyFunction(self._network, condition, self._noise.sigma_data, self._noise.sigma_min)
        return student.sample_steps(noise, self._grid[: self.nfe])


def load_policy(
    checkpoint: Path,
    kind: PlannerKind = "student",
    nfe: int = 1,
    sampler: str = "heun",
    seed: int = 0,
    device: str = "cpu",
) -> TorchPolicy:
    """A checkpoint's teacher or student as a policy.

    Raises:
        RcdError: the checkpoint does not verify or lacks that network, or the sampler is unknown.
    """
    if sampler not in SAMPLERS:
        raise RcdError(f"unknown sampler '{sampler}'; known: {', '.join(SAMPLERS)}")
    if nfe < 1:
        raise RcdError(f"a plan needs at least one network evaluation, got --nfe {nfe}")
    manifest = verify(checkpoint)
    network = restore_planner(manifest, kind, load_tensors(checkpoint, kind, manifest))
    return TorchPolicy(manifest, network, kind, nfe, sampler, seed, device)


def load_return_estimate(checkpoint: Path) -> ReturnEstimate | None:
    """The checkpoint's critic, or None where it carries none.

    Raises:
        RcdError: the checkpoint does not verify, or its critic does not fit the recipe in its manifest.
    """
    manifest = verify(checkpoint)
    if "critic.safetensors" not in manifest.files:
        return None
    return ReturnEstimate(manifest, restore_critic(manifest, load_tensors(checkpoint, "critic", manifest)))
