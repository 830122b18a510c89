"""`rcd demo` around the nodes, which have their own tests: what it asks them for, what it makes of their results."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from rcd_ros.launching import supervisor
from rcd_ros.launching.node_process import NodeProcess

GOALS = ("microwave", "kettle", "light switch", "slide cabinet")


def _bridge_that_drives(count: int, asked: dict[str, Any]) -> Any:
    """A launch whose bridge has driven `count` episodes when it ends."""

    def run_nodes(processes: Sequence[NodeProcess]) -> int:
        (bridge,) = [process for process in processes if process.executable == "kitchen_bridge_node"]
        asked.update(bridge.parameters)
        completed_at = {"microwave": 49, "kettle": 99}
        results = [
            {"seed": 3 + i, "completed_at": completed_at, "steps": 280, "wall_s": 1.0, "score": 50.0}
            for i in range(count)
        ]
        summary = {
            "task": "kitchen",
            "episodes": count,
            "horizon_steps": 280,
            "complete": count == bridge.parameters["episodes"],
            "score_mean": 50.0,
            "per_task": dict.fromkeys(GOALS, 0.5),
            "episode_results": results,
            "planner": {"engine": "onnxruntime", "plans": 71, "plan_ms_p50": 0.412, "plan_ms_p99": 1.25},
        }
        Path(bridge.parameters["results"]).write_text(json.dumps(summary))
        return 0

    return run_nodes


def test_demo_shows_when_each_task_was_completed(
    rcd: Callable[..., int],
    planner: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(supervisor, "run_nodes", _bridge_that_drives(2, asked))
    folder = tmp_path / "demo"
    assert rcd("demo", "--checkpoint", planner, "--seed", 3, "--output", folder) == 0
    assert (asked["episodes"], asked["seed"], asked["mode"]) == (2, 3, "lockstep")
    assert (folder / "progress.png").is_file()
    text = capsys.readouterr().out
    assert "4.0 s" in text and "8.0 s" in text  # after 50 and 100 steps of 0.08 s
    assert "2 of 4" in text
    assert "one plan (onnxruntime): 0.41 ms (p50), 1.25 ms (p99) of 71" in text
    assert "libosmesa6" in text  # no video came


def test_interrupted_demo_says_what_is_there(
    rcd: Callable[..., int],
    planner: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(supervisor, "run_nodes", _bridge_that_drives(1, {}))
    assert rcd("demo", "--checkpoint", planner, "--episodes", 4, "--output", tmp_path / "demo") == 130
    assert "rcd: interrupted: 1 of 4 episodes are in" in capsys.readouterr().err


def test_results_of_an_earlier_demo_are_kept(rcd: Callable[..., int], planner: Path, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("mine")
    assert rcd("demo", "--checkpoint", planner, "--output", tmp_path) == 2
    assert (tmp_path / "results.json").read_text() == "mine"
