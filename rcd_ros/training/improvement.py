"""Chunks improved by the critic when they are planned: gradient steps on the return that it expects of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rcd_ros.errors import RcdError
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.planning.checkpoint import load_tensors, verify
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.planner import Policy
from rcd_ros.planning.representation import Canonical, Normalizer
from rcd_ros.training.policies import restore_critic


class ImprovedPolicy:
    """Another policy's chunks after some gradient steps a <- a + size dR/da, inside the command's limits.

    R is the ensemble's mean, standardised, and a the normalised chunk; a critic of single steps moves the first command
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
        commands = torch.from_numpy(self._normalizer.normalize_command(self._canonical.chunks(chunk, canonical)))[None]
        moved = self._climb(condition, commands) - commands
        # Added to the chunk as it was planned: commands that the critic does not see stay the same to the digit.
        change = moved[0].numpy().astype(np.float64) * self._normalizer.command_std
        return np.clip(chunk + change, *self._limits)

    def _climb(self, condition: Tensor, commands: Tensor) -> Tensor:
        for _ in range(self._steps):
            commands = commands.detach().requires_grad_()
            worth = self._critic(condition, commands).mean()
            (slope,) = torch.autograd.grad(worth, commands)
            commands = torch.minimum(torch.maximum(commands + self._size * slope, self._bounds[0]), self._bounds[1])
        return commands.detach()


def improve(policy: Policy, checkpoint: Path, steps: int, size: float) -> ImprovedPolicy:
    """A checkpoint's policy, its chunks improved by the same checkpoint's critic.

    Args:
        policy: of the checkpoint.
        checkpoint: the folder.
        steps: of the gradient; more than 0.
        size: of a step: standard deviations of a command for a slope of 1 standard deviation of the return in one.

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
