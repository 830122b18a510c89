"""`rcd bench latency` and `rcd bench speedup` on tiny planners."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rcd_ros.cli import bench
from rcd_ros.planning.checkpoint import checkpoint_sha256
from rcd_ros.planning.engines import choose
from tests.planning.tiny import tiny_manifest, write_tiny
from tests.training.tiny_teacher import write_tiny_with_teacher

Rcd = Callable[..., int]
MACHINE = {"cpu", "cores", "memory_gb", "system", "python", "versions", "gpu", "threads", "date", "load"}
TIMES = {"p50_ms", "p95_ms", "p99_ms", "max_ms"}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    write_tiny(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_help_lists_all_benches(rcd: Rcd, capsys: pytest.CaptureFixture[str]) -> None:
    assert rcd("bench", "--help") == 0
    text = capsys.readouterr().out
    assert all(f"│ {name} " in text for name in ("latency", "speedup", "loop", "realtime"))


@pytest.mark.parametrize("name", list(bench.SUBCOMMANDS))
def test_each_bench_explains_itself(name: str, rcd: Rcd, capsys: pytest.CaptureFixture[str]) -> None:
    assert rcd("bench", name, "--help") == 0
    assert f"Usage: rcd bench {name}" in " ".join(capsys.readouterr().out.split())


def test_latency_writes_a_row_per_engine_and_the_machine(
    tiny: Path, tmp_path: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "latency.json"
    engines = ("--engine", "openvino", "--engine", "onnxruntime")
    assert rcd("bench", "latency", tiny, *engines, "--plans", 20, "--shape", "--json", file) == 0
    written = json.loads(file.read_text())
    assert set(written["machine"]) == MACHINE
    assert written["machine"]["threads"] == 1
    assert written["checkpoint_sha256"] == checkpoint_sha256(tiny)
    assert [row["engine"] for row in written["rows"]] == ["openvino", "onnxruntime"]
    for row in written["rows"]:
        assert set(row) >= {"engine", "nfe", "plans", *TIMES, *(f"shaped_{name}" for name in TIMES)}
        assert (row["nfe"], row["plans"]) == (1, 20)
    printed = capsys.readouterr().out
    assert "machine:" in printed and "date:" in printed and "openvino" in printed


def test_engines_that_cannot_run_are_listed_with_reason_and_remedy(
    tiny: Path, tmp_path: Path, rcd: Rcd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One is not installed; eager torch is, but cannot build this network."""
    usable = {"onnxruntime": None, "torch": None, "openvino": "openvino is not installed: pip install openvino"}
    monkeypatch.setattr(choose, "available_engines", lambda: usable)
    file = tmp_path / "latency.json"
    assert rcd("bench", "latency", tiny, "--plans", 5, "--json", file) == 0
    written = json.loads(file.read_text())
    assert [row["engine"] for row in written["rows"]] == ["onnxruntime"]
    assert written["not_measured"]["openvino"] == "openvino is not installed: pip install openvino"
    assert "cannot be built" in written["not_measured"]["torch"]
    assert "not measured: openvino: openvino is not installed: pip install openvino" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("latency", "{tiny}", "--engine", "openvine"), "did you mean 'openvino'?"),
        (("latency", "{tiny}", "--engine", "torch"), "cannot be built"),
        (("latency", "{tiny}", "--json", "{tiny}/manifest.yaml"), "lies inside"),
        (("latency", "{tiny}/nowhere"), "no checkpoint folder"),
        (("latency", "{tiny}", "--plans", "0"), "--plans"),
        (("speedup", "{tiny}"), "holds no teacher"),
        (("speedup", "{tiny}", "--json", "{tiny}/manifest.yaml"), "lies inside"),
        (("speedup", "{tiny}", "--repeats", "1"), "--repeats"),
    ],
)
def test_bad_input_is_two_and_one_sentence(
    arguments: tuple[str, ...], sentence: str, tiny: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rcd("bench", *(argument.format(tiny=tiny) for argument in arguments)) == 2
    assert sentence in capsys.readouterr().err


def test_speedup_writes_a_row_per_teacher(tmp_path: Path, rcd: Rcd, capsys: pytest.CaptureFixture[str]) -> None:
    folder, file = tmp_path / "planner", tmp_path / "speedup.json"
    write_tiny_with_teacher(folder, tiny_manifest())
    assert rcd("bench", "speedup", folder, "--engine", "onnxruntime", "--repeats", 2, "--json", file) == 0
    written = json.loads(file.read_text())
    assert set(written["machine"]) == MACHINE
    assert written["checkpoint_sha256"] == checkpoint_sha256(folder)
    assert [row["nfe"] for row in written["rows"]] == [79, 19, 20, 10]
    for row in written["rows"]:
        assert row["engine"] == row["engine_as_deployed"] == "onnxruntime"
        assert row["versus"].startswith("teacher ") and row["versus"].endswith(f" {row['nfe']} NFE")
        for name in ("ratio_same_engine", "ratio_as_deployed"):
            low, high = row[f"{name}_ci95"]
            assert 0.0 < low <= high
            assert row[name] > 0.0
    assert "teacher heun 79 NFE" in capsys.readouterr().out
