"""A temporal U-Net: 1-D convolutions along the chunk, FiLM-conditioned on noise level and observation history.

As in Diffuser (Janner et al. 2022) and Diffusion Policy (Chi et al. 2023).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rcd_ros.networks.embeddings import JumpEmbedding


class TemporalBlock(nn.Module):
    """Two convolutions with group norm, the first one modulated by FiLM, and a residual path."""

    def __init__(self, channels_in: int, channels: int, embedding: int, kernel: int, dropout: float) -> None:
        super().__init__()
        groups = min(8, channels // 4)
        self.first = nn.Conv1d(channels_in, channels, kernel, padding=kernel // 2)
        self.norm = nn.GroupNorm(groups, channels)
        self.film = nn.Linear(embedding, 2 * channels)
        self.dropout = nn.Dropout(dropout)
        self.second = nn.Sequential(
            nn.Conv1d(channels, channels, kernel, padding=kernel // 2), nn.GroupNorm(groups, channels), nn.SiLU()
        )
        self.residual = nn.Conv1d(channels_in, channels, 1) if channels_in != channels else nn.Identity()

    def forward(self, x: Tensor, embedded: Tensor) -> Tensor:
        """x (B, channels_in, H), embedded (B, embedding) -> (B, channels, H)."""
        scale, shift = self.film(self.dropout(embedded))[:, :, None].chunk(2, dim=1)
        hidden = nn.functional.silu(self.norm(self.first(x)) * (1.0 + scale) + shift)
        out: Tensor = self.second(hidden) + self.residual(x)
        return out


class TemporalUnet(nn.Module):
    """F(x, noise, condition, target) over chunks (B, H, A) of any horizon divisible by 2^(len(widths) - 1).

    Args:
        horizon: H, steps of a chunk.
        actions: A, values of an action.
        condition: C, length of the flattened observation history.
        jumps: whether the network also takes the level a jump lands on (students do).
        widths: channels at each resolution; the horizon is halved between them.
        embedding: width of the joint embedding of noise level and observation.
        kernel: convolution length, steps.
        dropout: on the FiLM embedding, as in RACTD.
    """

    def __init__(
        self,
        horizon: int,
        actions: int,
        condition: int,
        jumps: bool,
        widths: tuple[int, ...] = (64, 128, 256),
        embedding: int = 128,
        kernel: int = 5,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        factor = 2 ** (len(widths) - 1)
        if horizon % factor:
            raise ValueError(f"a U-Net of {len(widths)} widths needs a horizon divisible by {factor}, got {horizon}")

        def block(channels_in: int, channels: int) -> TemporalBlock:
            return TemporalBlock(channels_in, channels, 2 * embedding, kernel, dropout)

        self.embedding = JumpEmbedding(embedding, jumps)
        self.observe = nn.Sequential(nn.Linear(condition, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        entries = (actions, *widths[:-1])
        self.down_blocks = nn.ModuleList(block(before, width) for before, width in zip(entries, widths, strict=True))
        self.halvings = nn.ModuleList(nn.Conv1d(width, width, 3, stride=2, padding=1) for width in widths[:-1])
        self.middle = block(widths[-1], widths[-1])
        self.doublings = nn.ModuleList(
            nn.ConvTranspose1d(deep, shallow, 4, stride=2, padding=1)
            for shallow, deep in zip(widths[-2::-1], widths[:0:-1], strict=True)
        )
        self.up_blocks = nn.ModuleList(block(2 * width, width) for width in widths[-2::-1])
        self.leave = nn.Conv1d(widths[0], actions, 1)

    def forward(self, x: Tensor, noise: Tensor, condition: Tensor, target: Tensor | None = None) -> Tensor:
        """x (B, H, A); noise and target (B,); condition (B, C) -> (B, H, A)."""
        embedded = nn.functional.silu(torch.cat([self.embedding(noise, target), self.observe(condition)], dim=1))
        hidden = x.transpose(1, 2)
        skips: list[Tensor] = []
        for level, block in enumerate(self.down_blocks):
            hidden = block(hidden, embedded)
            if level < len(self.halvings):
                skips.append(hidden)
                hidden = self.halvings[level](hidden)
        hidden = self.middle(hidden, embedded)
        for doubling, block in zip(self.doublings, self.up_blocks, strict=True):
            hidden = block(torch.cat([doubling(hidden), skips.pop()], dim=1), embedded)
        out: Tensor = self.leave(hidden)
        return out.transpose(1, 2)
