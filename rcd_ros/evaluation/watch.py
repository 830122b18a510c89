"""An episode to look at: filmed, or in Rerun with each plan and what was executed of it.

The episode is driven once more for it, so that drawing does not count as planning.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.view import RerunLog, log_episode, rerun_log
from rcd_ros.evaluation.rollout import Drive, EpisodeResult, run_episode
from rcd_ros.planning.planner import Policy
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.drawing.video import VideoWriter
from rcd_ros.tasks.task import Task

FloatArray = NDArray[np.float64]
MOST_PLANS = 200
"""Plans that are drawn; executed commands are drawn to the end."""


class RecordedPolicy:
    """Keeps the plans of a policy: `chunks`, (horizon, n_cmd) each."""

    def __init__(self, policy: Policy) -> None:
        """Plan as `policy` does."""
        self.spec, self.history, self.horizon, self.nfe = policy.spec, policy.history, policy.horizon, policy.nfe
        self.chunks: list[FloatArray] = []
        self._reset: Callable[[int], None] = policy.reset
        self._plan: Callable[[FloatArray], FloatArray] = policy.plan

    def reset(self, seed: int) -> None:
        """Start an episode."""
        self.chunks.clear()
        self._reset(seed)

    def plan(self, history: FloatArray) -> FloatArray:
        """Observations (history, n_obs) -> commands (horizon, n_cmd)."""
        chunk = self._plan(history)
        self.chunks.append(np.array(chunk))
        return chunk


def film_episode(file: Path, task: Task, policy: Policy, seed: int, drive: Drive) -> None:
    """Drive an episode and film it (mp4).

    Raises:
        RcdError: this machine cannot draw, or the file cannot be written.
    """
    simulation = task.make_simulation()
    writer = VideoWriter(file, 1.0 / task.spec.control_period)
    try:
        run_episode(simulation, policy, seed, drive, watch=lambda shown: writer.append(shown.render()))
    finally:
        writer.close()
        simulation.close()


def show_episode(file: Path, task: Task, policy: Policy, seed: int, drive: Drive) -> None:
    """Drive an episode and write it to an .rrd file.

    Raises:
        RcdError: Rerun is not installed, or the file cannot be written.
    """
    recorded, simulation = RecordedPolicy(policy), task.make_simulation()
    try:
        result = run_episode(simulation, recorded, seed, drive)
    finally:
        simulation.close()
    with rerun_log(task.spec.control_period, file) as log:
        log_plans(log, task.spec, result, recorded.chunks)
        log_episode(log, result.episode, task.spec, 0, actions=False)


def log_plans(log: RerunLog, spec: TaskSpec, result: EpisodeResult, chunks: list[FloatArray]) -> None:
    """A plot for each command: executed, what the newest plan said of the same step, and every plan to its end.

    Args:
        log: where to.
        spec: of the task.
        result: the episode.
        chunks: (horizon, n_cmd) of each plan, in the order of `result.planned_at`.
    """
    executed = result.episode.actions.astype(np.float64) * np.asarray(spec.command.scale)
    newest = _newest(executed.shape, result.planned_at, chunks)
    for column, (name, unit) in enumerate(zip(_names(spec), spec.command.units, strict=True)):
        view = f"commands/{name} ({unit})"
        log.series(f"{view}/executed", range(len(executed)), executed[:, [column]], ["executed"])
        log.series(f"{view}/planned", range(len(newest)), newest[:, [column]], ["planned, newest"])
        for number, (begin, chunk) in enumerate(zip(result.planned_at[:MOST_PLANS], chunks, strict=False)):
            steps = range(begin, begin + len(chunk))
            log.series(f"{view}/plan_{number:03d}", steps, chunk[:, [column]], [f"plan {number}"])
    for number, (begin, goals) in enumerate(zip(result.planned_at, chunks, strict=False)):
        log.event(begin, f"plan {number}, {len(goals)} steps, {1e3 * result.plan_seconds[number]:.3g} ms")
    for goal, step in result.completed_at.items():
        log.event(step, f"'{goal}' completed")


def _newest(shape: tuple[int, ...], planned_at: tuple[int, ...], chunks: list[FloatArray]) -> FloatArray:
    """What the newest plan says of each step (T, n_cmd), NaN where none does."""
    values = np.full(shape, np.nan)
    for begin, chunk in zip(planned_at, chunks, strict=False):
        part = values[begin : begin + len(chunk)]
        part[:] = chunk[: len(part)]
    return values


def _names(spec: TaskSpec) -> list[str]:
    if spec.command.interface != "state":
        return list(spec.command.joints)
    return [f"{joint} {what}" for what in ("position", "velocity") for joint in spec.command.joints]
