"""A planner against recorded episodes, without a simulator: how far its plans are from what was done.

Small errors are no success rate: a planner may do well by another way, or fail by a small error at the wrong moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from rcd_ros.data.episodes import Dataset, Episode, check_columns, planned_values, return_to_go, split_episodes
from rcd_ros.data.storage.dataset_task import check_same_task
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.policy import CheckpointPolicy, ReturnEstimate
from rcd_ros.evaluation.scores import bootstrap_interval
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.planner import Planner
from rcd_ros.planning.spec import TaskSpec

NOT_A_SUCCESS_RATE = (
    "This compares plans with recorded actions. It is not a success rate: only driving, in a simulation or on the "
    "robot, tells whether the task is done."
)
MEAN_OF = 32
"""Plans of the teacher whose mean stands for behaviour cloning."""
STUDENT, TEACHER, MEAN, REPEAT = "student", "teacher", "bc_mean", "repeat"
DESCRIPTIONS = {
    STUDENT: "one-step planner",
    TEACHER: "diffusion planner it was distilled from",
    MEAN: f"mean of {MEAN_OF} plans of the teacher: what behaviour cloning by least squares tends to",
    REPEAT: "the last action again",
}

FloatArray = NDArray[np.float64]
PlanChunk = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Start:
    """One place of a recorded episode that is planned from.

    Attributes:
        episode: which of the chosen ones.
        step: in it.
        history: (h, n_obs) physical units.
        chunk: (H', n_cmd) what was commanded from there on; at the end of an episode shorter than the horizon.
        last: (n_cmd,) the command before; at the beginning, of position commands, where the joints were, else zero.
    """

    episode: int
    step: int
    history: FloatArray
    chunk: FloatArray
    last: FloatArray


@dataclass
class PolicyErrors:
    """How one policy's plans differ from what was done.

    Attributes:
        by_joint: (episodes, n_cmd) mean absolute error, each in its joint's unit.
        by_step: (H,) root mean square error in standard deviations of the commands, over all joints.
        seam: mean jump from one plan to the next, executed as planned, in multiples of the mean step of the data.
    """

    by_joint: FloatArray
    by_step: FloatArray
    seam: float


@dataclass
class OfflineResult:
    """What `rcd eval --offline` tells."""

    dataset: str
    episodes: int
    plans: int
    unseen: str
    policies: dict[str, PolicyErrors] = field(default_factory=dict)
    predicted_return: float | None = None
    recorded_return: float | None = None
    return_correlation: float | None = None

    def summary(self, spec: TaskSpec) -> dict[str, object]:
        """Everything as JSON values."""
        joints, units = _value_names(spec), spec.command.units
        return {
            "kind": "offline",
            "note": NOT_A_SUCCESS_RATE,
            "dataset": self.dataset,
            "episodes": self.episodes,
            "plans": self.plans,
            "episodes_chosen": self.unseen,
            "units": dict(zip(joints, units, strict=True)),
            "policies": {
                name: {
                    "mean_absolute_error": {
                        joint: {"mean": float(column.mean()), "interval_95": list(bootstrap_interval(column))}
                        for joint, column in zip(joints, errors.by_joint.T, strict=True)
                    },
                    "rmse_by_step_in_standard_deviations": errors.by_step.tolist(),
                    "seam_jump_in_mean_steps": errors.seam,
                }
                for name, errors in self.policies.items()
            },
            "predicted_return": self.predicted_return,
            "recorded_return": self.recorded_return,
            "return_correlation": self.return_correlation,
        }

    def lines(self) -> list[str]:
        """What a reader of the table needs to know."""
        lines = [f"  {name}: {DESCRIPTIONS[name]}" for name in self.policies]
        if self.predicted_return is not None:
            related = "" if self.return_correlation is None else f", correlation {self.return_correlation:.2f}"
            lines.append(
                f"return from there on: predicted {self.predicted_return:.4g}, recorded {self.recorded_return:.4g}"
                f"{related}"
            )
        return [*lines, NOT_A_SUCCESS_RATE]


def choose_episodes(manifest: Manifest, dataset: Dataset) -> tuple[list[Episode], str]:
    """The episodes to judge by, and what they are: those held out in training, or all of another data set."""
    provenance = manifest.provenance
    if dataset.content_hash != provenance.dataset_hash:
        return dataset.episodes, "all of a data set that it was not trained on"
    held_out = float(provenance.recipe.get("held_out", 0.0))
    _, held = split_episodes(len(dataset.episodes), held_out, provenance.seed)
    if len(held):
        return [dataset.episodes[i] for i in held], "held out in training"
    return dataset.episodes, "ALL TRAINED ON: the recipe held none out, and errors on them say little"


def starts_of(
    episodes: Sequence[Episode], spec: TaskSpec, history: int, horizon: int, execute: int, most: int
) -> list[Start]:
    """Where plans are made: every `execute` steps of each episode, of the first episodes up to `most` in all."""
    starts: list[Start] = []
    where = spec.commanded_columns("joint_position")
    for index, episode in enumerate(episodes):
        check_columns(episode, index, spec)
        observed = episode.observations[:, spec.observation_columns].astype(np.float64)
        commands = planned_values(episode, spec.command).astype(np.float64)
        rest = np.zeros(spec.command.size)
        if spec.command.interface == "position" and None not in where:
            rest = observed[0, [place for place in where if place is not None]]
        for step in range(0, len(commands), execute):
            if len(starts) >= most and index:
                return starts
            past = np.clip(np.arange(step + 1 - history, step + 1), 0, None)
            last = commands[step - 1] if step else rest
            starts.append(Start(index, step, observed[past], commands[step : step + horizon], last))
    return starts


def judge(
    plan: PlanChunk, starts: Sequence[Start], horizon: int, execute: int, scale: FloatArray, step_size: float
) -> Iterator[PolicyErrors | None]:
    """Plan from every start; yields None after each one, then the errors.

    Args:
        plan: (h, n_obs) -> (H, n_cmd).
        starts: in the order of the episodes.
        horizon: H.
        execute: steps of a plan that are executed before the next one.
        scale: (n_cmd,) standard deviation of each command.
        step_size: mean change of a command from step to step in the data, standard deviations.
    """
    episodes = 1 + max(start.episode for start in starts)
    totals, counts = np.zeros((episodes, scale.size)), np.zeros(episodes)
    squares, steps = np.zeros(horizon), np.zeros(horizon)
    jumps: list[float] = []
    before: tuple[Start, FloatArray] | None = None
    for start in starts:
        chunk = plan(start.history)
        difference = np.abs(chunk[: len(start.chunk)] - start.chunk)
        totals[start.episode] += difference.sum(axis=0)
        counts[start.episode] += len(difference)
        squares[: len(difference)] += ((difference / scale) ** 2).mean(axis=1)
        steps[: len(difference)] += 1
        if before is not None and before[0].episode == start.episode and execute < horizon:
            jumps.append(float((np.abs(chunk[0] - before[1][execute]) / scale).mean()))
        before = (start, chunk)
        yield None
    yield PolicyErrors(
        totals / counts[:, None],
        np.sqrt(squares / np.maximum(steps, 1.0)),
        float(np.mean(jumps)) / max(step_size, 1e-9) if jumps else float("nan"),
    )


def evaluate_offline(
    checkpoint: Path,
    manifest: Manifest,
    dataset: Dataset,
    *,
    seed: int,
    most: int,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> OfflineResult:
    """Compare the plans of a checkpoint's networks, and of simpler policies, with recorded actions.

    Args:
        checkpoint: the folder.
        manifest: of it.
        dataset: of the same task.
        seed: of the planning noise.
        most: plans of each policy, about.
        progress: told the policy's name and how many of its plans are made.

    Raises:
        RcdError: the data set is of another task, or its episodes are too short.
    """
    spec = manifest.task
    check_same_columns(dataset, spec)
    episodes, unseen = choose_episodes(manifest, dataset)
    starts = starts_of(episodes, spec, manifest.history, manifest.horizon, manifest.execute, most)
    if not starts:
        raise RcdError(f"data set '{dataset.name}' has no step to plan from")
    commands = [planned_values(episode, spec.command).astype(np.float64) for episode in episodes]
    scale = np.asarray(manifest.normalizer.command_std)
    moved = [np.abs(np.diff(each, axis=0)) / scale for each in commands if len(each) > 1]
    step_size = float(np.concatenate(moved).mean()) if moved else 0.0
    result = OfflineResult(dataset.name, 1 + starts[-1].episode, len(starts), unseen)
    for name, plan in _policies(checkpoint, manifest, starts, seed).items():
        judged = judge(plan, starts, manifest.horizon, manifest.execute, scale, step_size)
        for done, errors in enumerate(judged, start=1):
            if errors is not None:
                result.policies[name] = errors
            else:
                progress(name, done, len(starts))
    critic = CheckpointPolicy(checkpoint).load_critic()
    if critic is not None and manifest.critic is not None:
        _add_returns(result, critic, starts, episodes, manifest.critic.discount)
    return result


def check_same_columns(dataset: Dataset, spec: TaskSpec) -> None:
    """Refuse data of another task than a checkpoint's, which observes some of the task's channels.

    Raises:
        RcdError: as said.
    """
    from rcd_ros.tasks.catalogue import task_of

    whole = spec
    if dataset.metadata.get("task_spec") is not None and spec.source is not None:
        whole = task_of(spec).spec
    check_same_task(dataset, whole)


def _policies(checkpoint: Path, manifest: Manifest, starts: Sequence[Start], seed: int) -> Mapping[str, PlanChunk]:
    student = CheckpointPolicy(checkpoint).load()
    student.reset(seed)
    policies: dict[str, PlanChunk] = {STUDENT: student.plan}
    if "teacher.safetensors" in manifest.files:
        import torch

        from rcd_ros.evaluation.policy import TEACHER_NFE
        from rcd_ros.training.policies import load_policy

        torch.set_num_threads(1)
        teacher = load_policy(checkpoint, "teacher", nfe=TEACHER_NFE, seed=seed)
        policies |= {TEACHER: teacher.plan, MEAN: partial(_mean_plan, teacher)}
    lasts = iter([start.last for start in starts])
    policies[REPEAT] = lambda history: np.tile(next(lasts), (manifest.horizon, 1))
    return policies


def _mean_plan(teacher: Planner, history: FloatArray) -> FloatArray:
    """What behaviour cloning by least squares tends to: the data's mean chunk, which a teacher's samples follow."""
    chunks = np.stack([teacher.plan(history) for _ in range(MEAN_OF)])
    mean: FloatArray = chunks.mean(axis=0)
    return mean


def _add_returns(
    result: OfflineResult, critic: ReturnEstimate, starts: Sequence[Start], episodes: Sequence[Episode], discount: float
) -> None:
    """What the critic expects of the recorded chunks beside what came."""
    returns = [return_to_go(episode.rewards, discount) for episode in episodes]
    whole = [start for start in starts if len(start.chunk) == max(len(each.chunk) for each in starts)]
    predicted = np.array([critic(start.history, start.chunk) for start in whole])
    recorded = np.array([returns[start.episode][start.step] for start in whole], np.float64)
    result.predicted_return, result.recorded_return = float(predicted.mean()), float(recorded.mean())
    if len(whole) > 2 and predicted.std() > 0.0 and recorded.std() > 1e-9:
        result.return_correlation = float(np.corrcoef(predicted, recorded)[0, 1])


def offline_table(manifest: Manifest, result: OfflineResult) -> Table:
    """Errors of each joint in its unit, errors by step of the chunk, and jumps between plans."""
    table = Table("mean absolute error", "unit", *result.policies, box=None)
    each = list(result.policies.values())
    for row, (joint, unit) in enumerate(zip(_value_names(manifest.task), manifest.task.command.units, strict=True)):
        table.add_row(joint, unit, *(f"{errors.by_joint[:, row].mean():.4g}" for errors in each))
    for step in (0, manifest.horizon - 1):
        values = (f"{errors.by_step[step]:.3g}" for errors in each)
        table.add_row(f"all joints, step {step + 1} of the chunk", "std", *values)
    table.add_row("jump from plan to plan", "steps", *(f"{errors.seam:.3g}" for errors in each))
    return table


def _value_names(spec: TaskSpec) -> list[str]:
    joints = list(spec.command.joints)
    return joints if len(joints) == spec.command.size else [*joints, *(f"{joint} velocity" for joint in joints)]
