"""The student: one-step planner distilled from the teacher and steered by the critic (RACTD eq. 9).

Reward reaches it in two ways. The paper's: it climbs the critic's gradient at its own one-step chunks, here only up to
what the data achieved from the same state, and within the teacher's trust region. And by advantage weighting: chunks
of the data count the more the better the critic finds them, which asks the critic about nothing it has not seen.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn

from rcd_ros.generative.consistency import ConsistencyFunction, ctm_loss, dsm_loss, trust_region_loss
from rcd_ros.generative.edm import denoise, karras_grid, lognormal_sigmas
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.training.advantage import advantage_weight
from rcd_ros.training.objective import Batch, Objective
from rcd_ros.training.recipe import NoiseRecipe, StudentRecipe


class StudentObjective(Objective):
    """loss = alpha CTM + beta DSM + sigma_r Reward + trust region; chunks of the data weighted by their advantage.

    Args:
        network: student network, already holding the teacher's weights.
        teacher: the teacher's network; not trained here.
        critic: the ensemble that scores chunks, or None when nothing is to be rewarded.
        bounds: (2, A), smallest and largest admissible normalised command; chunks are scored as the robot would
            execute them, inside the bounds.
        step_weight: (H,) of mean 1, how much each step of a chunk counts in CTM, DSM and trust region; None: all alike.
        reward_unit: weight of the standardised return that `recipe.reward` = 1 stands for.
    """

    grid: Tensor
    bounds: Tensor
    step_weight: Tensor | None

    def __init__(
        self,
        network: nn.Module,
        teacher: nn.Module,
        critic: CriticEnsemble | None,
        recipe: StudentRecipe,
        noise: NoiseRecipe,
        bounds: Tensor,
        step_weight: Tensor | None = None,
        reward_unit: float = 1.0,
    ) -> None:
        super().__init__(network)
        self.teacher = teacher.requires_grad_(False).eval()
        self.critic = None if critic is None else critic.requires_grad_(False).eval()
        self.recipe = recipe
        self.noise = noise
        self.reward_unit = reward_unit
        self.reward_weight = 0.0
        ascending = karras_grid(recipe.levels, noise.sigma_min, noise.sigma_max, noise.rho).flip(0).float()
        self.register_buffer("grid", ascending, persistent=False)
        self.register_buffer("bounds", bounds, persistent=False)
        self.register_buffer("step_weight", step_weight, persistent=False)

    def begin_step(self, step: int) -> None:
        """Grow the reward's weight linearly over `reward_ramp` steps."""
        grown = min(1.0, step / self.recipe.reward_ramp) if self.recipe.reward_ramp else 1.0
        self.reward_weight = self.reward_unit * self.recipe.reward * grown

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted sum of the terms, and each of them."""
        student = self._function(self.trained, batch)
        weight = advantage_weight(self.critic, batch, self.recipe.advantage)
        terms = {"dsm": self.recipe.dsm * (weight * self._dsm(student, batch)).mean()}
        if self.recipe.ctm:
            share = slice(max(1, round(len(batch) * self.recipe.ctm_share)))
            ctm = self._ctm(batch.select(share))
            terms["ctm"] = self.recipe.ctm * (weight[share] * ctm).mean()
        if self.critic is not None and (self.recipe.reward or self.recipe.trust_region):
            chunk = self._scored_chunk(student, batch)
            opinion = self._opinion(self.critic, batch, chunk)
            worth = torch.minimum(opinion, self.critic.ceiling(batch.condition)) if self.recipe.ceiling else opinion
            terms["reward"] = -self.reward_weight * worth.mean()
            if self.recipe.trust_region:
                terms["trust_region"] = self.recipe.trust_region * self._trust_region(batch, chunk)
        loss = torch.stack(list(terms.values())).sum()
        metrics = {name: term.detach() for name, term in terms.items()}
        if self.recipe.advantage:
            metrics["effective_share"] = weight.sum().square() / (len(batch) * weight.square().sum())
        if "reward" in terms:
            metrics["predicted_return"] = opinion.detach().mean()
        return loss, {"loss": loss.detach(), **metrics}

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, float]:
        """One-step error on held-out chunks, and what teacher and critic think of the one-step chunks."""
        chunk = self._one_step(self._function(self.averaged, batch), batch)
        metrics = {
            "loss": float((chunk - batch.chunk).square().mean()),
            "trust_region": float(self._trust_region(batch, chunk)),
            "trust_region_of_data": float(self._trust_region(batch, batch.chunk)),
        }
        if self.critic is not None:
            metrics["ceiling"] = float(self.critic.ceiling(batch.condition).mean())
            metrics["predicted_return"] = float(self._opinion(self.critic, batch, chunk).mean())
            metrics["predicted_return_of_data"] = float(self._opinion(self.critic, batch, batch.chunk).mean())
        return metrics

    def _function(self, network: nn.Module, batch: Batch) -> ConsistencyFunction:
        return ConsistencyFunction(network, batch.condition, self.noise.sigma_data, self.noise.sigma_min)

    def _teacher(self, batch: Batch) -> functools.partial[Tensor]:
        return functools.partial(denoise, self.teacher, condition=batch.condition, sigma_data=self.noise.sigma_data)

    def _ctm(self, batch: Batch) -> Tensor:
        """Jump t -> s against a teacher step t -> u and the averaged student's jump u -> s; s <= u < t on the grid."""
        count = len(batch)
        start = torch.randint(1, len(self.grid), (count,), device=self.grid.device)
        landing = (torch.rand(count, device=self.grid.device) * start).long()
        t, u, s = self.grid[start], self.grid[start - 1], self.grid[landing]
        x = batch.chunk + t[:, None, None] * torch.randn_like(batch.chunk)
        student, frozen = self._function(self.trained, batch), self._function(self.averaged, batch)
        return ctm_loss(student, frozen, self._teacher(batch), x, t, u, s, self.recipe.huber, self.step_weight)

    def _dsm(self, student: ConsistencyFunction, batch: Batch) -> Tensor:
        index = torch.randint(0, len(self.grid), (len(batch),), device=self.grid.device)
        at_top = torch.rand(len(batch), device=self.grid.device) < self.recipe.dsm_top
        t = self.grid[torch.where(at_top, len(self.grid) - 1, index)]
        s = torch.zeros_like(t) if self.recipe.dsm_landing == "zero" else t
        noise = torch.randn_like(batch.chunk)
        return dsm_loss(student, batch.chunk, t, s, noise, self.recipe.huber, self.step_weight)

    def _scored_chunk(self, student: ConsistencyFunction, batch: Batch) -> Tensor:
        if self.recipe.reward_sample == "one_step":
            return self._one_step(student, batch)
        t = self.grid[torch.randint(0, len(self.grid), (len(batch),), device=self.grid.device)]
        x = batch.chunk + t[:, None, None] * torch.randn_like(batch.chunk)
        return student.endpoint(x, t, torch.zeros_like(t))

    def _one_step(self, student: ConsistencyFunction, batch: Batch) -> Tensor:
        return student.sample(torch.randn_like(batch.chunk), self.noise.sigma_max)

    def _opinion(self, critic: CriticEnsemble, batch: Batch, chunk: Tensor) -> Tensor:
        executed = torch.minimum(torch.maximum(chunk, self.bounds[0]), self.bounds[1])
        if self.recipe.projection:
            sigma = chunk.new_full((len(batch),), self.recipe.projection)
            executed = self._teacher(batch)(executed + self.recipe.projection * torch.randn_like(chunk), sigma)
        return critic.lower_bound(batch.condition, executed, self.recipe.pessimism)

    def _trust_region(self, batch: Batch, chunk: Tensor) -> Tensor:
        sigma = lognormal_sigmas(len(batch), self.noise.log_mean, self.noise.log_std).to(chunk)
        noise = torch.randn_like(chunk)
        return trust_region_loss(self._teacher(batch), chunk, sigma, noise, self.step_weight).mean()
