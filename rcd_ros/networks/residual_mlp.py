"""A residual MLP over a whole chunk of actions: the fastest network on a CPU for short chunks.

The observation is an input together with the noisy chunk and, by default, through FiLM: at the highest noise level,
where the one-step planner is evaluated, the chunk carries no information.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rcd_ros.networks.embeddings import JumpEmbedding


class FilmBlock(nn.Module):
    """x + W2 dropout(silu(FiLM(W1 norm(x)))): one residual block modulated by an embedding."""

    def __init__(self, width: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, width)
        self.film = nn.Linear(embedding, 2 * width)
        self.dropout = nn.Dropout(dropout)
        self.second = nn.Linear(width, width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor, embedded: Tensor) -> Tensor:
        """x (B, width), embedded (B, embedding) -> (B, width)."""
        scale, shift = self.film(embedded).chunk(2, dim=1)
        hidden = nn.functional.silu(self.first(self.norm(x)) * (1.0 + scale) + shift)
        out: Tensor = x + self.second(self.dropout(hidden))
        return out


class ResidualMLP(nn.Module):
    """F(x, noise, condition, target): a chunk (B, H, A) and an observation history (B, C) -> (B, H, A).

    Args:
        horizon: H, steps of a chunk.
        actions: A, values of an action.
        condition: C, length of the flattened observation history.
        jumps: whether the network also takes the level a jump lands on (students do).
        width: hidden width.
        blocks: residual blocks.
        embedding: width of the joint embedding of noise level and observation.
        dropout: inside the blocks and on the FiLM embedding.
        film_observation: whether the observation modulates the blocks, too.
    """

    def __init__(
        self,
        horizon: int,
        actions: int,
        condition: int,
        jumps: bool,
        width: int = 512,
        blocks: int = 3,
        embedding: int = 128,
        dropout: float = 0.0,
        film_observation: bool = True,
    ) -> None:
        super().__init__()
        self.embedding = JumpEmbedding(embedding, jumps)
        self.observe: nn.Sequential | None = None
        if film_observation:
            self.observe = nn.Sequential(nn.Linear(condition, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.dropout = nn.Dropout(dropout)
        self.enter = nn.Linear(horizon * actions + condition, width)
        self.blocks = nn.ModuleList(FilmBlock(width, embedding, dropout) for _ in range(blocks))
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, horizon * actions))

    def forward(self, x: Tensor, noise: Tensor, condition: Tensor, target: Tensor | None = None) -> Tensor:
        """x (B, H, A); noise and target (B,); condition (B, C) -> (B, H, A)."""
        embedded = self.embedding(noise, target)
        if self.observe is not None:
            embedded = embedded + self.observe(condition)
        embedded = self.dropout(nn.functional.silu(embedded))
        hidden = self.enter(torch.cat([x.flatten(1), condition], dim=1))
        for block in self.blocks:
            hidden = block(hidden, embedded)
        out: Tensor = self.leave(hidden)
        return out.reshape(x.shape)
