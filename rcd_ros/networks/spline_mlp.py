"""A residual MLP over the control points of a spline: long, smooth chunks at the price of short ones.

A robot's states do not jump from one control period to the next. Over a few hundred periods a cubic B-spline with a
control point every few periods holds all there is to plan, so the network works on the control points alone: it sees
the least-squares fit of the noisy chunk and answers with control points. What the fit leaves over is noise, and is
taken out of the chunk entirely.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rcd_ros.networks.residual_mlp import ResidualMLP

DEGREE = 3


class SplineMLP(nn.Module):
    """F(x, noise, condition, target): a chunk (B, H, A) and an observation history (B, C) -> (B, H, A).

    F answers to EDM's preconditioning with sigma_data = 1: there, F = -x / sigma (x scaled as F gets it) is what
    denoises to zero, and that is its answer to the rough part of x.

    Args:
        horizon: H, steps of a chunk.
        actions: A, values of an action.
        condition: C, length of the flattened observation history.
        jumps: whether the network also takes the level a jump lands on (students do).
        stride: steps from one control point to the next.
        width: hidden width.
        blocks: residual blocks.
        frequencies: sines and cosines of each observed value as further inputs: between walls the best path
            changes abruptly with the position, which an MLP learns slowly from positions alone.
        embedding: width of the joint embedding of noise level and observation.
        dropout: inside the blocks and on the FiLM embedding.
    """

    spread: Tensor
    fit: Tensor
    frequencies: Tensor

    def __init__(
        self,
        horizon: int,
        actions: int,
        condition: int,
        jumps: bool,
        stride: int = 8,
        width: int = 512,
        blocks: int = 3,
        frequencies: int = 4,
        embedding: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        spread = spline_basis(horizon, stride)
        self.register_buffer("spread", spread.T.float().contiguous(), persistent=False)
        self.register_buffer("fit", torch.linalg.pinv(spread).T.float().contiguous(), persistent=False)
        self.register_buffer("frequencies", 2.0 ** torch.arange(frequencies), persistent=False)
        points, seen = spread.shape[1], condition * (1 + 2 * frequencies)
        self.layers = ResidualMLP(points, actions, seen, jumps, width, blocks, embedding, dropout)

    def forward(self, x: Tensor, noise: Tensor, condition: Tensor, target: Tensor | None = None) -> Tensor:
        """x (B, H, A); noise and target (B,); condition (B, C) -> (B, H, A)."""
        # With time last, one matrix product serves all chunks and values.
        steps = x.transpose(1, 2)
        points = steps @ self.fit
        angles = (condition[:, :, None] * self.frequencies).flatten(1)
        seen = torch.cat([condition, angles.sin(), angles.cos()], dim=1)
        answer: Tensor = self.layers(points, noise, seen, target)
        sigma = (4.0 * noise).exp()[:, None, None]
        smooth = (answer + points / sigma) @ self.spread
        return (smooth - steps / sigma).transpose(1, 2)


def spline_basis(horizon: int, stride: int) -> Tensor:
    """Natural cubic splines at the steps 0 ... horizon - 1: (horizon, control points), float64, rows sum to 1.

    These are uniform cubic B-splines but for the outermost ones: there the curvature is zero, because the
    first few steps determine an outermost control point mostly by noise.

    Raises:
        ValueError: the horizon is shorter than two strides.
    """
    spans = -(-horizon // stride)
    if horizon < 2 * stride:
        raise ValueError(f"a spline with a control point every {stride} steps needs a horizon of {2 * stride} or more")
    steps = torch.arange(horizon, dtype=torch.float64) / stride
    span = steps.floor()
    u = steps - span
    pieces = torch.stack(
        [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], dim=1
    )  # de Boor's cubic pieces, times 6
    basis = torch.zeros(horizon, spans + DEGREE, dtype=torch.float64)
    basis.scatter_(1, span.long()[:, None] + torch.arange(DEGREE + 1), pieces / 6.0)
    for outer, next_in, third in ((0, 1, 2), (-1, -2, -3)):
        basis[:, next_in] += 2.0 * basis[:, outer]
        basis[:, third] -= basis[:, outer]
    return basis[:, 1:-1]
