"""Windows of given numbers, for trainings that need no data set."""

from __future__ import annotations

import torch
from torch import Tensor

from rcd_ros.data.windows.batches import Windows


def windows_of(condition: Tensor, chunk: Tensor, returns: Tensor) -> Windows:
    """N windows: condition (N, C), chunk (N, H, A), returns (N,); each is an episode of its own."""
    count, horizon, size = chunk.shape
    starts = torch.arange(count) * (horizon + 1)
    rows = torch.cat([chunk.new_zeros(count, 1, size), chunk], dim=1)
    return Windows(
        histories=condition[:, None],
        actions=rows.flatten(0, 1),
        starts=starts,
        lasts=starts + horizon,
        returns=returns,
        stays=torch.zeros(size, dtype=torch.bool),
        rest=torch.zeros(size),
        horizon=horizon,
    )
