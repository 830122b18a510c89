"""Advantage weighting: the better the critic finds a chunk of the data, the more it counts in what is imitated."""

from __future__ import annotations

import torch
from torch import Tensor

from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.training.objective import Batch


@torch.no_grad()
def advantage_weight(critic: CriticEnsemble | None, batch: Batch, temperature: float) -> Tensor:
    """How much each chunk of a batch counts, (B,), mean 1: exp(min(0, R(s, a) - ceiling(s)) / temperature).

    The critic is asked about chunks of the data only, where it is good, so there is nothing to exploit.

    Args:
        critic: None: all alike.
        batch: chunks of the data.
        temperature: standard deviations of the return; 0: all alike.
    """
    if critic is None or not temperature:
        return torch.ones_like(batch.returns)
    opinion = critic(batch.condition, batch.chunk).mean(dim=0)
    gap = (opinion - critic.ceiling(batch.condition)).clamp(max=0.0)
    weight = (gap / temperature).exp()
    return weight / weight.mean()
