"""A model of the robot and its surroundings: an ensemble that predicts what an action brings about."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

LOG_VARIANCE = (-12.0, 2.0)
"""Least and largest that a member may claim of its error, standardised: rare transitions do not make it certain."""


@dataclass(frozen=True)
class Prediction:
    """Of every member, standardised.

    Attributes:
        change: (members, B, n_obs), expected of the observation.
        log_variance: (members, B, n_obs), of the change about it.
        reward: (members, B).
        termination: (members, B), logit.
    """

    change: Tensor
    log_variance: Tensor
    reward: Tensor
    termination: Tensor


class DynamicsEnsemble(nn.Module):
    """Several MLPs that differ by their initial weights and by the transitions that they learn from.

    Args:
        condition: length of the flattened observation history.
        actions: values of an action.
        observations: values of an observation.
        members: how many.
        widths: of the hidden layers.
    """

    def __init__(self, condition: int, actions: int, observations: int, members: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.members = nn.ModuleList(_mlp(condition + actions, widths, 2 * observations + 2) for _ in range(members))

    def forward(self, condition: Tensor, action: Tensor) -> Prediction:
        """Predict.

        Args:
            condition: (B, C), the same for all members, or (members, B, C).
            action: (B, A) or (members, B, A).
        """
        seen = torch.cat([condition, action], dim=-1)
        outputs = torch.stack(
            [member(seen if seen.ndim == 2 else seen[index]) for index, member in enumerate(self.members)]
        )
        change, log_variance = outputs[..., :-2].chunk(2, dim=-1)
        return Prediction(change, _bounded(log_variance), outputs[..., -2], outputs[..., -1])


def _bounded(log_variance: Tensor) -> Tensor:
    """Softly within `LOG_VARIANCE`."""
    least, most = LOG_VARIANCE
    below = most - functional.softplus(most - log_variance)
    return least + functional.softplus(below - least)


def _mlp(inputs: int, widths: tuple[int, ...], outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((inputs, *widths)):
        layers += [nn.Linear(before, after), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear((inputs, *widths)[-1], outputs))
