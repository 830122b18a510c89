"""`rcd faults` end to end: a short campaign with real processes, what it writes, and how it is interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.processes import interrupt_rcd, run_rcd

pytest.importorskip("gymnasium_robotics")
Rcd = Callable[..., int]


def test_the_short_campaign_is_borne(tmp_path: Path) -> None:
    """NaN on both ways, a killed planner, damaged checkpoints, a planner that is deactivated while the arm moves.

    At the simulation's own speed: a plan then covers the pauses that a busy machine makes.
    """
    file, logs = tmp_path / "faults.json", tmp_path / "logs"
    result = run_rcd("faults", "kitchen", "--quick", "--json", file, "--logs", logs)
    assert result.returncode == 0, result.stdout + result.stderr
    content = json.loads(file.read_text())
    assert (content["complete"], content["passed"]) == (True, content["faults"])
    verdicts = {verdict["fault"]: verdict for verdict in content["verdicts"]}
    assert verdicts["the planner is killed"]["exit_codes"]["planner"] == -9
    assert verdicts["NaN in joint_states"]["counts"]["planner"]["dropped: not finite"] > 0
    assert verdicts["plans with NaN"]["counts"]["kitchen_bridge"]["refused: not finite"] > 0
    assert all(verdict["recovered_s"] > 0.0 for verdict in verdicts.values())
    assert all(0.0 < verdict["largest_change"] <= 1.001 for verdict in verdicts.values())
    assert "does not match its SHA-256" in (logs / "guest.log").read_text()
    assert f"{content['faults']} of {content['faults']} faults as expected" in result.stdout


def test_what_was_judged_before_an_interruption_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    command = ("faults", "kitchen", "--only", "plans with", "--speed", 4, "--json", file)
    code, output = interrupt_rcd(*command, when=" 1/8 ")
    assert code == 130, output
    assert "Traceback" not in output
    content = json.loads(file.read_text())
    assert not content["complete"]
    assert f"{content['faults']} of 8 faults were injected" in output


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("kichen",), "there is no task 'kichen' (did you mean 'kitchen'?)"),
        (("kitchen", "--only", "earthquake"), "--only earthquake: no fault is called so"),
        (("kitchen", "--only", "30 %", "--quick"), "leave no fault over"),
        (("kitchen", "--speed", "0"), "--speed 0: must be a finite number above 0"),
        (("kitchen", "{tmp}/nowhere"), "there is no checkpoint folder"),
        (("kitchen", "--logs", "{tmp}"), "exists already: choose a new folder"),
    ],
)
def test_bad_options_end_with_code_2(
    options: tuple[str, ...], sentence: str, tmp_path: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rcd("faults", *(option.format(tmp=tmp_path) for option in options)) == 2
    assert sentence in capsys.readouterr().err


def test_the_list_says_what_is_expected(rcd: Rcd, capsys: pytest.CaptureFixture[str]) -> None:
    assert rcd("faults", "kitchen", "--list", "--only", "processes") == 0
    assert "the planner is killed" in capsys.readouterr().out
