"""What the training loop asks of a method: a loss with named metrics, and weights averaged over time."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


@dataclass(frozen=True)
class Batch:
    """Normalised training windows.

    Attributes:
        condition: (B, C), flattened observation histories.
        chunk: (B, H, A), clean chunks.
        returns: (B,), standardised return-to-go.
    """

    condition: Tensor
    chunk: Tensor
    returns: Tensor

    def __len__(self) -> int:
        return len(self.returns)

    def select(self, index: Tensor | slice) -> Batch:
        """The windows at `index`."""
        return Batch(self.condition[index], self.chunk[index], self.returns[index])

    def to(self, device: torch.device) -> Batch:
        """The same windows on another device."""
        return Batch(self.condition.to(device), self.chunk.to(device), self.returns.to(device))


class Objective(nn.Module):
    """A network in training, its averaged copy, and the loss that trains it.

    Subclasses implement `forward(batch) -> (loss, metrics)` and `validate(batch) -> metrics` with the key "loss"; each
    draws its randomness from torch's global generator, which the loop seeds at every step.
    """

    trained: nn.Module
    averaged: nn.Module

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.trained = network
        self.averaged = copy.deepcopy(network).requires_grad_(False).eval()

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss to descend (a scalar) and metrics to log."""
        raise NotImplementedError

    def validate(self, batch: Batch) -> dict[str, float]:
        """Metrics of the averaged weights on held-out windows; "loss" is what `keep: best` goes by."""
        raise NotImplementedError

    def begin_step(self, step: int) -> None:
        """Told before each step; for weights that change over the training."""

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the averaged weights towards the trained ones: w_avg = decay w_avg + (1 - decay) w."""
        # Not AveragedModel: it has one decay for the whole training, and prefixes the names in saved weights.
        update = get_ema_multi_avg_fn(decay)
        update(list(self.averaged.parameters()), list(self.trained.parameters()), 0)
        for mean, now in zip(self.averaged.buffers(), self.trained.buffers(), strict=True):
            mean.copy_(now)
