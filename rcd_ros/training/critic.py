"""The critic: return-to-go of clean chunks, kept smooth beside the data so that a student cannot exploit it.

A regressor is good where it has seen data and worthless a small step beside it, and a student that climbs its
gradient goes exactly there. Noise on the commands and a gradient penalty make "beside" flat.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.training.bootstrap import TransitionBatch, expectile_loss
from rcd_ros.training.objective import Batch, Objective
from rcd_ros.training.recipe import CriticRecipe


class CriticObjective(Objective):
    """Regress what a chunk is worth, standardised, with every member of the ensemble: `recipe.target` says by what.

    With the target `expectile` the batches are `TransitionBatch`es, and the averaged ensemble is the target network.
    """

    def __init__(self, ensemble: CriticEnsemble, recipe: CriticRecipe) -> None:
        super().__init__(ensemble)
        self.recipe = recipe
        self._bootstraps = False

    def begin_step(self, step: int) -> None:
        """Bootstrap once the returns have given the values their scale."""
        self._bootstraps = self.recipe.target == "expectile" and step >= self.recipe.return_steps

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared error over members and windows, the ceiling's quantile error, and the gradient penalty."""
        chunk = batch.chunk
        if self.recipe.command_noise:
            chunk = chunk + self.recipe.command_noise * torch.randn_like(chunk)
        chunk = chunk.detach().requires_grad_(self.recipe.gradient_penalty > 0.0)
        ensemble = cast(CriticEnsemble, self.trained)
        opinions = ensemble(batch.condition, chunk)
        if isinstance(batch, TransitionBatch):
            error, ceiling = self._expectile(ensemble, opinions, batch)
        else:
            error = (opinions - batch.returns).square().mean()
            ceiling = pinball(batch.returns - ensemble.ceiling(batch.condition), self.recipe.quantile).mean()
        loss, metrics = error + ceiling, {"error": error.detach(), "ceiling": ceiling.detach()}
        if self.recipe.gradient_penalty:
            (slope,) = torch.autograd.grad(opinions.mean(dim=0).sum(), chunk, create_graph=True)
            steepness = slope.square().sum(dim=(1, 2)).mean()
            loss = loss + self.recipe.gradient_penalty * steepness
            metrics["steepness"] = steepness.detach()
        return loss, {"loss": loss.detach(), **metrics}

    def _expectile(self, ensemble: CriticEnsemble, opinions: Tensor, batch: TransitionBatch) -> tuple[Tensor, Tensor]:
        """Errors of Q and V: towards the returns first, then towards each other (`training.bootstrap`)."""
        value = ensemble.ceiling(batch.condition)
        with torch.no_grad():
            if self._bootstraps:
                target = cast(CriticEnsemble, self.averaged)
                worth = batch.gain + batch.carry * ensemble.ceiling(batch.following)
                judged, weight = target(batch.condition, batch.chunk).amin(dim=0), torch.ones_like(worth)
            else:
                worth, judged, weight = batch.returns, batch.returns, batch.known
        error = (weight * (opinions - worth).square()).mean()
        return error, (weight * expectile_loss(judged - value, self.recipe.expectile)).mean()

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, float]:
        """Held-out error, and that with shuffled chunks: where the two are close, the critic is blind to commands."""
        ensemble = cast(CriticEnsemble, self.averaged)
        worth = batch.returns
        if isinstance(batch, TransitionBatch):
            worth = batch.gain + batch.carry * ensemble.ceiling(batch.following)
        shuffled = batch.chunk[torch.randperm(len(batch), device=batch.chunk.device)]
        error = (ensemble(batch.condition, batch.chunk).mean(dim=0) - worth).square().mean()
        blind = (ensemble(batch.condition, shuffled).mean(dim=0) - worth).square().mean()
        above = (batch.returns > ensemble.ceiling(batch.condition)).float().mean()
        return {
            "loss": float(error),
            "error": float(error),
            "error_shuffled": float(blind),
            "share_above_ceiling": float(above),
        }


def pinball(difference: Tensor, quantile: float) -> Tensor:
    """Quantile regression loss (Koenker & Bassett 1978) of target minus estimate, element by element."""
    return torch.maximum(quantile * difference, (quantile - 1.0) * difference)
