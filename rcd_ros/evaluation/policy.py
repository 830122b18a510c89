"""Policies to evaluate, and how a worker process loads them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rcd_ros.choices import SamplerName
from rcd_ros.data.episodes import Dataset
from rcd_ros.errors import RcdError
from rcd_ros.planning.checkpoint import read_manifest
from rcd_ros.planning.planner import Planner, Policy
from rcd_ros.planning.spec import TaskSpec

ReturnEstimate = Callable[[NDArray[np.float64], NDArray[np.float64]], float]
"""Discounted return-to-go that a critic expects: (history, n_obs), (horizon, n_cmd) -> units of the reward."""

STEP_SIZE = 0.5
"""Of gradient steps at evaluation."""
TEACHER_NFE = 35
"""18 noise levels by Heun's method, as EDM samples small images."""


@dataclass(frozen=True)
class CheckpointPolicy:
    """How to load a policy from a checkpoint; picklable, so that each worker process loads its own.

    Attributes:
        checkpoint: the folder.
        kind: which network plans.
        nfe: network evaluations per plan; None takes 1 for the student and `TEACHER_NFE` for the teacher.
        sampler: of the teacher.
        engine: runs the student's one-step plans. Engines differ in the last bits, so scores repeat to the digit only
            under one that is named: "auto" may choose another in the next run.
        judged: whether the checkpoint's critic is asked about the plans.
        gradient_steps: by which the checkpoint's critic improves each chunk (`training.policies`).
        step_size: of each of them.
    """

    checkpoint: Path
    kind: Literal["student", "teacher"] = "student"
    nfe: int | None = None
    sampler: SamplerName = "heun"
    engine: str = "onnxruntime"
    judged: bool = True
    gradient_steps: int = 0
    step_size: float = STEP_SIZE

    def load(self) -> Policy:
        """The policy, ready to plan.

        Raises:
            RcdError: the checkpoint does not verify, holds no such network, or no critic where one is to improve plans.
        """
        planner = self._load()
        if not self.gradient_steps:
            return planner
        from rcd_ros.training.policies import improve

        return improve(planner, self.checkpoint, self.gradient_steps, self.step_size)

    def settled(self) -> tuple[CheckpointPolicy, Policy]:
        """Itself with the engine that "auto" stands for, chosen once and not in every worker; and the loaded policy.

        Raises:
            RcdError: as `load` says.
        """
        planner = self._load()
        source = replace(self, engine=planner.engine.name)
        return source, source.load() if self.gradient_steps else planner

    def _load(self) -> Planner:
        if self.kind == "student" and self.nfe in (None, 1):
            return Planner.load(self.checkpoint, engine=self.engine)
        from rcd_ros.training.policies import load_policy

        nfe = self.nfe or (1 if self.kind == "student" else TEACHER_NFE)
        return load_policy(self.checkpoint, self.kind, nfe=nfe, sampler=self.sampler)

    def load_critic(self) -> ReturnEstimate | None:
        """The checkpoint's critic; None where it is not wanted, not there, not described, or torch is not installed.

        Raises:
            RcdError: the checkpoint does not verify.
        """
        if not self.judged:
            return None
        manifest = read_manifest(self.checkpoint)
        carried = manifest.critic is not None and "critic.safetensors" in manifest.files
        if not carried or importlib.util.find_spec("torch") is None:
            return None
        from rcd_ros.training.policies import load_return_estimate

        return load_return_estimate(self.checkpoint)


class DemonstrationReplay:
    """Plays the data set's own commands back open loop: what the demonstrations score by themselves.

    Episode seeds choose demonstrations in turn. When one has ended, its last command is held for position interfaces
    and nothing is commanded for the others. Only fair where every episode starts in the same state.
    """

    history = 1
    nfe = 0

    def __init__(self, dataset: Dataset, spec: TaskSpec) -> None:
        """Replay `dataset` on the task `spec`.

        Raises:
            RcdError: the data set's actions are not the commands of this task.
        """
        self.spec = spec
        self.horizon = spec.episode_steps
        widths = {episode.actions.shape[1] for episode in dataset.episodes}
        if spec.command.source != "action" or max(spec.command.columns) >= min(widths):
            raise RcdError(f"data set '{dataset.name}' holds no actions that task '{spec.name}' commands")
        self._actions = [episode.actions[:, list(spec.command.columns)] for episode in dataset.episodes]
        self._chosen = 0

    def reset(self, seed: int) -> None:
        """Choose demonstration `seed` modulo their number."""
        self._chosen = seed % len(self._actions)

    def plan(self, history: NDArray[np.float64]) -> NDArray[np.float64]:
        """The whole demonstration, whatever is observed."""
        actions = self._actions[self._chosen][: self.horizon]
        commands = np.asarray(actions, np.float64) * np.asarray(self.spec.command.scale)
        after = np.where(self.spec.command.stays, commands[-1], 0.0)
        rest = np.tile(after, (self.horizon - len(commands), 1))
        lower, upper = np.asarray(self.spec.command.lower), np.asarray(self.spec.command.upper)
        return np.concatenate((commands, rest)).clip(lower, upper)


@dataclass(frozen=True)
class ReplayPolicy:
    """How to load a demonstration replay; picklable."""

    dataset: str
    spec: TaskSpec

    def load(self) -> DemonstrationReplay:
        """The replay.

        Raises:
            RcdError: no such data set, or one of another task.
        """
        from rcd_ros.data.storage.datasets import load_dataset

        return DemonstrationReplay(load_dataset(self.dataset), self.spec)

    def settled(self) -> tuple[ReplayPolicy, DemonstrationReplay]:
        """Itself, and the replay; raises as `load` does."""
        return self, self.load()

    def load_critic(self) -> None:
        """None: demonstrations have no critic."""


PolicySource = CheckpointPolicy | ReplayPolicy
