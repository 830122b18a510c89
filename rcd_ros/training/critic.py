"""The critic's loss: what a chunk is worth, regressed on returns or bootstrapped.

Bootstrapping is implicit Q-learning (Kostrikov et al. 2022, arXiv 2110.06169) with k actions in place of one:

    Q(o_t, a)  towards  sum_{i < k} gamma^i r_{t+i} + gamma^k V(o_{t+k})                  eq. 6
    V(o_t)     towards  an expectile of Q(o_t, a) over the data's own actions a           eq. 5

The critic is evaluated at actions of the data only, so nothing is overestimated beside them, and returns of different
episodes are combined: a good end that one episode found counts for every episode that passed its beginning.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rcd_ros.data.windows.batches import Batch, Outcome
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.training.method import Objective
from rcd_ros.training.recipe import CriticRecipe


class CriticObjective(Objective[CriticEnsemble]):
    """Regresses what a clean chunk is worth, standardised, with every member of an ensemble: `recipe.target` says how.

    A regressor is good where it has seen data and worthless a small step beside it, and a student that climbs its
    gradient goes exactly there. Noise on the actions and a gradient penalty flatten what is beside the data.

    With the target `expectile` the batches have outcomes, and the averaged ensemble is the target network.
    """

    def __init__(self, ensemble: CriticEnsemble, recipe: CriticRecipe) -> None:
        super().__init__(ensemble)
        self.recipe = recipe
        self._bootstraps = False

    def begin_step(self, step: int) -> None:
        """Bootstrap once the returns have given the values their scale."""
        self._bootstraps = self.recipe.target == "expectile" and step >= self.recipe.return_steps

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared error over members and windows, the state value's error, and the gradient penalty."""
        chunk = batch.chunk
        if self.recipe.command_noise:
            chunk = chunk + self.recipe.command_noise * torch.randn_like(chunk)
        chunk = chunk.detach().requires_grad_(self.recipe.gradient_penalty > 0.0)
        estimates = self.net(batch.condition, chunk)
        if batch.outcome is not None:
            error, ceiling = self._expectile(estimates, batch, batch.outcome)
        else:
            error = (estimates - batch.returns).square().mean()
            ceiling = pinball(batch.returns - self.net.ceiling(batch.condition), self.recipe.quantile).mean()
        loss, metrics = error + ceiling, {"error": error.detach(), "ceiling": ceiling.detach()}
        if self.recipe.gradient_penalty:
            (slope,) = torch.autograd.grad(estimates.mean(dim=0).sum(), chunk, create_graph=True)
            steepness = slope.square().sum(dim=(1, 2)).mean()
            loss = loss + self.recipe.gradient_penalty * steepness
            metrics["steepness"] = steepness.detach()
        return loss, {"loss": loss.detach(), **metrics}

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, float]:
        """Held-out error, and that with shuffled chunks: where the two are close, the critic ignores the actions."""
        target = batch.returns if batch.outcome is None else self._bootstrapped(self.ema, batch.outcome)
        errors = held_out_errors(self.ema, batch, target)
        above = (batch.returns > self.ema.ceiling(batch.condition)).float().mean()
        return errors | {"share_above_ceiling": float(above)}

    def _expectile(self, estimates: Tensor, batch: Batch, outcome: Outcome) -> tuple[Tensor, Tensor]:
        """Errors of Q (eq. 6) and V (eq. 5): towards the returns first, then towards each other."""
        value = self.net.ceiling(batch.condition)
        with torch.no_grad():
            if self._bootstraps:
                target = self._bootstrapped(self.net, outcome)
                judged, weight = self.ema(batch.condition, batch.chunk).amin(dim=0), torch.ones_like(target)
            else:
                target, judged, weight = batch.returns, batch.returns, outcome.known
        error = (weight * (estimates - target).square()).mean()
        return error, (weight * expectile_loss(judged - value, self.recipe.expectile)).mean()

    @staticmethod
    def _bootstrapped(ensemble: CriticEnsemble, outcome: Outcome) -> Tensor:
        return outcome.gain + outcome.carry * ensemble.ceiling(outcome.following)


def held_out_errors(ensemble: CriticEnsemble, batch: Batch, target: Tensor) -> dict[str, float]:
    """Squared error towards the targets (B,), as the loss, and that with shuffled chunks."""
    shuffled = batch.chunk[torch.randperm(len(batch), device=batch.chunk.device)]
    error = (ensemble(batch.condition, batch.chunk).mean(dim=0) - target).square().mean()
    blind = (ensemble(batch.condition, shuffled).mean(dim=0) - target).square().mean()
    return {"loss": float(error), "error": float(error), "error_shuffled": float(blind)}


def pinball(difference: Tensor, quantile: float) -> Tensor:
    """Quantile regression loss (Koenker & Bassett 1978) of target minus estimate, element by element."""
    return torch.maximum(quantile * difference, (quantile - 1.0) * difference)


def expectile_loss(difference: Tensor, expectile: float) -> Tensor:
    """Asymmetric squared error of target minus estimate, element by element (arXiv 2110.06169, eq. 4)."""
    return torch.where(difference > 0.0, expectile, 1.0 - expectile) * difference.square()
