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
        commands: A, values of a step.
        condition: C, length of the flattened observation history.
        jumps: whether the network also takes the level a jump lands on (students do).
        stride: steps from one control point to the next.
        width: hidden width.
        blocks: residual blocks.
        embedding: width of the joint embedding of noise level and observation.
        dropout: inside the blocks and on the FiLM embedding.
    """

    spread: Tensor
    fit: Tensor

    def __init__(
        self,
        horizon: int,
        commands: int,
        condition: int,
        jumps: bool,
        stride: int = 8,
        width: int = 512,
        blocks: int = 3,
        embedding: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        spread = spline_basis(horizon, stride)
        self.register_buffer("spread", spread.T.float().contiguous(), persistent=False)
        self.register_buffer("fit", torch.linalg.pinv(spread).T.float().contiguous(), persistent=False)
        points = spread.shape[1]
        self.layers = ResidualMLP(points, commands, condition, jumps, width, blocks, embedding, dropout)

    def forward(self, x: Tensor, noise: Tensor, condition: Tensor, target: Tensor | None = None) -> Tensor:
        """x (B, H, A); noise and target (B,); condition (B, C) -> (B, H, A)."""
        # With time last, one matrix product serves all chunks and values.
        steps = x.transpose(1, 2)
        points = steps @ self.fit
        answer = self.layers(points, noise, condition, target)
        sigma = (4.0 * noise).exp()[:, None, None]
        smooth = (answer + points / sigma) @ self.spread
        return (smooth - steps / sigma).transpose(1, 2)


def spline_basis(horizon: int, stride: int) -> Tensor:
    """Uniform cubic B-splines at the steps 0 ... horizon - 1: (horizon, control points), float64, rows sum to 1.

    Raises:
        ValueError: fewer steps than control points.
    """
    spans = -(-horizon // stride)
    if spans + DEGREE > horizon:
        raise ValueError(f"a spline with a control point every {stride} steps needs a longer horizon than {horizon}")
    steps = torch.arange(horizon, dtype=torch.float64) / stride
    span = steps.floor()
    u = steps - span
    pieces = torch.stack(
        [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], dim=1
    )  # de Boor's cubic pieces, times 6
    basis = torch.zeros(horizon, spans + DEGREE, dtype=torch.float64)
    return basis.scatter_(1, span.long()[:, None] + torch.arange(DEGREE + 1), pieces / 6.0)
