"""Result files: the records that `rcd eval`, the baselines and the bridges write, and that comparisons read.

`record.as_json()` and `Record.read(path)` are inverse to each other. A file from before a key was introduced is read
with the value that held then, and is written again without that key.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError
from typing_extensions import Self

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec


class Record(BaseModel):
    """A JSON file, or a part of one."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    def as_json(self) -> dict[str, object]:
        """JSON values; keys that were never set are left out."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    @classmethod
    def read(cls, path: Path, remedy: str = "name a file that rcd eval --json wrote") -> Self:
        """Read a file; `remedy` ends the sentence of an error.

        Raises:
            RcdError: there is no such file, or it holds something else.
        """
        try:
            content = json.loads(path.read_text())
        except OSError as error:
            raise RcdError(f"cannot read '{path}' ({error.strerror}): {remedy}") from error
        except (ValueError, RecursionError) as error:
            raise RcdError(f"'{path}' is not JSON ({error}): {remedy}") from error
        try:
            return cls.model_validate(content if isinstance(content, dict) else {})
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            wrong = f" has no '{key}'" if first["type"] == "missing" else f": '{key}' is wrong ({first['msg']})"
            raise RcdError(f"'{path}'{wrong}: {remedy}") from error


class EpisodeScore(Record):
    """One episode.

    Attributes:
        seed: of the environment and of the policy's noise.
        steps: control periods until it ended.
        score: points.
        return_: sum of the rewards; the key is `return`.
        completed_at: goal -> step (from 0) at which it was completed.
        held_steps: steps in which no plan was due and the robot held its position. Bridges only.
        wall_s: wall time, s. Bridges only.
    """

    seed: int | None = None
    steps: int = 0
    score: FiniteFloat
    return_: float = Field(0.0, alias="return")
    completed_at: dict[str, int] = {}
    held_steps: int = 0
    wall_s: float = 0.0


class Scores(Record):
    """Scores of seeded episodes of one task.

    Attributes:
        task: its name.
        horizon_steps: longest episode, control periods.
        seed: of the first episode.
        episodes: how many were finished.
        score_mean: points.
        tasks_completed_mean: completed goals of an episode.
        per_task: goal -> share of the episodes that completed it.
        episode_results: the single episodes.
    """

    task: str
    horizon_steps: int | None
    seed: int = 0
    episodes: int = 0
    score_mean: FiniteFloat | None = None
    tasks_completed_mean: float | None = None
    per_task: dict[str, float] = {}
    episode_results: tuple[EpisodeScore, ...]

    def as_json(self) -> dict[str, object]:
        """JSON values, the single episodes last."""
        content = super().as_json()
        return content | {"episode_results": content.pop("episode_results")}


def scores_of(spec: TaskSpec, episodes: Sequence[EpisodeScore]) -> dict[str, object]:
    """The fields of `Scores` that follow from the episodes; means are None where there is none."""
    some = len(episodes) > 0
    return {
        "task": spec.name,
        "horizon_steps": spec.episode_steps,
        "episodes": len(episodes),
        "score_mean": float(np.mean([each.score for each in episodes])) if some else None,
        "tasks_completed_mean": float(np.mean([len(each.completed_at) for each in episodes])) if some else None,
        "per_task": {
            goal: float(np.mean([goal in each.completed_at for each in episodes]))
            for goal in (spec.score.goals if some else ())
        },
        "episode_results": tuple(episodes),
    }


class PlannerFigures(Record):
    """What a planner reported of itself last, as far as it is used here; other keys are kept as they are.

    Attributes:
        engine: that runs the network.
        plans: made since the node began.
        plan_ms_p50: wall time of one plan, ms; likewise the 99th percentile.
    """

    model_config = ConfigDict(extra="allow")

    engine: str
    plans: int = 0
    plan_ms_p50: float
    plan_ms_p99: float


class PaceFigures(Record):
    """How the wall clock was kept.

    Attributes:
        periods: control periods.
        overruns: of these, the ones that began late.
        speed_reached: simulated seconds a second; None before the first period.
        speed_held: whether that is the speed that was asked for.
    """

    periods: int = 0
    overruns: int
    speed_reached: float | None
    speed_held: bool


class BridgeResults(Scores):
    """What a bridge writes after each episode.

    Attributes:
        complete: whether all episodes that were asked for are finished.
        mode: lockstep or realtime.
        speed: simulated seconds a second.
        step_s: control period, s.
        execute: actions of each plan that are executed; 0: as the planner says.
        planner: what the planner reported of itself last; None where it did not.
        plans_refused: reason -> number of trajectories.
        pace: how the wall clock was kept; None in lockstep.
    """

    complete: bool = False
    mode: str = "lockstep"
    speed: float = 1.0
    step_s: float = 0.0
    execute: int = 0
    planner: PlannerFigures | None = None
    plans_refused: dict[str, int] = {}
    pace: PaceFigures | None = None


class Setting(Record):
    """What was evaluated, and how its plans were executed; an option that has no effect is None.

    Attributes:
        policy: student, teacher, replay, a controller of the task, or a baseline.
        seed: of the first episode.
        nfe: network evaluations a plan.
        sampler: of a teacher.
        engine: that runs the network.
        mode: how chunks follow each other (`planning.modes`).
        execute: actions of each chunk that are executed (the field's n_action_steps).
        decay: of the mode temporal_ensemble, per control period.
        overlap: of the mode splice, control periods.
        delay: control periods from an observation to the arrival of its plan.
        loss: share of trajectories that do not arrive.
        command_timeout: s without a trajectory until the robot holds; 0: until its last point.
        enforce_limits: whether the rate limiter of the receiver was on.
        shape: whether trajectories were shaped within the motion limits.
        gradient_steps: of the critic's gradient on each plan.
        step_size: of each of them.
        dataset: that was replayed, or that a baseline learned from.
        checkpoint: its folder.
        checkpoint_sha256: its identity.
        options: of the task, as key=value.
        training_seed: of a baseline.
        interrupted: whether fewer episodes were driven than asked for.
    """

    policy: str | None
    seed: int = 0
    nfe: int | None
    sampler: str | None = None
    engine: str | None = None
    mode: str = "chunk"
    execute: int | None
    decay: float | None = None
    overlap: int | None = None
    delay: int = 0
    loss: float = 0.0
    command_timeout: float = 0.0
    enforce_limits: bool = False
    shape: bool = False
    gradient_steps: int = 0
    step_size: float | None = None
    dataset: str | None = None
    checkpoint: str | None = None
    checkpoint_sha256: str | None = None
    options: list[str] = []
    training_seed: int | None = None
    interrupted: bool = False


class Evaluation(Setting, Scores):
    """What `rcd eval --json` writes: setting, scores, times.

    Attributes:
        score_ci95: bootstrap interval over the episodes, points.
        return_mean: sum of the rewards of an episode.
        plan_ms_p50: wall time of one plan, ms; likewise the 95th and 99th percentile.
        predicted_return_mean: return-to-go that the critic expects at the planned steps. With a critic only, as the
            others below.
        real_return_mean: return-to-go from the same steps.
        real_return_ci95: its bootstrap interval.
        predicted_exceeds_real: whether the prediction lies above that interval.
    """

    score_mean: FiniteFloat
    score_ci95: tuple[float, float]
    return_mean: float | None = None
    plan_ms_p50: FiniteFloat
    plan_ms_p95: FiniteFloat
    plan_ms_p99: FiniteFloat
    predicted_return_mean: FiniteFloat | None = None
    real_return_mean: FiniteFloat | None = None
    real_return_ci95: tuple[float, float] | None = None
    predicted_exceeds_real: bool = False
    episode_results: tuple[EpisodeScore, ...] = Field(min_length=1)
