"""`rcd bench loop` end to end: three processes, a table, a JSON file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.processes import interrupt_rcd, run_rcd
from tests.planning.tiny import write_tiny

Rcd = Callable[..., int]
KEYS = [
    *("rate_hz", "seconds", "e2e_p50_ms", "e2e_p95_ms", "e2e_p99_ms", "e2e_max_ms", "missed", "periods", "holds"),
    *("floor_p50_ms", "floor_p95_ms", "floor_p99_ms", "floor_missed", "floor_periods", "rmw", "rclpy", "ros_distro"),
    *("complete", "rss_start_mb", "rss_end_mb", "engine", "threads", "trigger", "realtime_priority", "lock_memory"),
    *("keep_awake", "cpu_affinity", "shape", "swap_every_s", "swaps", "planner", "diagnostics", "machine"),
]


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    write_tiny(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_a_run_writes_what_it_has_measured(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "loop.json"
    options = ("--rate", 50, "--seconds", 2, "--engine", "onnxruntime", "--json", file)
    result = run_rcd("bench", "loop", tiny, *options)
    assert result.returncode == 0, result.stdout + result.stderr
    content = json.loads(file.read_text())
    assert list(content) == KEYS
    assert (content["rate_hz"], content["seconds"], content["periods"], content["complete"]) == (50.0, 2.0, 100, True)
    assert 0.0 < content["e2e_p50_ms"] <= content["e2e_p95_ms"] <= content["e2e_p99_ms"] <= content["e2e_max_ms"]
    assert content["rss_end_mb"] > 10.0
    assert (content["engine"], content["threads"], content["trigger"]) == ("onnxruntime", 1, "on_observation")
    assert content["planner"]["plans"] > 0
    assert content["diagnostics"]["deadline_ms"] == "20.0"
    assert content["machine"]["threads"] == 1
    assert "missed periods" in result.stdout and "50 Hz" in result.stdout


def test_the_checkpoint_can_be_exchanged_meanwhile(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "loop.json"
    options = ("--rate", 50, "--seconds", 3, "--engine", "onnxruntime", "--swap-every", 1, "--shape", "--json", file)
    options += ("--cpu-affinity", 0)
    result = run_rcd("bench", "loop", tiny, *options)
    assert result.returncode == 0, result.stdout + result.stderr
    content = json.loads(file.read_text())
    assert content["swaps"]["refusals"] == []
    assert len(content["swaps"]["seconds"]) >= 1
    assert content["diagnostics"]["shape"] == "True"
    assert "hot swaps" in result.stdout


def test_several_rates_are_rows(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "loop.json"
    result = run_rcd("bench", "loop", tiny, "--rate", "20,40", "--seconds", 1, "--trigger", "timer", "--json", file)
    assert result.returncode == 0, result.stdout + result.stderr
    content = json.loads(file.read_text())
    assert [row["rate_hz"] for row in content["rows"]] == [20.0, 40.0]
    assert content["highest_rate_hz"] in (None, 20.0, 40.0)
    assert "machine" in content


def test_what_was_measured_before_an_interruption_is_kept(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "loop.json"
    command = ("bench", "loop", tiny, "--rate", 20, "--seconds", 1000, "--json", file)
    code, output = interrupt_rcd(*command, when=" 1/1000 s")
    assert code == 130, output
    assert "Traceback" not in output
    content = json.loads(file.read_text())
    assert not content["complete"]
    assert 0 < content["periods"] < 20_000
    assert f"{content['periods']} of 20000 periods were measured" in output


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--cpu-affinity", "first"), "--cpu-affinity first"),
        (("--cpu-affinity", "4096"), "cpu_affinity.*4096.* 0 to"),
        (("--rate", "0"), "--rate 0"),
        (("--rate", "fast"), "--rate.*'fast'"),
        (("--rate", "125,-1"), "--rate.*-1"),
        (("--seconds", "0"), "--seconds 0"),
        (("--seconds", "nan"), "--seconds nan"),
        (("--json", "{tiny}/manifest.yaml"), r"--json.*manifest\.yaml"),
        (("--swap-every", "-1"), "--swap-every -1"),
        (("--trigger", "never"), "--trigger"),
        (("--threads", "0"), "--threads"),
    ],
)
def test_bad_options_end_with_code_2(
    options: tuple[str, ...], named: str, tiny: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rcd("bench", "loop", tiny, *(option.format(tiny=tiny) for option in options)) == 2
    assert re.search(named, capsys.readouterr().err)


def test_a_checkpoint_that_is_none_ends_with_code_2(
    tmp_path: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rcd("bench", "loop", tmp_path / "nowhere") == 2
    assert "there is no checkpoint folder" in capsys.readouterr().err


def test_an_unknown_engine_is_refused_before_any_node_starts(
    tiny: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rcd("bench", "loop", tiny, "--engine", "abacus", "--seconds", 1) == 2
    assert capsys.readouterr().err.startswith("rcd: error: unknown engine 'abacus'")


def test_a_node_that_cannot_run_is_quoted(
    tiny: Path, rcd: Rcd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rcd_ros.planning.engines.choose.check_engine", lambda engine: None)
    assert rcd("bench", "loop", tiny, "--engine", "abacus", "--seconds", 1) == 2
    error = capsys.readouterr().err
    assert "planner exited with code 2: [FATAL]" in error
    assert "unknown engine 'abacus'" in error
    assert "Traceback" not in error
