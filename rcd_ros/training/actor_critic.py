"""A critic of a policy that is better than the data's and stays near them: TD3+BC's critic, with its own policy pi.

    Q(o_t, a)  towards  sum_{i < k} gamma^i r_{t+i} + gamma^k min_j Q_j'(o_{t+k}, pi'(o_{t+k}) + noise)
    pi(o)      descends |pi(o) - a|^2 - alpha Q'(o, pi(o)) / |Q'|       Fujimoto and Gu 2021, arXiv 2106.06860, eq. 3
    V(o)       towards  min_j Q_j'(o, pi'(o))

' marks averaged networks, which are the targets. Implicit Q-learning's values (`training/critic.py`) are an expectile
over the data's actions; these are of the best actions near the data, which follow the critic as it learns. The student
is not involved: critic and pi are trained first, pi is dropped, and the student climbs the frozen critic, as in the
paper.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rcd_ros.data.windows.batches import Batch, Outcome
from rcd_ros.networks.critic import CriticEnsemble, DeterministicActor
from rcd_ros.training.critic import held_out_errors
from rcd_ros.training.method import Objective
from rcd_ros.training.recipe import CriticRecipe

SMOOTHING, SMOOTHING_CLIP = 0.2, 0.5
"""Noise on pi's action in the targets, standard deviation and bound, in half ranges of the action (TD3)."""
LEAST_SCALE = 1e-3
"""Of |Q'|, in standard deviations of the return."""


class ActorCritic(nn.Module):
    """A critic and the policy that its targets follow."""

    def __init__(self, critic: CriticEnsemble, actor: DeterministicActor) -> None:
        super().__init__()
        self.critic = critic
        self.actor = actor


class ActorCriticObjective(Objective[ActorCritic]):
    """Trains a critic and its policy together; the critic is what is kept.

    Args:
        network: both, untrained; the critic is calibrated.
        recipe: of the critic.
    """

    def __init__(self, network: ActorCritic, recipe: CriticRecipe) -> None:
        super().__init__(network)
        self.recipe = recipe
        self._bootstraps = False

    @property
    def kept(self) -> nn.Module:
        """The averaged critic without its policy."""
        return self.ema.critic

    def begin_step(self, step: int) -> None:
        """Bootstrap once the returns have given the values their scale."""
        self._bootstraps = step >= self.recipe.return_steps

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared errors of Q and V, and the policy's loss."""
        outcome, value = _outcome(batch), self.net.critic.ceiling(batch.condition)
        with torch.no_grad():
            if self._bootstraps:
                target, known = self._bootstrapped(outcome, smoothing=SMOOTHING), torch.ones_like(value)
                worth = self.ema.critic(batch.condition, self.ema.actor(batch.condition)).amin(dim=0)
            else:
                target, known, worth = batch.returns, outcome.known, batch.returns
        error = (known * (self.net.critic(batch.condition, batch.chunk) - target).square()).mean()
        ceiling = (known * (value - worth).square()).mean()
        policy, metrics = self._policy_loss(batch)
        loss = error + ceiling + policy
        return loss, {"loss": loss.detach(), "error": error.detach(), "ceiling": ceiling.detach(), **metrics}

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, float]:
        """Held-out error, that with shuffled chunks, how far the policy is from the data and what it is worth."""
        critic, target = self.ema.critic, self._bootstrapped(_outcome(batch), smoothing=0.0)
        errors = held_out_errors(critic, batch, target)
        actions = self.ema.actor(batch.condition)
        return errors | {
            "policy_distance": float(self._distance(actions, batch).mean()),
            "policy_return": float(critic(batch.condition, actions).mean()),
            "return_of_data": float(critic(batch.condition, batch.chunk).mean()),
        }

    def _bootstrapped(self, outcome: Outcome, smoothing: float) -> Tensor:
        """(B,): what followed, and what pi' is worth from there."""
        actor = self.ema.actor
        actions = actor(outcome.following)
        noise = (smoothing * torch.randn_like(actions)).clamp(-SMOOTHING_CLIP, SMOOTHING_CLIP)
        smoothed = (actions + noise * actor.reach - actor.middle) / actor.reach
        following = smoothed.clamp(-1.0, 1.0) * actor.reach + actor.middle
        worth: Tensor = self.ema.critic(outcome.following, following).amin(dim=0)
        return outcome.gain + outcome.carry * worth

    def _policy_loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        actions, critic = self.net.actor(batch.condition), self.ema.critic
        worth = critic(batch.condition, actions).mean(dim=0)
        # |Q'| in units of the reward, then in those of the critic.
        size = (worth.detach() * critic.return_std + critic.return_mean).abs().mean() / critic.return_std
        distance = self._distance(actions, batch).mean()
        greed = self.recipe.greed / size.clamp(min=LEAST_SCALE)
        return distance - greed * worth.mean(), {
            "policy_distance": distance.detach(),
            "policy_return": worth.mean().detach(),
        }

    def _distance(self, actions: Tensor, batch: Batch) -> Tensor:
        """Squared distance to the data's actions, (B,), in half ranges of the action, the mean over the values."""
        actor = self.net.actor
        difference: Tensor = (actions - batch.chunk[:, : actor.steps]) / actor.reach
        squared: Tensor = difference.square().mean(dim=(1, 2))
        return squared


def _outcome(batch: Batch) -> Outcome:
    assert batch.outcome is not None  # `material.prepare` cuts outcomes for every target but the returns
    return batch.outcome
