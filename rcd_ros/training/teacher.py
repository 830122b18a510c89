"""The teacher: a diffusion planner of every mode in the data (RACTD eq. 4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rcd_ros.generative.edm import edm_loss, lognormal_sigmas
from rcd_ros.training.objective import Batch, Objective
from rcd_ros.training.recipe import NoiseRecipe


class TeacherObjective(Objective):
    """Denoise the data's chunks at log-normal noise levels."""

    def __init__(self, network: nn.Module, noise: NoiseRecipe) -> None:
        super().__init__(network)
        self.noise = noise

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """EDM loss of the trained weights."""
        loss = self._loss(self.trained, batch)
        return loss, {"loss": loss.detach()}

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, float]:
        """EDM loss of the averaged weights."""
        return {"loss": float(self._loss(self.averaged, batch))}

    def _loss(self, network: nn.Module, batch: Batch) -> Tensor:
        sigma = lognormal_sigmas(len(batch), self.noise.log_mean, self.noise.log_std).to(batch.chunk)
        eps = torch.randn_like(batch.chunk)
        return edm_loss(network, batch.chunk, batch.condition, sigma, eps, self.noise.sigma_data).mean()
