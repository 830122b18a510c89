"""Rows of score against control rate: who is asked, what a row says, how a file is gone on with."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from rcd_ros.benchmarks.realtime.contenders import LOCKSTEP, Contender, parse_contenders, parse_speeds
from rcd_ros.benchmarks.realtime.plot import plot_realtime
from rcd_ros.benchmarks.realtime.rows import (
    RealtimeResults,
    RealtimeRow,
    RealtimeSetting,
    lockstep_row,
    realtime_row,
    realtime_table,
)
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.machine import Machine
from rcd_ros.evaluation.results import BridgeResults, EpisodeScore

STUDENT, TEACHER = Contender("student"), Contender("teacher:80", 80)
SETTING = RealtimeSetting(
    task="kitchen",
    checkpoint_sha256="0f",
    episodes=2,
    horizon_steps=20,
    seed=3,
    mode="chunk",
    execute=4,
    shape=False,
    engine="auto",
)
MACHINE = Machine(
    cpu="abacus",
    cores=1,
    memory_gb=1.0,
    system="wood",
    python="3.11",
    versions={},
    gpu=None,
    threads=1,
    date="2026-01-01",
    load=0.0,
)


def bridge_results(scores: list[float], held: int = 0, held_speed: bool = True, complete: bool = True) -> BridgeResults:
    return BridgeResults(
        task="kitchen",
        horizon_steps=20,
        seed=3,
        episode_results=tuple(EpisodeScore(score=score, steps=20, held_steps=held) for score in scores),
        planner={"engine": "torch", "plan_ms_p50": 70.0, "plan_ms_p99": 80.0},
        pace={"overruns": 0 if held_speed else 7, "speed_reached": 7.99, "speed_held": held_speed},
        plans_refused={"stale": 4},
        complete=complete,
    )


def rows() -> list[RealtimeRow]:
    waited = lockstep_row(TEACHER, 79, [100.0, 50.0], seed=3)
    return [waited, realtime_row(TEACHER, 79, 8.0, 0.08, bridge_results([25.0, 50.0], held=5), waited)]


def test_planners_are_named_with_their_evaluations() -> None:
    assert parse_contenders("student, teacher:80,student") == [STUDENT, TEACHER]
    assert [contender.kind for contender in (STUDENT, TEACHER)] == ["student", "teacher"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("studnet", "'studnet' .did you mean 'student'"),
        ("teacher", "'teacher'"),
        ("student,", "''"),
        ("teacher:0", "'teacher:0'"),
        ("teacher:-5", "'teacher:-5'"),
        ("teacher:many", "'teacher:many'"),
    ],
)
def test_unknown_planners_are_refused(text: str, named: str) -> None:
    with pytest.raises(RcdError, match=named):
        parse_contenders(text)


def test_speeds_are_positive_numbers() -> None:
    assert parse_speeds("1, 8,0.5,8") == [1.0, 8.0, 0.5]
    for text in ("0", "-1", "fast", "", "nan", "inf", "1,,2"):
        with pytest.raises(RcdError) as refused:
            parse_speeds(text)
        assert f"'{next(part for part in text.split(',') if part != '1')}'" in str(refused.value)


def test_a_row_compares_with_the_world_that_waits() -> None:
    waited, row = rows()
    assert (waited.speed, waited.rate_hz, waited.score_mean, waited.kept) == (LOCKSTEP, None, 75.0, 1.0)
    assert (row.planner, row.nfe, row.speed, row.rate_hz) == ("teacher:80", 79, 8.0, 100.0)
    assert (row.score_mean, row.kept, row.held_fraction) == (37.5, 0.5, 0.25)
    assert row.score_ci95 == (25.0, 50.0)
    assert (row.engine, row.plan_ms_p50, row.plans_refused) == ("torch", 70.0, {"stale": 4})
    assert list(waited.as_json()) == list(row.as_json())


def test_nothing_can_be_kept_of_no_score() -> None:
    waited = lockstep_row(STUDENT, 1, [0.0, 0.0], seed=3)
    assert realtime_row(STUDENT, 1, 1.0, 0.08, bridge_results([0.0, 0.0]), waited).kept is None


def test_rows_are_kept_and_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    results = RealtimeResults(file, SETTING, MACHINE)
    results.resume()
    for row in rows():
        results.add(row)
    content = json.loads(file.read_text())
    assert list(content) == ["machine", *SETTING.as_json(), "rows"]
    assert (content["machine"], content["task"]) == (MACHINE.as_json(), "kitchen")
    assert [RealtimeRow.model_validate(row) for row in content["rows"]] == rows()

    later = RealtimeResults(file, SETTING, MACHINE)
    later.resume()
    assert later.find(TEACHER, LOCKSTEP) == rows()[0]
    assert later.find(TEACHER, 8.0) == rows()[1]
    assert later.find(TEACHER, 4.0) is None
    assert later.find(STUDENT, 8.0) is None


@pytest.mark.parametrize(
    ("setting", "machine", "sentence"),
    [
        (SETTING.model_copy(update={"seed": 4}), MACHINE, "seed is 3.* 4"),
        (SETTING, replace(MACHINE, cpu="slide rule"), "'abacus'.*'slide rule'"),
    ],
)
def test_rows_of_another_setting_or_machine_are_not_mixed_in(
    tmp_path: Path, setting: RealtimeSetting, machine: Machine, sentence: str
) -> None:
    file = tmp_path / "rows.json"
    RealtimeResults(file, SETTING, MACHINE).add(rows()[0])
    with pytest.raises(RcdError, match=sentence):
        RealtimeResults(file, setting, machine).resume()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"machine": {"cpu": "abacus"}, "rows": [3]}'])
def test_other_files_are_not_gone_on_with(tmp_path: Path, content: str) -> None:
    (tmp_path / "rows.json").write_text(content)
    with pytest.raises(RcdError, match=str(tmp_path / "rows.json")):
        RealtimeResults(tmp_path / "rows.json", SETTING, MACHINE).resume()


def test_the_table_marks_speeds_that_the_machine_could_not_hold() -> None:
    waited, row = rows()
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(realtime_table([waited, row]))
    assert "NOT HELD" not in console.export_text()
    slow = realtime_row(TEACHER, 79, 8.0, 0.08, bridge_results([25.0, 50.0], held_speed=False), waited)
    console.print(realtime_table([waited, slow]))
    assert "7.99x NOT HELD (7 overruns)" in console.export_text()


@pytest.mark.parametrize("count", [1, 2])
def test_finished_rows_are_drawn(tmp_path: Path, count: int) -> None:
    plot_realtime(tmp_path / "rows.png", "kitchen", rows()[:count])
    assert (tmp_path / "rows.png").read_bytes().startswith(b"\x89PNG")
