"""RACTD (arXiv 2506.07822): the losses of teacher and student. Teacher, critic and student are trained in this order.

    teacher   E lambda(sigma) |D(x + sigma eps; sigma) - x|^2                               eq. 4
    critic    E (R(o, x) - return-to-go)^2                                                  `training/critic.py`
    student   alpha CTM + beta DSM - sigma_r R(o, G(sigma_max eps, sigma_max, 0))           eq. 9
              CTM: jump t -> s = teacher's step t -> u, then the averaged student's u -> s  eq. 7
              DSM: g(x + t eps, t, 0) = x                                                   eq. 8

x is a chunk of the data, o the history of observations before it, all normalised. D and G stand in
`generative/edm.py` and `generative/consistency.py` (eq. 5), the distances of CTM and DSM too.
"""

from __future__ import annotations

import copy
import functools
import math
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from rcd_ros.data.windows.batches import Batch
from rcd_ros.generative.consistency import ConsistencyFunction, ctm_loss, dsm_loss, trust_region_loss
from rcd_ros.generative.edm import denoise, edm_loss, karras_grid, lognormal_sigmas
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.training.recipe import NoiseRecipe, Recipe, StudentRecipe

LEAST_SLOPE = 1e-3
"""Of the critic, that a reward of the scale `shift` is weighed by: one that ignores the actions pulls nothing."""
NetworkT = TypeVar("NetworkT", bound=nn.Module, covariant=True)


class Objective(nn.Module, Generic[NetworkT]):
    """A network in training, its exponential moving average (EMA), and the loss that trains it.

    Subclasses implement `forward(batch) -> (loss, metrics)` and `validate(batch) -> metrics` with the key "loss"; each
    draws its randomness from torch's global generator, which the loop seeds at every step.

    Attributes:
        net: the network that is optimised.
        ema: its average, which is validated and kept.
    """

    net: NetworkT
    ema: NetworkT

    def __init__(self, network: NetworkT) -> None:
        super().__init__()
        self.net = network
        self.ema = copy.deepcopy(network).requires_grad_(False).eval()

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss to descend (a scalar) and metrics to log."""
        raise NotImplementedError

    def validate(self, batch: Batch) -> dict[str, float]:
        """Metrics of the averaged weights on held-out windows; `keep: best` keeps the state with the least "loss"."""
        raise NotImplementedError

    @property
    def kept(self) -> nn.Module:
        """What of the average is kept when the training has ended: all of it."""
        return self.ema

    def begin_step(self, step: int) -> None:
        """Called before each step; for weights of the loss that change over the training."""

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the average: ema = decay ema + (1 - decay) net."""
        # Not AveragedModel: it has one decay for the whole training, and prefixes the names in saved weights.
        update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]  # torch has no types here
        update(list(self.ema.parameters()), list(self.net.parameters()), 0)
        for mean, now in zip(self.ema.buffers(), self.net.buffers(), strict=True):
            mean.copy_(now)


class TeacherObjective(Objective[nn.Module]):
    """The diffusion planner of every mode in the data (eq. 4): denoises chunks at log-normal noise levels.

    Args:
        network: the teacher's network.
        noise: noise levels.
        critic: weighs the chunks where `advantage` is above 0; else not needed.
        advantage: temperature of a chunk's weight (`advantage_weight`); 0: all alike.
    """

    def __init__(
        self, network: nn.Module, noise: NoiseRecipe, critic: CriticEnsemble | None = None, advantage: float = 0.0
    ) -> None:
        super().__init__(network)
        self.noise = noise
        self.critic = None if critic is None else critic.requires_grad_(False).eval()
        self.advantage = advantage

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted EDM loss of the network."""
        loss = self._loss(self.net, batch)
        return loss, {"loss": loss.detach()}

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, float]:
        """Weighted EDM loss of the average."""
        return {"loss": float(self._loss(self.ema, batch))}

    def _loss(self, network: nn.Module, batch: Batch) -> Tensor:
        weight = advantage_weight(self.critic, batch, self.advantage)
        sigma = lognormal_sigmas(len(batch), self.noise.log_mean, self.noise.log_std).to(batch.chunk)
        eps = torch.randn_like(batch.chunk)
        return (weight * edm_loss(network, batch.chunk, batch.condition, sigma, eps, self.noise.sigma_data)).mean()


class StudentObjective(Objective[nn.Module]):
    """Distils the teacher into one jump and steers it towards return (eq. 9).

        loss = alpha w CTM + beta w DSM - sigma_r min(R, ceiling) + lambda |D(x_hat + sigma eps; sigma) - x_hat|^2

    Return reaches the student in two ways. By the critic's gradient at the student's own one-step chunk x_hat (the
    paper's way), here only up to the ceiling, which the data achieved from the same state, and within the teacher's
    trust region (arXiv 2405.19690). And by advantage weights w on the chunks of the data, for which the critic is
    evaluated at data only.

    Args:
        network: student network, already holding the teacher's weights.
        teacher: the teacher's network; not trained here.
        critic: the ensemble that scores chunks, or None when nothing is to be rewarded.
        bounds: (2, A), smallest and largest admissible normalised action; chunks are scored as the robot would
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
        """Weighted sum of the terms (eq. 9), and each of them."""
        recipe, student = self.recipe, self.function(self.net, batch)
        weight = advantage_weight(self.critic, batch, recipe.advantage)
        terms = {"dsm": recipe.dsm * (weight * self.dsm(student, batch)).mean()}
        if recipe.ctm:
            count = max(1, round(len(batch) * recipe.ctm_share))
            terms["ctm"] = recipe.ctm * (weight[:count] * self.ctm(batch.first(count))).mean()
        metrics = {}
        if self.critic is not None and (recipe.reward or recipe.trust_region):
            chunk = self.scored_chunk(student, batch)
            score = self.score(self.critic, batch, chunk)
            capped = torch.minimum(score, self.critic.ceiling(batch.condition)) if recipe.ceiling else score
            terms["reward"] = -self.reward_weight * capped.mean()
            if recipe.trust_region:
                terms["trust_region"] = recipe.trust_region * self.trust_region(batch, chunk)
            metrics["predicted_return"] = score.detach().mean()
        if recipe.advantage:
            metrics["effective_share"] = weight.sum().square() / (len(batch) * weight.square().sum())
        loss = torch.stack(list(terms.values())).sum()
        return loss, {"loss": loss.detach(), **{name: term.detach() for name, term in terms.items()}, **metrics}

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, float]:
        """One-step error on held-out chunks, and how teacher and critic rate the one-step chunks."""
        chunk = self.one_step(self.function(self.ema, batch), batch)
        metrics = {
            "loss": float((chunk - batch.chunk).square().mean()),
            "trust_region": float(self.trust_region(batch, chunk)),
            "trust_region_of_data": float(self.trust_region(batch, batch.chunk)),
        }
        if self.critic is not None:
            metrics["ceiling"] = float(self.critic.ceiling(batch.condition).mean())
            metrics["predicted_return"] = float(self.score(self.critic, batch, chunk).mean())
            metrics["predicted_return_of_data"] = float(self.score(self.critic, batch, batch.chunk).mean())
        return metrics

    def ctm(self, batch: Batch) -> Tensor:
        """Eq. 7, (B,): jump t -> s against a teacher step t -> u and the average's jump u -> s; s <= u < t on the grid.

        Both are carried on to 0 by the average and compared there.
        """
        count = len(batch)
        start = torch.randint(1, len(self.grid), (count,), device=self.grid.device)
        landing = (torch.rand(count, device=self.grid.device) * start).long()
        t, u, s = self.grid[start], self.grid[start - 1], self.grid[landing]
        x = batch.chunk + t[:, None, None] * torch.randn_like(batch.chunk)
        student, frozen = self.function(self.net, batch), self.function(self.ema, batch)
        return ctm_loss(student, frozen, self.denoiser(batch), x, t, u, s, self.recipe.huber, self.step_weight)

    def dsm(self, student: ConsistencyFunction, batch: Batch) -> Tensor:
        """Eq. 8, (B,): g(x + t eps, t, 0) against x; a share of the levels t is sigma_max, where a plan starts."""
        index = torch.randint(0, len(self.grid), (len(batch),), device=self.grid.device)
        at_top = torch.rand(len(batch), device=self.grid.device) < self.recipe.dsm_top
        t = self.grid[torch.where(at_top, len(self.grid) - 1, index)]
        s = torch.zeros_like(t) if self.recipe.dsm_landing == "zero" else t
        noise = torch.randn_like(batch.chunk)
        return dsm_loss(student, batch.chunk, t, s, noise, self.recipe.huber, self.step_weight)

    def scored_chunk(self, student: ConsistencyFunction, batch: Batch) -> Tensor:
        """The chunk (B, H, A) that is rewarded: the one that would be executed, or (the paper) a denoised one."""
        if self.recipe.reward_sample == "one_step":
            return self.one_step(student, batch)
        t = self.grid[torch.randint(0, len(self.grid), (len(batch),), device=self.grid.device)]
        x = batch.chunk + t[:, None, None] * torch.randn_like(batch.chunk)
        return student.endpoint(x, t, torch.zeros_like(t))

    def score(self, critic: CriticEnsemble, batch: Batch, chunk: Tensor) -> Tensor:
        """The critic's lower bound R, (B,), for chunks (B, H, A) clipped to the bounds; `projection` denoises them."""
        executed = torch.minimum(torch.maximum(chunk, self.bounds[0]), self.bounds[1])
        if self.recipe.projection:
            sigma = chunk.new_full((len(batch),), self.recipe.projection)
            executed = self.denoiser(batch)(executed + self.recipe.projection * torch.randn_like(chunk), sigma)
        return critic.lower_bound(batch.condition, executed, self.recipe.pessimism)

    def trust_region(self, batch: Batch, chunk: Tensor) -> Tensor:
        """The teacher's loss at chunks (B, H, A) of the student, a scalar (Diffusion Trusted Q-Learning)."""
        sigma = lognormal_sigmas(len(batch), self.noise.log_mean, self.noise.log_std).to(chunk)
        noise = torch.randn_like(chunk)
        return trust_region_loss(self.denoiser(batch), chunk, sigma, noise, self.step_weight).mean()

    def one_step(self, student: ConsistencyFunction, batch: Batch) -> Tensor:
        """G(sigma_max eps, sigma_max, 0), (B, H, A): what is planned at run time."""
        return student.sample(torch.randn_like(batch.chunk), self.noise.sigma_max)

    def function(self, network: nn.Module, batch: Batch) -> ConsistencyFunction:
        """G of a network, given the batch's observations."""
        return ConsistencyFunction(network, batch.condition, self.noise.sigma_data, self.noise.sigma_min)

    def denoiser(self, batch: Batch) -> functools.partial[Tensor]:
        """D of the teacher, given the batch's observations."""
        return functools.partial(denoise, self.teacher, condition=batch.condition, sigma_data=self.noise.sigma_data)


@torch.no_grad()
def advantage_weight(critic: CriticEnsemble | None, batch: Batch, temperature: float) -> Tensor:
    """Weight of each chunk of the data, (B,) of mean 1: exp(min(0, R(o, x) - ceiling(o)) / temperature).

    Advantage-weighted regression (Peng et al. 2019, arXiv 1910.00177) with the ceiling, a quantile of the state's
    return, as value. The critic is evaluated at chunks of the data only, so there is nothing to exploit.

    Args:
        critic: None: all alike.
        batch: chunks of the data.
        temperature: standard deviations of the return; 0: all alike.
    """
    if critic is None or not temperature:
        return torch.ones_like(batch.returns)
    score = critic(batch.condition, batch.chunk).mean(dim=0)
    advantage = (score - critic.ceiling(batch.condition)).clamp(max=0.0)
    weight: Tensor = (advantage / temperature).exp()
    return weight / weight.mean()


def step_weights(recipe: Recipe) -> Tensor | None:
    """(H,) of mean 1: the executed steps of a chunk have `student.executed_share` of the whole; None: all alike."""
    share, executed, horizon = recipe.student.executed_share, recipe.execute, recipe.horizon
    if share is None or executed == horizon:
        return None
    weights = torch.full((horizon,), (1.0 - share) * horizon / (horizon - executed))
    weights[:executed] = share * horizon / executed
    return weights


def executed_weight(recipe: Recipe) -> float:
    """How much an executed step of a chunk counts in DSM, where the mean over the chunk is 1."""
    weights = step_weights(recipe)
    return 1.0 if weights is None else float(weights[0])


def reward_unit(recipe: Recipe, return_range: tuple[float, float], slope: float = math.nan) -> float:
    """Weight of the standardised return that `student.reward` = 1 stands for.

    `paper`: RACTD scales returns to [-1, 1] and squares distances. A pseudo-Huber distance is |d|^2 / 2c near zero:
    1/2c as steep.

    `shift`: DSM's loss of an action whose A values are d beside the data's is beta w A d^2 / 2cHA, the reward's gain
    slope * d. They balance at d = 1 with the weight beta w / (c H slope).

    Args:
        recipe: of the student.
        return_range: the least and the largest return of the data, standardised.
        slope: of the return in an executed value (`critic_slope`), for `shift`; NaN: not known yet, and so is the unit.
    """
    student = recipe.student
    if student.reward_scale == "paper":
        low, high = return_range
        return 2.0 / max(high - low, 1e-6) / (2.0 * student.huber)
    if student.reward_scale == "shift":
        return student.dsm * executed_weight(recipe) / (student.huber * recipe.horizon * max(slope, LEAST_SLOPE))
    return 1.0


def critic_slope(critic: CriticEnsemble, batch: Batch) -> float:
    """How steeply the critic's mean changes with an action, at these windows of the data.

    Returns:
        The sum over an action's values of the mean |dR/da|, of the actions that the critic sees: standard deviations of
        the return for one of the value.
    """
    chunk = batch.chunk.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(batch.condition, chunk).mean(dim=0).sum(), chunk)
    seen = slope.abs().mean(dim=0)
    return float(seen[seen.sum(dim=1) > 0.0].sum(dim=1).mean()) if bool((seen > 0.0).any()) else 0.0
