"""What `rcd eval` scores: a policy on a task, its plans executed in a certain way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.policy import PolicySource, ReplayPolicy
from rcd_ros.evaluation.results import Setting
from rcd_ros.evaluation.rollout import Drive, EpisodeResult, check_fit, run_controlled, run_episodes
from rcd_ros.planning.checkpoint import checkpoint_sha256
from rcd_ros.planning.planner import Policy
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.task import Task

POLICIES = ("student", "teacher", "replay")
"""What can be scored on every task, beside the task's own controllers."""


@dataclass(frozen=True)
class Trial:
    """A policy on a task, loaded and found to fit.

    Attributes:
        task: what is simulated.
        source: loads the policy in each worker.
        policy: as `source` loads it.
        drive: how its plans are executed.
        setting: all of this, for the results.
        controller: of the task, which acts in place of the policy; empty: none.
    """

    task: Task
    source: PolicySource
    policy: Policy
    drive: Drive
    setting: Setting
    controller: str = ""

    @classmethod
    def prepare(
        cls,
        name: str,
        task: Task,
        source: PolicySource,
        drive: Drive,
        *,
        checkpoint: Path,
        seed: int,
        options: Sequence[str] = (),
    ) -> Trial:
        """Load a policy, and check that it fits the task and can be driven so.

        Args:
            name: of the policy, one of `POLICIES` or a controller of the task.
            task: what is simulated.
            source: of the policy.
            drive: how its plans are executed.
            checkpoint: that the task and the critic are of.
            seed: of the first episode.
            options: of the task, as key=value.

        Raises:
            RcdError: the policy cannot be loaded, does not fit the task or cannot be driven so.
        """
        source, policy = source.settled()
        check_fit(policy, task, drive)
        controller = name if name in task.controllers else ""
        values: dict[str, object] = {"nfe": policy.nfe, **_planned(source), **_executed(drive)}
        if controller:
            values |= {"nfe": 0, "engine": None, "execute": 1}
        if options:
            values |= {"options": list(options)}
        sha256 = checkpoint_sha256(checkpoint)
        setting = Setting(policy=name, seed=seed, checkpoint=str(checkpoint), checkpoint_sha256=sha256, **values)
        return cls(task, source, policy, drive, setting, controller)

    def episodes(self, count: int, workers: int) -> Iterator[EpisodeResult]:
        """Drive `count` episodes from the setting's seed on, in `workers` processes; yields them in order."""
        seeds = range(self.setting.seed, self.setting.seed + count)
        if self.controller:
            return run_controlled(self.task, self.controller, seeds, workers)
        return run_episodes(self.task, self.source, seeds, self.drive, workers)


def check_policy(name: str, task: Task) -> None:
    """Refuse a policy that the task has not.

    Raises:
        RcdError: as said.
    """
    known = (*POLICIES, *task.controllers)
    if name not in known:
        raise RcdError(f"there is no policy '{name}'{did_you_mean(name, known)}; known: {', '.join(known)}")


def check_success(task: Task) -> None:
    """Refuse a task file that does not say what success is.

    Raises:
        RcdError: as said.
    """
    if task.file is not None and not task.spec.success and task.spec.score.kind == "completions":
        raise RcdError(
            f"task '{task.spec.name}' does not say what success is: add e.g. `success: {{block.x: '>= 0.6'}}` to its "
            "file and pass it by --task, or compare with recorded episodes by --offline"
        )


def _planned(source: PolicySource) -> dict[str, object]:
    if isinstance(source, ReplayPolicy):
        return {"sampler": None, "engine": None, "gradient_steps": 0, "step_size": None, "dataset": source.dataset}
    return {
        "sampler": source.sampler if source.kind == "teacher" else None,
        "engine": source.engine,
        "gradient_steps": source.gradient_steps,
        "step_size": source.step_size if source.gradient_steps else None,
        "dataset": None,
    }


def _executed(drive: Drive) -> dict[str, object]:
    settings = drive.settings
    return {
        "mode": settings.mode,
        "execute": settings.execute,
        "decay": settings.decay if settings.mode == "temporal_ensemble" else None,
        "overlap": settings.overlap if settings.mode == "splice" else None,
        "delay": drive.latency,
        "loss": drive.loss,
        "command_timeout": drive.command_timeout,
        "enforce_limits": drive.enforces_limits,
        "shape": settings.shape,
    }
