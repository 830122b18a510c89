"""Device and processes of a training: one process by default, several under `torchrun`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import distributed

from rcd_ros.errors import RcdError


@dataclass(frozen=True)
class Processes:
    """Where this process stands among those that train together."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files and draws the progress bar."""
        return self.rank == 0

    def autocast(self) -> AbstractContextManager[object]:
        """bfloat16 arithmetic where it helps (CUDA), float32 elsewhere."""
        return torch.autocast("cuda", dtype=torch.bfloat16, enabled=self.device.type == "cuda")

    def wait(self) -> None:
        """Until every process has come here."""
        if self.count > 1:
            distributed.barrier()


@contextlib.contextmanager
def join_processes(device: str) -> Iterator[Processes]:
    """Join the processes that `torchrun` started, if it did.

    Args:
        device: "auto" (CUDA where there is one), "cpu" or "cuda".

    Raises:
        RcdError: CUDA was asked for and is not there.
    """
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise RcdError("--device cuda: torch sees no CUDA device here; use --device cpu")
    kind = "cuda" if cuda and device in ("auto", "cuda") else "cpu"
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes(torch.device(kind))
        return
    distributed.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        local = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if kind == "cuda" else "cpu"
        yield Processes(torch.device(local), distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()
