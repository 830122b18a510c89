"""The diffusion teacher as the planner of a node: eager torch, many network evaluations a plan, as such planners run.

It exists to be compared with the student under the same conditions.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from typing_extensions import Self

from rcd_ros.errors import RcdError
from rcd_ros.generative.samplers import SAMPLERS
from rcd_ros.planning.checkpoint import PathLike, checkpoint_sha256, load_tensors, verify
from rcd_ros.planning.engines.torch_modules import restore_planner
from rcd_ros.suggest import did_you_mean
from rcd_ros.training.policies import TorchPolicy


class EagerTorch(NamedTuple):
    """What a planner node reports as the engine."""

    name: str = "torch"
    choice: None = None


class TeacherPlanner(TorchPolicy):
    """`TorchPolicy` with what a planner node wants to know besides."""

    engine = EagerTorch()
    sha256 = ""

    @classmethod
    def load(cls, checkpoint: PathLike, nfe: int, sampler: str = "heun", seed: int = 0, threads: int = 1) -> Self:
        """The teacher of a checkpoint folder; sets torch's number of threads for the whole process.

        Raises:
            RcdError: the checkpoint does not verify or holds no teacher, or the sampler is unknown.
        """
        if sampler not in SAMPLERS:
            raise RcdError(
                f"unknown sampler '{sampler}'{did_you_mean(sampler, SAMPLERS)}; known: {', '.join(SAMPLERS)}"
            )
        manifest = verify(checkpoint)
        if "teacher.safetensors" not in manifest.files:
            raise RcdError(f"checkpoint '{checkpoint}' holds no teacher: name one that was written with its teacher")
        torch.set_num_threads(threads)
        network = restore_planner(manifest, "teacher", load_tensors(checkpoint, "teacher", manifest))
        planner = cls(manifest, network, "teacher", nfe, sampler, seed)
        planner.sha256 = checkpoint_sha256(Path(checkpoint))
        return planner

    def warm_up(self, plans: int = 2) -> None:
        """Plan from zeros: the first evaluations allocate. Seed and counter stay as they were."""
        counter = self.counter
        for _ in range(plans):
            self.plan(np.zeros((self.history, self.spec.observation_size)))
        self.counter = counter

    def rehearse(self) -> None:
        """Nothing: the first of many evaluations warms the caches for the others."""
