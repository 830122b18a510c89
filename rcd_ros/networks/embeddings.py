"""Embeddings of a noise level."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class NoiseEmbedding(nn.Module):
    """c_noise (B,) -> (B, size): sinusoids of geometrically spaced frequencies, then a two-layer perceptron."""

    frequencies: Tensor

    def __init__(self, size: int, frequencies: int = 32, highest: float = 64.0) -> None:
        super().__init__()
        spaced = torch.exp(torch.linspace(0.0, math.log(highest), frequencies))
        self.register_buffer("frequencies", spaced, persistent=False)
        self.layers = nn.Sequential(nn.Linear(2 * frequencies, size), nn.SiLU(), nn.Linear(size, size))

    def forward(self, noise: Tensor) -> Tensor:
        """Embed levels given as c_noise, shape (B,)."""
        angles = noise[:, None] * self.frequencies
        embedded: Tensor = self.layers(torch.cat([angles.sin(), angles.cos()], dim=1))
        return embedded


class JumpEmbedding(nn.Module):
    """Embedding of where a jump starts and, for a student, where it lands; (B, size).

    The landing level enters through a layer that starts at zero: a student loaded with its teacher's weights
    begins by ignoring it.
    """

    def __init__(self, size: int, jumps: bool) -> None:
        super().__init__()
        self.start = NoiseEmbedding(size)
        self.landing: nn.Sequential | None = None
        if jumps:
            last = nn.Linear(size, size)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.landing = nn.Sequential(NoiseEmbedding(size), nn.SiLU(), last)

    def forward(self, noise: Tensor, target: Tensor | None) -> Tensor:
        """Embed c_noise of the start (B,) and, where this network jumps, of the landing (B,)."""
        embedded: Tensor = self.start(noise)
        if self.landing is not None and target is not None:
            embedded = embedded + self.landing(target)
        return embedded
