"""The critic: an ensemble of return-to-go regressors on clean observations and actions."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn


class ReturnRegressor(nn.Module):
    """R_psi(s, a): (B, C) and (B, H, A) -> (B,), in units of the return-to-go's standard deviation.

    Sees the first `steps` actions of a chunk (1, as the paper's critic, up to H), of long chunks only every
    `stride`-th of these.
    """

    def __init__(
        self, condition: int, actions: int, steps: int, stride: int, widths: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__()
        self.steps = steps
        self.stride = stride
        self.layers = _mlp(condition + -(-steps // stride) * actions, widths, 1, dropout)

    def forward(self, condition: Tensor, chunk: Tensor) -> Tensor:
        """Predicted return-to-go, standardised. Shapes: condition (B, C), chunk (B, H, A) -> (B,)."""
        seen = chunk[:, : self.steps : self.stride].flatten(1)
        predicted: Tensor = self.layers(torch.cat([condition, seen], dim=1))
        return predicted.squeeze(1)


class DeterministicActor(nn.Module):
    """pi(s): (B, C) -> (B, `steps`, A), normalised, inside the bounds: the policy that a critic's targets follow.

    Args:
        condition: C, length of the flattened observation history.
        bounds: (2, A), smallest and largest admissible normalised action.
        steps: actions of a chunk.
        widths: of the hidden layers.
    """

    middle: Tensor
    reach: Tensor

    def __init__(self, condition: int, bounds: Tensor, steps: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.steps = steps
        self.layers = _mlp(condition, widths, steps * bounds.shape[1], 0.0)
        self.register_buffer("middle", bounds.mean(dim=0))
        self.register_buffer("reach", (bounds[1] - bounds[0]) / 2.0)

    def forward(self, condition: Tensor) -> Tensor:
        """Shapes: condition (B, C) -> (B, steps, A)."""
        squashed = torch.tanh(self.layers(condition)).reshape(len(condition), self.steps, -1)
        chunk: Tensor = squashed * self.reach + self.middle
        return chunk


class CriticEnsemble(nn.Module):
    """Several regressors that differ by their initial weights.

    Opinions are standardised; `return_mean` and `return_std` (buffers, saved with the weights) undo that.
    """

    return_mean: Tensor
    return_std: Tensor

    def __init__(
        self,
        condition: int,
        actions: int,
        members: int = 3,
        steps: int = 1,
        stride: int = 1,
        widths: tuple[int, ...] = (256, 256, 256),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(
            ReturnRegressor(condition, actions, steps, stride, widths, dropout) for _ in range(members)
        )
        self.best = ReturnRegressor(condition, actions, 0, 1, widths, dropout)
        self.register_buffer("return_mean", torch.zeros(()))
        self.register_buffer("return_std", torch.ones(()))

    def calibrate(self, mean: float, std: float) -> None:
        """Remember how the return-to-go was standardised."""
        self.return_mean.fill_(mean)
        self.return_std.fill_(std)

    def forward(self, condition: Tensor, chunk: Tensor) -> Tensor:
        """Every member's opinion, (members, B)."""
        return torch.stack([member(condition, chunk) for member in self.members])

    def ceiling(self, condition: Tensor) -> Tensor:
        """What the best of the data got from here on: an upper quantile of the return-to-go, standardised, (B,)."""
        best: Tensor = self.best(condition, condition.new_empty(len(condition), 0, 0))
        return best

    def lower_bound(self, condition: Tensor, chunk: Tensor, pessimism: float) -> Tensor:
        """mean - pessimism * std over the members, (B,): what the ensemble agrees on at least."""
        opinions: Tensor = self(condition, chunk)
        if pessimism == 0.0 or len(self.members) == 1:
            return opinions.mean(dim=0)
        return opinions.mean(dim=0) - pessimism * opinions.std(dim=0)

    def expected_return(self, condition: Tensor, chunk: Tensor) -> Tensor:
        """Mean opinion in units of the reward, (B,)."""
        opinions: Tensor = self(condition, chunk)
        return opinions.mean(dim=0) * self.return_std + self.return_mean


def _mlp(inputs: int, widths: tuple[int, ...], outputs: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((inputs, *widths)):
        layers += [nn.Linear(before, after), nn.LayerNorm(after), nn.SiLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear((inputs, *widths)[-1], outputs))
