"""A checkpoint's networks in eager torch: teacher and few-step student as planners, the critic as an estimate.

The critic also improves planned chunks, by gradient steps on the return that it expects of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from rcd_ros.choices import SamplerName
from rcd_ros.errors import RcdError
from rcd_ros.generative.consistency import ConsistencyFunction
from rcd_ros.generative.edm import denoise, karras_grid
from rcd_ros.generative.samplers import SAMPLERS, evaluations_of, grid_size_for
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.planning.checkpoint import PathLike, Tensors, checkpoint_sha256, load_tensors, verify
from rcd_ros.planning.engines.base import Engine, Program
from rcd_ros.planning.engines.choose import load_network
from rcd_ros.planning.engines.torch_modules import PhysicalPlanner, PlannerKind, restore_planner
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.planner import Planner, Policy
from rcd_ros.planning.representation import Canonical, Normalizer
from rcd_ros.suggest import did_you_mean


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
        actions = torch.from_numpy(self._normalizer.normalize_command(self._canonical.chunks(chunk, canonical)))[None]
        with torch.no_grad():
            return float(self._critic.expected_return(condition, actions))


class TeacherSampler(nn.Module):
    """Samples a chunk from a teacher's denoiser; normalised.

    Args:
        network: the raw teacher F.
        manifest: of the checkpoint.
        sampler: a name in `generative.samplers.SAMPLERS`.
        nfe: network evaluations per plan; the sampler makes the nearest number it can.

    Attributes:
        nfe: evaluations made.
    """

    def __init__(self, network: nn.Module, manifest: Manifest, sampler: SamplerName, nfe: int) -> None:
        super().__init__()
        self.network = network
        levels, noise = grid_size_for(sampler, nfe), manifest.noise
        self.nfe = evaluations_of(sampler, levels)
        self._sampler = SAMPLERS[sampler]
        self._sigma_data = noise.sigma_data
        self._grid: list[float] = karras_grid(levels, noise.sigma_min, noise.sigma_max, noise.rho).tolist()

    def forward(self, observation: Tensor, noise: Tensor) -> Tensor:
        """observation (B, C), standard normal noise (B, H, A) -> chunk (B, H, A)."""

        def denoiser(x: Tensor, sigma: float) -> Tensor:
            return denoise(self.network, x, x.new_full((1,), sigma), observation, self._sigma_data)

        chunk: Tensor = self._sampler(denoiser, self._grid[0] * noise, self._grid)
        return chunk


class StudentSampler(nn.Module):
    """Samples a chunk from a student in `nfe` jumps down its noise grid (CTM, gamma = 0); normalised."""

    def __init__(self, network: nn.Module, manifest: Manifest, nfe: int) -> None:
        super().__init__()
        self.network = network
        self.nfe = nfe
        self._noise = noise = manifest.noise
        self._levels = karras_grid(max(2, nfe), noise.sigma_min, noise.sigma_max, noise.rho)[:nfe]

    def forward(self, observation: Tensor, noise: Tensor) -> Tensor:
        """observation (B, C), standard normal noise (B, H, A) -> chunk (B, H, A)."""
        student = ConsistencyFunction(self.network, observation, self._noise.sigma_data, self._noise.sigma_min)
        return student.sample_steps(noise, self._levels)


def _no_graph() -> bytes:
    raise RcdError("sampling in several evaluations runs in eager torch only: choose the engine torch")


def load_policy(
    checkpoint: PathLike,
    kind: PlannerKind = "student",
    nfe: int = 1,
    sampler: SamplerName = "heun",
    seed: int = 0,
    threads: int = 1,
) -> Planner:
    """A checkpoint's teacher or few-step student, planning in eager torch.

    The whole sampling runs in torch, on the GPU where torch has one, so that only observation, noise and chunk are
    copied. `threads` applies to torch in the whole process.

    Raises:
        RcdError: the checkpoint does not verify or lacks that network, or `sampler` or `nfe` cannot be used.
    """
    if sampler not in SAMPLERS:
        raise RcdError(f"unknown sampler '{sampler}'{did_you_mean(sampler, SAMPLERS)}; known: {', '.join(SAMPLERS)}")
    if nfe < 1:
        raise RcdError(f"a plan needs at least one network evaluation, got --nfe {nfe}")
    manifest = verify(checkpoint)
    if f"{kind}.safetensors" not in manifest.files:
        raise RcdError(f"checkpoint '{checkpoint}' holds no {kind}: name one that was written with its {kind}")
    network = restore_planner(manifest, kind, load_tensors(checkpoint, kind, manifest))
    module = (
        TeacherSampler(network, manifest, sampler, nfe) if kind == "teacher" else StudentSampler(network, manifest, nfe)
    )
    chunk = (1, manifest.horizon, manifest.task.command.size)
    program = Program(
        source=f"{kind} of '{checkpoint}'",
        inputs={"history": (1, manifest.history, manifest.task.observation_size), "noise": chunk},
        output="commands",
        shape=chunk,
        graph=_no_graph,
        module=lambda: PhysicalPlanner(module, Normalizer(manifest.normalizer)),
    )
    engine = Engine(load_network("torch", program, threads))
    return Planner(manifest, engine, seed, checkpoint_sha256(checkpoint), module.nfe)


def load_return_estimate(checkpoint: Path) -> ReturnEstimate | None:
    """The checkpoint's critic, or None where it carries none.

    Raises:
        RcdError: the checkpoint does not verify, or its manifest does not describe the critic.
    """
    manifest = verify(checkpoint)
    if "critic.safetensors" not in manifest.files:
        return None
    return ReturnEstimate(manifest, restore_critic(manifest, load_tensors(checkpoint, "critic", manifest)))


def restore_critic(manifest: Manifest, tensors: Tensors) -> CriticEnsemble:
    """A checkpoint's critic, ready to evaluate.

    Raises:
        RcdError: the manifest does not describe the critic, or the tensors do not fit it.
    """
    if manifest.critic is None:
        raise RcdError(
            "the manifest does not describe the checkpoint's critic (field 'critic'), and neither does its recipe: "
            "train it again"
        )
    condition = manifest.history * manifest.task.observation_size
    critic = CriticEnsemble(condition, manifest.task.command.size, **manifest.critic.architecture())
    try:
        critic.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise RcdError(f"critic.safetensors does not fit the critic in the manifest: {reason}") from error
    return critic.eval()


class ImprovedPolicy:
    """Another policy's chunks after some gradient steps a <- a + size dR/da, inside the command's limits.

    R is the ensemble's mean, standardised, and a the normalised chunk; a critic of single steps moves the first action
    only. Its gradient is that of the advantage, too, since the state's value does not depend on the chunk.

    Attributes:
        spec: the policy's own, as are the others.
        history: observations that a plan is made from.
        horizon: control periods in a chunk.
        nfe: network evaluations per plan, those of the critic not counted.
    """

    def __init__(self, policy: Policy, manifest: Manifest, critic: CriticEnsemble, steps: int, size: float) -> None:
        """Improve `policy` by `steps` of `size`; both must be of the checkpoint that `manifest` describes."""
        self.spec, self.history, self.horizon, self.nfe = policy.spec, policy.history, policy.horizon, policy.nfe
        self._policy, self._critic = policy, critic.requires_grad_(False)
        self._steps, self._size = steps, size
        self._normalizer = Normalizer(manifest.normalizer)
        self._canonical = Canonical(manifest.task, manifest.normalizer.observation_mean)
        self._limits = np.asarray([manifest.task.command.lower, manifest.task.command.upper], np.float64)
        lower, upper = torch.from_numpy(self._normalizer.normalize_command(self._limits))
        self._bounds = lower, upper

    def reset(self, seed: int) -> None:
        """Start an episode of the policy."""
        self._policy.reset(seed)

    def plan(self, history: NDArray[np.float64]) -> NDArray[np.float64]:
        """Observations (history, n_obs), oldest first -> commands (horizon, n_cmd), physical units."""
        chunk = self._policy.plan(history)
        canonical = self._canonical.histories(history)
        condition = torch.from_numpy(self._normalizer.normalize_observation(canonical)).reshape(1, -1)
        actions = torch.from_numpy(self._normalizer.normalize_command(self._canonical.chunks(chunk, canonical)))[None]
        moved = self._climb(condition, actions) - actions
        # Added to the chunk as it was planned: actions that the critic does not see stay the same to the digit.
        change = moved[0].numpy().astype(np.float64) * self._normalizer.command_std
        return np.clip(chunk + change, *self._limits)

    def _climb(self, condition: Tensor, actions: Tensor) -> Tensor:
        for _ in range(self._steps):
            actions = actions.detach().requires_grad_()
            worth = self._critic(condition, actions).mean()
            (slope,) = torch.autograd.grad(worth, actions)
            actions = torch.minimum(torch.maximum(actions + self._size * slope, self._bounds[0]), self._bounds[1])
        return actions.detach()


def improve(policy: Policy, checkpoint: Path, steps: int, size: float) -> ImprovedPolicy:
    """A checkpoint's policy, its chunks improved by the same checkpoint's critic.

    Args:
        policy: of the checkpoint.
        checkpoint: the folder.
        steps: of the gradient; more than 0.
        size: of a step: standard deviations of an action for a slope of 1 standard deviation of the return in one.

    Raises:
        RcdError: the checkpoint does not verify, or carries no critic.
    """
    manifest = verify(checkpoint)
    if "critic.safetensors" not in manifest.files:
        raise RcdError(
            f"checkpoint '{checkpoint}' holds no critic to improve plans by: train it with student.advantage or "
            "student.reward, or leave --gradient-steps away"
        )
    critic = restore_critic(manifest, load_tensors(checkpoint, "critic", manifest))
    return ImprovedPolicy(policy, manifest, critic, steps, size)
