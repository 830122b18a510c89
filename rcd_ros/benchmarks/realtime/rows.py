"""Score against control rate: planners in a simulation that does not wait for them.

A row is what one planner scored at one speed, over the same seeded episodes; `LOCKSTEP` is the speed of a simulation
that waits. The file is written after each row, so that an interruption loses none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.table import Table

from rcd_ros.errors import RcdError
from rcd_ros.evaluation.results import BridgeResults
from rcd_ros.evaluation.scores import bootstrap_interval
from rcd_ros.outputs import write_json
from rcd_ros.suggest import did_you_mean

LOCKSTEP: Literal["lockstep"] = "lockstep"
Speed = float | Literal["lockstep"]


@dataclass(frozen=True)
class Contender:
    """A planner to be scored: `student`, or `teacher:NFE` with `nfe` network evaluations per plan asked for."""

    name: str
    nfe: int = 1

    @property
    def kind(self) -> Literal["student", "teacher"]:
        """Which network plans."""
        return "student" if self.name == "student" else "teacher"


def parse_contenders(text: str) -> list[Contender]:
    """Planners from names with commas between them, each once.

    Raises:
        RcdError: a name that is neither `student` nor `teacher:NFE`.
    """
    return list(dict.fromkeys(_contender(name.strip()) for name in text.split(",")))


def _contender(name: str) -> Contender:
    if name == "student":
        return Contender(name)
    kind, _, nfe = name.partition(":")
    if kind != "teacher" or not nfe:
        raise RcdError(
            f"unknown planner '{name}'{did_you_mean(kind, ('student', 'teacher'))}: name student, or teacher:NFE with "
            "the network evaluations per plan, such as teacher:80"
        )
    if not nfe.isdecimal() or int(nfe) < 1:
        raise RcdError(f"'{name}': a plan of the teacher needs at least one network evaluation, such as teacher:80")
    return Contender(f"teacher:{int(nfe)}", int(nfe))


def parse_speeds(text: str) -> list[float]:
    """Speeds from numbers with commas between them, each once, in their order.

    Raises:
        RcdError: something else than a finite number above 0.
    """
    speeds = []
    for part in text.split(","):
        try:
            speed = float(part)
        except ValueError:
            speed = math.nan
        if not (math.isfinite(speed) and speed > 0.0):
            raise RcdError(f"a speed must be a number above 0, got '{part.strip()}': 1 is life, 8 eight times as fast")
        speeds.append(speed)
    return list(dict.fromkeys(speeds))


def lockstep_row(contender: Contender, nfe: int, scores: Sequence[float], seed: int) -> dict[str, Any]:
    """A planner's score when the simulation waits for it; `nfe` evaluations per plan were made."""
    return _row(contender, nfe, LOCKSTEP, scores, seed) | {
        "rate_hz": None,
        "held_fraction": 0.0,
        "engine": None,
        "plan_ms_p50": None,
        "plan_ms_p99": None,
        "overruns": None,
        "speed_reached": None,
        "speed_held": None,
        "plans_refused": {},
        "kept": 1.0,
    }


def realtime_row(
    contender: Contender,
    nfe: int,
    speed: float,
    control_period: float,
    results: BridgeResults,
    lockstep: Mapping[str, Any],
) -> dict[str, Any]:
    """What a planner scored on the wall clock.

    Args:
        contender: who planned.
        nfe: evaluations per plan that were made.
        speed: simulated seconds a second.
        control_period: simulated seconds.
        results: what the bridge wrote. Its plan times (ms) are those of the planner's last seconds.
        lockstep: the same planner's row in lockstep.

    Returns:
        JSON values. `held_fraction` is the share of periods in which no plan was due and the robot held its position,
        `kept` the score as a share of that in lockstep (None where that is 0).
    """
    episodes = results.episode_results
    row = _row(contender, nfe, speed, [episode.score for episode in episodes], results.seed)
    planner, pace = results.planner or {}, results.pace or {}
    return row | {
        "rate_hz": speed / control_period,
        "held_fraction": sum(e.held_steps for e in episodes) / sum(e.steps for e in episodes),
        "engine": planner.get("engine"),
        "plan_ms_p50": planner.get("plan_ms_p50"),
        "plan_ms_p99": planner.get("plan_ms_p99"),
        "overruns": pace["overruns"],
        "speed_reached": pace["speed_reached"],
        "speed_held": pace["speed_held"],
        "plans_refused": results.plans_refused,
        "kept": row["score_mean"] / lockstep["score_mean"] if lockstep["score_mean"] > 0.0 else None,
    }


def _row(contender: Contender, nfe: int, speed: Speed, scores: Sequence[float], seed: int) -> dict[str, Any]:
    return {
        "planner": contender.name,
        "nfe": nfe,
        "speed": speed,
        "score_mean": float(np.mean(scores)),
        "score_ci95": list(bootstrap_interval(scores, seed=seed)),
        "episodes": len(scores),
        "episode_scores": list(scores),
    }


class RealtimeResults:
    """The rows so far, and the file they are kept in, if they are kept."""

    def __init__(self, path: Path | None, setting: Mapping[str, Any], machine: Mapping[str, Any]) -> None:
        """Start without rows.

        Args:
            path: of the JSON file, None for none.
            setting: what rows must share to be compared (task, checkpoint, episodes, seed, ...).
            machine: on which they are measured.
        """
        self.rows: list[dict[str, Any]] = []
        self._path = path
        self._setting = dict(setting)
        self._machine = dict(machine)

    def resume(self) -> None:
        """Continue with the rows in the file, if it exists.

        Raises:
            RcdError: it holds something else, or rows of another setting or machine.
        """
        if self._path is None or not self._path.exists():
            return
        try:
            content = json.loads(self._path.read_text())
            machine, rows = content["machine"], content["rows"]
            _ = machine["cpu"], [(row["planner"], row["speed"]) for row in rows]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RcdError(
                f"cannot go on with '{self._path}' ({error!r}): name a file that rcd bench realtime wrote"
            ) from error
        for name, wanted in [*self._setting.items(), ("cpu", self._machine["cpu"])]:
            found = machine["cpu"] if name == "cpu" else content.get(name)
            if found != wanted:
                raise RcdError(
                    f"cannot go on with '{self._path}': its {name} is {found!r}, now it is {wanted!r}; write to "
                    "another file, or --force to start over"
                )
        self.rows = rows

    def find(self, contender: Contender, speed: Speed) -> dict[str, Any] | None:
        """The row of a planner at a speed; None when it is still to be measured."""
        found = (row for row in self.rows if (row["planner"], row["speed"]) == (contender.name, speed))
        return next(found, None)

    def add(self, row: dict[str, Any]) -> None:
        """Add a row and store it.

        Raises:
            RcdError: the file cannot be written.
        """
        self.rows.append(row)
        if self._path is not None:
            write_json(self._path, {"machine": self._machine, **self._setting, "rows": self.rows})


def realtime_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """The rows as a table; speeds that this machine could not hold are marked."""
    table = Table(
        *("planner", "NFE", "speed", "rate", "score (95 %)", "kept", "held", "plan p50 / p99", "speed reached"),
        title="Score in a simulation that does not wait",
        title_justify="left",
        caption="kept: share of the lockstep score; held: periods without a plan; plan: the planner's last seconds",
        caption_justify="left",
    )
    for row in rows:
        low, high = row["score_ci95"]
        waits = row["speed"] == LOCKSTEP
        told = row["plan_ms_p50"] is not None
        reached = "" if waits else f"{row['speed_reached']:.2f}x"
        table.add_row(
            row["planner"],
            str(row["nfe"]),
            LOCKSTEP if waits else f"{row['speed']:g}x",
            "-" if waits else f"{row['rate_hz']:g} Hz",
            f"{row['score_mean']:.1f} ({low:.1f} to {high:.1f})",
            "-" if row["kept"] is None else f"{100.0 * row['kept']:.0f} %",
            "-" if waits else f"{100.0 * row['held_fraction']:.1f} %",
            f"{row['plan_ms_p50']:.2f} / {row['plan_ms_p99']:.2f} ms" if told else "-",
            reached if row["speed_held"] is not False else f"{reached} NOT HELD ({row['overruns']} overruns)",
        )
    return table
