"""Score against control rate: planners in a simulation that does not wait for them.

A row is what one planner scored at one speed, over the same seeded episodes; `LOCKSTEP` is the speed of a simulation
that waits. The file is written after each row, so that an interruption loses none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.table import Table

from rcd_ros.benchmarks.realtime.contenders import LOCKSTEP, Contender, Speed
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.machine import Machine
from rcd_ros.evaluation.results import BridgeResults, Record
from rcd_ros.evaluation.scores import bootstrap_interval
from rcd_ros.outputs import write_json


class RealtimeRow(Record):
    """What one planner scored at one speed; what only a wall clock has is None in lockstep.

    Attributes:
        planner: `Contender.name`.
        nfe: network evaluations a plan that were made.
        speed: simulated seconds a second; `LOCKSTEP` in a simulation that waits.
        score_mean: points.
        score_ci95: bootstrap interval over the episodes, points.
        episodes: how many were driven.
        episode_scores: points of each.
        rate_hz: control periods a second of the wall clock.
        held_fraction: share of periods in which no plan was due and the robot held its position.
        engine: that the planner named.
        plan_ms_p50: wall time of a plan in the planner's last seconds, ms; likewise the 99th percentile.
        overruns: control periods that began late.
        speed_reached: by the simulation.
        speed_held: whether that is the speed that was asked for.
        plans_refused: reason -> number of trajectories.
        kept: the score as a share of that in lockstep; None where that is 0.
    """

    planner: str
    nfe: int
    speed: Speed
    score_mean: float
    score_ci95: tuple[float, float]
    episodes: int
    episode_scores: tuple[float, ...]
    rate_hz: float | None
    held_fraction: float
    engine: str | None
    plan_ms_p50: float | None
    plan_ms_p99: float | None
    overruns: int | None
    speed_reached: float | None
    speed_held: bool | None
    plans_refused: dict[str, int]
    kept: float | None


class RealtimeSetting(Record):
    """What rows must share to be compared.

    Attributes:
        task: its name.
        checkpoint_sha256: identity of student and teacher.
        episodes: per planner and speed.
        horizon_steps: longest episode, control periods.
        seed: of the first episode, and of the planning noise.
        mode: how chunks follow each other (`planning.modes`).
        execute: actions of each chunk that are executed.
        shape: whether trajectories are shaped within the motion limits.
        engine: that was asked for, of the student.
    """

    task: str
    checkpoint_sha256: str
    episodes: int
    horizon_steps: int
    seed: int
    mode: str
    execute: int
    shape: bool
    engine: str


class _MeasuredOn(Record):
    """As much of a `Machine` as must not change between rows."""

    cpu: str


class _Kept(RealtimeSetting):
    """A file of rows, as it is read."""

    machine: _MeasuredOn
    rows: tuple[RealtimeRow, ...]


def lockstep_row(contender: Contender, nfe: int, scores: Sequence[float], seed: int) -> RealtimeRow:
    """A planner's row in a simulation that waits for it.

    Args:
        contender: who planned.
        nfe: evaluations per plan that were made.
        scores: of the episodes, points.
        seed: of the interval's bootstrap.
    """
    return _row(
        *(contender, nfe, LOCKSTEP, scores, seed),
        rate_hz=None,
        held_fraction=0.0,
        engine=None,
        plan_ms_p50=None,
        plan_ms_p99=None,
        overruns=None,
        speed_reached=None,
        speed_held=None,
        plans_refused={},
        kept=1.0,
    )


def realtime_row(
    contender: Contender,
    nfe: int,
    speed: float,
    control_period: float,
    results: BridgeResults,
    lockstep: RealtimeRow,
) -> RealtimeRow:
    """A planner's row on the wall clock.

    Args:
        contender: who planned.
        nfe: evaluations per plan that were made.
        speed: simulated seconds a second.
        control_period: simulated seconds.
        results: what the bridge wrote.
        lockstep: the same planner's row in lockstep.
    """
    episodes = results.episode_results
    scores = [episode.score for episode in episodes]
    planner, pace = results.planner, results.pace
    assert pace is not None, "a bridge that does not wait keeps the wall clock"
    return _row(
        *(contender, nfe, speed, scores, results.seed),
        rate_hz=speed / control_period,
        held_fraction=sum(e.held_steps for e in episodes) / sum(e.steps for e in episodes),
        engine=None if planner is None else planner.engine,
        plan_ms_p50=None if planner is None else planner.plan_ms_p50,
        plan_ms_p99=None if planner is None else planner.plan_ms_p99,
        overruns=pace.overruns,
        speed_reached=pace.speed_reached,
        speed_held=pace.speed_held,
        plans_refused=results.plans_refused,
        kept=float(np.mean(scores)) / lockstep.score_mean if lockstep.score_mean > 0.0 else None,
    )


def _row(
    contender: Contender, nfe: int, speed: Speed, scores: Sequence[float], seed: int, **driven: object
) -> RealtimeRow:
    return RealtimeRow(
        planner=contender.name,
        nfe=nfe,
        speed=speed,
        score_mean=float(np.mean(scores)),
        score_ci95=bootstrap_interval(scores, seed=seed),
        episodes=len(scores),
        episode_scores=tuple(scores),
        **driven,
    )


class RealtimeResults:
    """The rows so far, and the file they are kept in, if they are kept."""

    def __init__(self, path: Path | None, setting: RealtimeSetting, machine: Machine) -> None:
        """Start without rows.

        Args:
            path: of the JSON file, None for none.
            setting: what the rows share.
            machine: on which they are measured.
        """
        self.rows: list[RealtimeRow] = []
        self._path, self._setting, self._machine = path, setting, machine

    def resume(self) -> None:
        """Continue with the rows in the file, if it exists.

        Raises:
            RcdError: it holds something else, or rows of another setting or machine.
        """
        if self._path is None or not self._path.exists():
            return
        kept = _Kept.read(self._path, "to go on with rows, name a file that rcd bench realtime wrote")
        compared = [(name, getattr(kept, name), wanted) for name, wanted in self._setting]
        for name, found, wanted in [*compared, ("cpu", kept.machine.cpu, self._machine.cpu)]:
            if found != wanted:
                raise RcdError(
                    f"cannot go on with '{self._path}': its {name} is {found!r}, now it is {wanted!r}; write to "
                    "another file, or --force to start over"
                )
        self.rows = list(kept.rows)

    def find(self, contender: Contender, speed: Speed) -> RealtimeRow | None:
        """The row of a planner at a speed; None when it is still to be measured."""
        found = (row for row in self.rows if (row.planner, row.speed) == (contender.name, speed))
        return next(found, None)

    def add(self, row: RealtimeRow) -> None:
        """Add a row and store it.

        Raises:
            RcdError: the file cannot be written.
        """
        self.rows.append(row)
        if self._path is not None:
            rows = [row.as_json() for row in self.rows]
            write_json(self._path, {"machine": self._machine.as_json(), **self._setting.as_json(), "rows": rows})


def realtime_table(rows: Sequence[RealtimeRow]) -> Table:
    """The rows as a table; speeds that this machine could not hold are marked."""
    table = Table(
        *("planner", "NFE", "speed", "rate", "score (95 %)", "kept", "held", "plan p50 / p99", "speed reached"),
        title="Score in a simulation that does not wait",
        title_justify="left",
        caption="kept: share of the lockstep score; held: periods without a plan; plan: the planner's last seconds",
        caption_justify="left",
    )
    for row in rows:
        low, high = row.score_ci95
        waits = row.speed == LOCKSTEP
        told = row.plan_ms_p50 is not None
        reached = "" if waits else f"{row.speed_reached:.2f}x"
        table.add_row(
            row.planner,
            str(row.nfe),
            LOCKSTEP if waits else f"{row.speed:g}x",
            "-" if waits else f"{row.rate_hz:g} Hz",
            f"{row.score_mean:.1f} ({low:.1f} to {high:.1f})",
            "-" if row.kept is None else f"{100.0 * row.kept:.0f} %",
            "-" if waits else f"{100.0 * row.held_fraction:.1f} %",
            f"{row.plan_ms_p50:.2f} / {row.plan_ms_p99:.2f} ms" if told else "-",
            reached if row.speed_held is not False else f"{reached} NOT HELD ({row.overruns} overruns)",
        )
    return table
