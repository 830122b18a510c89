"""The teacher: a diffusion planner of every mode in the data (RACTD eq. 4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rcd_ros.generative.edm import edm_loss, lognormal_sigmas
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.training.advantage import advantage_weight
from rcd_ros.training.objective import Batch, Objective
from rcd_ros.training.recipe import NoiseRecipe


class TeacherObjective(Objective):
    """Denoise the data's chunks at log-normal noise levels.

    Args:
        network: to be trained.
        noise: noise levels.
        critic: says how much each chunk counts where `advantage` is above 0; else not needed.
        advantage: temperature of a chunk's weight, standard deviations of the return; 0: all alike.
    """

    def __init__(
        self, network: nn.Module, noise: NoiseRecipe, critic: CriticEnsemble | None = None, advantage: float = 0.0
    ) -> None:
        super().__init__(network)
        self.noise = noise
        self.critic = None if critic is None else critic.requires_grad_(False).eval()
        self.advantage = advantage

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted EDM loss of the trained weights."""
        loss = (advantage_weight(self.critic, batch, self.advantage) * self._loss(self.trained, batch)).mean()
        return loss, {"loss": loss.detach()}

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, float]:
        """The same of the averaged weights."""
        weight = advantage_weight(self.critic, batch, self.advantage)
        return {"loss": float((weight * self._loss(self.averaged, batch)).mean())}

    def _loss(self, network: nn.Module, batch: Batch) -> Tensor:
        sigma = lognormal_sigmas(len(batch), self.noise.log_mean, self.noise.log_std).to(batch.chunk)
        eps = torch.randn_like(batch.chunk)
        return edm_loss(network, batch.chunk, batch.condition, sigma, eps, self.noise.sigma_data)
