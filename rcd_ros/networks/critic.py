"""The critic: an ensemble of return-to-go regressors on clean observations and commands."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ReturnRegressor(nn.Module):
    """R_psi(s, a): (B, C) and (B, H, A) -> (B,), in units of the return-to-go's standard deviation.

    Sees the first `steps` commands of a chunk (1, as the paper's critic, up to H).
    """

    def __init__(self, condition: int, commands: int, steps: int, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.steps = steps
        sizes = (condition + steps * commands, *widths)
        layers: list[nn.Module] = []
        for before, after in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Linear(before, after), nn.LayerNorm(after), nn.SiLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], 1))

    def forward(self, condition: Tensor, chunk: Tensor) -> Tensor:
        """Predicted return-to-go, standardised. Shapes: condition (B, C), chunk (B, H, A) -> (B,)."""
        return self.layers(torch.cat([condition, chunk[:, : self.steps].flatten(1)], dim=1)).squeeze(1)


class CriticEnsemble(nn.Module):
    """Several regressors that differ by their initial weights and the episodes' order."""

    def __init__(
        self,
        condition: int,
        commands: int,
        members: int = 3,
        steps: int = 1,
        widths: tuple[int, ...] = (256, 256, 256),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(
            ReturnRegressor(condition, commands, steps, widths, dropout) for _ in range(members)
        )

    def forward(self, condition: Tensor, chunk: Tensor) -> Tensor:
        """Every member's opinion, (members, B)."""
        return torch.stack([member(condition, chunk) for member in self.members])

    def lower_bound(self, condition: Tensor, chunk: Tensor, pessimism: float) -> Tensor:
        """mean - pessimism * std over the members, (B,): what the ensemble agrees on at least."""
        opinions = self(condition, chunk)
        if pessimism == 0.0 or len(self.members) == 1:
            return opinions.mean(dim=0)
        return opinions.mean(dim=0) - pessimism * opinions.std(dim=0)
