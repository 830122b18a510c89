"""A training small enough to be killed and watched: a teacher on random chunks. Run as a program by the tests."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import torch
from torch import nn

from rcd_ros.data.windows.batches import Windows
from rcd_ros.networks.build import build_network
from rcd_ros.training.loop import train
from rcd_ros.training.method import Objective, TeacherObjective
from rcd_ros.training.processes import join_processes
from rcd_ros.training.recipe import NoiseRecipe, OptimizerRecipe
from tests.training.synthetic import windows_of

RECIPE = OptimizerRecipe(steps=40, batch=16, warmup=5, validate_every=10, save_every=10, keep="best")


def tiny_windows(count: int = 64) -> Windows:
    """Random windows, the same at every call."""
    generator = torch.Generator().manual_seed(1)
    return windows_of(
        torch.randn(count, 2, generator=generator),
        torch.randn(count, 4, 2, generator=generator),
        torch.randn(count, generator=generator),
    )


def tiny_objective() -> Objective[nn.Module]:
    """A teacher with dropout, so that resuming has randomness to get wrong."""
    torch.manual_seed(0)
    kind = {"kind": "residual_mlp", "width": 16, "blocks": 1, "dropout": 0.2}
    return TeacherObjective(build_network(kind, horizon=4, actions=2, condition=2, jumps=False), NoiseRecipe())


def main(folder: Path, kill_at: int | None, resume: bool) -> None:
    """Train into `folder`; SIGKILL this very process when step `kill_at` begins."""
    objective = tiny_objective()
    begin = objective.begin_step

    def begin_or_die(step: int) -> None:
        if step == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        begin(step)

    objective.begin_step = begin_or_die  # type: ignore[method-assign]
    with join_processes("cpu") as processes:
        train(
            objective,
            tiny_windows(),
            tiny_windows(16),
            RECIPE,
            folder,
            seed=3,
            fingerprint="tiny",
            label="tiny",
            processes=processes,
            resume=resume,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2] != "-" else None, resume="--resume" in sys.argv)
