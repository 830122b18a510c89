"""Ctrl-C in the middle of a command: one sentence, exit code 130, nothing half written.

`rcd data replay` and `rcd eval` have tests of their own, which also look at what they keep.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rcd_ros.data.storage.datasets import list_datasets
from rcd_ros.planning.checkpoint import add_files, verify, write_checkpoint
from rcd_ros.training import export
from rcd_ros.training.state import read_tensors
from tests.cli.processes import interrupt_rcd
from tests.training.tiny_recipe import RECIPE, save_random_episodes


def test_training_keeps_the_last_saved_step_and_goes_on_from_it(datasets_root: Path, tmp_path: Path) -> None:
    save_random_episodes()
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    command = ("train", "teacher", tmp_path / "recipe.yaml", "--output", tmp_path / "out", "--threads", 1)
    code, output = interrupt_rcd(*command, "teacher.optimizer.steps=1000000", when="loss=")
    assert code == 130, output
    assert "Traceback" not in output
    assert "rcd: interrupted: teacher: step " in output.splitlines()[-1]
    assert "go on with --resume" in output.splitlines()[-1]
    _, state = read_tensors(tmp_path / "out" / "teacher" / "last.safetensors")
    assert state["step"] > 0
    assert not list(tmp_path.rglob("*.partial"))
    assert not (tmp_path / "out" / "teacher.safetensors").exists(), "it is not finished"


def test_rollouts_store_nothing(planner: Path, datasets_root: Path) -> None:
    command = ("data", "rollout", planner, "--episodes", 100000, "--name", "rcd/test/rollouts-v0")
    code, output = interrupt_rcd(*command, when="1/100000")
    assert code == 130, output
    assert output.splitlines()[-1] == "rcd: interrupted"
    assert list_datasets() == {}
    assert not list(datasets_root.glob(".rcd*"))


@pytest.mark.parametrize(
    ("command", "ends_with"),
    [
        (("launch", "kitchen_sim", "checkpoint:={planner}", "episodes:=1000", "results:={room}/results.json"), 0),
        (("demo", "--checkpoint", "{planner}", "--episodes", "1000", "--output", "{room}", "--no-video"), 130),
    ],
    ids=["launch", "demo"],
)
def test_nodes_end_and_finished_episodes_are_kept(
    command: tuple[str, ...], ends_with: int, planner: Path, tmp_path: Path, domain: int
) -> None:
    """A launch that was asked to stop has done what it was asked to: 0. The demo has not shown all it should."""
    code, output = interrupt_rcd(*(part.format(planner=planner, room=tmp_path) for part in command), when="episode 1 ")
    assert code == ends_with, output
    assert "Traceback" not in output
    assert "SIGINT: stopping" in output or "user interrupted with ctrl-c (SIGINT)" in output  # ours, ros2 launch's
    summary = json.loads((tmp_path / "results.json").read_text())
    assert (summary["complete"], summary["episodes"]) == (False, len(summary["episode_results"]))
    assert summary["episodes"] >= 1
    if ends_with:
        kept = f"{summary['episodes']} of 1000 episodes are in {tmp_path / 'results.json'}"
        assert output.splitlines()[-1] == f"rcd: interrupted: {kept}"
    assert not list(tmp_path.glob(".*"))


def test_an_interrupted_export_leaves_the_checkpoint_as_it_was(
    planner: Path, tmp_path: Path, rcd: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interruption comes while the new files are being written."""
    folder = tmp_path / "planner"
    before = write_checkpoint(folder, verify(planner), {"student": {}}, {"student.onnx": planner / "student.onnx"})

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    def export_student(path: Path) -> None:
        add_files(path, {"student.onnx": b"new"})

    monkeypatch.setattr(export, "export_student", export_student)
    monkeypatch.setattr(os, "fsync", interrupted)
    assert rcd("export", folder, "--force") == 130
    assert verify(folder) == before
    assert list(tmp_path.iterdir()) == [folder]
