"""`rcd eval`, `rcd show` and `rcd export` on a tiny planner for the real kitchen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rcd_ros.planning.checkpoint import checkpoint_sha256, verify
from tests.cli.processes import interrupt_rcd

KEYS = {
    *("task", "episodes", "horizon_steps", "seed", "nfe", "score_mean", "score_ci95", "tasks_completed_mean"),
    *("per_task", "plan_ms_p50", "plan_ms_p99", "checkpoint_sha256", "execute", "policy"),
}


def test_result_file_says_what_was_measured(
    planner: Path, tmp_path: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "result.json"
    short = ("--episodes", 2, "--seed", 5, "--episode-steps", 10, "--workers", 1)
    assert rcd("eval", planner, *short, "--execute", 3, "--json", file) == 0
    summary = json.loads(file.read_text())
    assert set(summary) >= KEYS
    assert (summary["episodes"], summary["horizon_steps"], summary["seed"], summary["nfe"]) == (2, 10, 5, 1)
    assert (summary["execute"], summary["policy"]) == (3, "student")
    assert [row["seed"] for row in summary["episode_results"]] == [5, 6]
    assert summary["checkpoint_sha256"] == checkpoint_sha256(planner)
    assert "slide cabinet" in capsys.readouterr().out


def test_result_file_says_how_plans_were_executed(planner: Path, tmp_path: Path, rcd: Callable[..., int]) -> None:
    file = tmp_path / "result.json"
    short = ("--episodes", 1, "--episode-steps", 5, "--workers", 1)
    assert rcd("eval", planner, *short, "--mode", "splice", "--overlap", 2, "--shape", "--json", file) == 0
    summary = json.loads(file.read_text())
    how = {name: summary[name] for name in ("mode", "execute", "overlap", "delay", "shape")}
    assert how == {"mode": "splice", "execute": 1, "overlap": 2, "delay": 1, "shape": True}


def test_planned_against_executed_goes_to_a_file_for_rerun(
    planner: Path, tmp_path: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rerun")
    short = ("--episodes", 1, "--episode-steps", 5, "--workers", 1)
    assert rcd("eval", planner, *short, "--rerun", tmp_path / "a.txt") == 2
    assert ".rrd" in capsys.readouterr().err
    assert rcd("eval", planner, *short, "--rerun", tmp_path / "a.rrd") == 0
    assert (tmp_path / "a.rrd").stat().st_size > 1000
    assert rcd("eval", planner, *short, "--rerun", tmp_path / "a.rrd") == 2


def test_recorded_scores_stand_in_the_card_and_the_checkpoint_still_verifies(
    planner: Path, tmp_path: Path, rcd: Callable[..., int]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(planner, copy)
    assert rcd("eval", copy, "--episodes", 1, "--seed", 7, "--episode-steps", 5, "--workers", 1, "--record") == 0
    (entry,) = verify(copy).scores
    assert (entry["episodes"], entry["seed"], entry["horizon_steps"]) == (1, 7, 5)
    assert "## Measured scores" in (copy / "README.md").read_text()


def test_existing_result_is_kept_and_nothing_is_driven(
    planner: Path, tmp_path: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "result.json"
    file.write_text("mine")
    assert rcd("eval", planner, "--json", file) == 2
    assert file.read_text() == "mine"
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--execute", 9), "between 1 and the planned horizon 8"),
        (("--mode", "splice", "--execute", 2), "--execute is for --mode chunk"),
        (("--policy", "replay"), "--dataset"),
        (("--policy", "teacher", "--dataset", "rcd/x-v0"), "--policy replay"),
        (("--engine", "abacus"), "unknown engine 'abacus'"),
        (("--plot", "/tmp/progress.xyz"), "must end in .png or .pdf or .svg"),
    ],
)
def test_bad_settings_are_one_sentence(
    arguments: tuple[Any, ...],
    message: str,
    planner: Path,
    rcd: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert rcd("eval", planner, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["eval", "show", "export"])
def test_damaged_checkpoint_is_refused(
    command: str, planner: Path, tmp_path: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "damaged"
    copy.mkdir()
    for file in planner.iterdir():
        content = bytearray(file.read_bytes())
        if file.name == "student.onnx":
            content[len(content) // 2] ^= 1
        (copy / file.name).write_bytes(content)
    assert rcd(command, copy) == 2
    assert "does not match its SHA-256" in capsys.readouterr().err


def test_show_prints_the_card(planner: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert rcd("show", planner) == 0
    text = capsys.readouterr().out
    assert "One-step planner for `kitchen`" in text
    assert checkpoint_sha256(planner) in text


def test_export_keeps_an_exported_student_unless_forced(
    planner: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert rcd("export", planner) == 2
    assert "--force" in capsys.readouterr().err


def test_interrupted_evaluation_keeps_what_was_finished(planner: Path, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    command = ("eval", planner, "--episodes", 100000, "--episode-steps", 2, "--json", file)
    code, output = interrupt_rcd(*command, when="score=")
    summary = json.loads(file.read_text())
    assert code == 130
    assert summary["interrupted"] is True
    assert output.splitlines()[-1] == f"rcd: interrupted: {summary['episodes']} of 100000 episodes are in {file}"
    assert summary["episodes"] == len(summary["episode_results"]) >= 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--step-size", 0.5), "--gradient-steps"),
        (("--gradient-steps", 1), "critic"),
        (("--gradient-steps", 1, "--policy", "replay", "--dataset", "rcd/none-v0"), "replay"),
    ],
)
def test_gradient_steps_that_cannot_be_made_are_refused(
    planner: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str], options: tuple[object, ...], named: str
) -> None:
    assert rcd("eval", planner, "--episodes", 1, *options) == 2
    assert named in capsys.readouterr().err
