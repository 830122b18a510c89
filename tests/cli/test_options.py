"""Options that have no effect are refused; those that are accepted have theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.evaluation.test_comparison import summary

SHORT = ("--episodes", 1, "--episode-steps", 5, "--workers", 1)


def test_other_goals_are_the_ones_that_are_scored(planner: Path, tmp_path: Path, rcd: Callable[..., int]) -> None:
    file = tmp_path / "result.json"
    assert rcd("eval", planner, *SHORT, "--option", "goals=[kettle]", "--json", file) == 0
    result = json.loads(file.read_text())
    assert list(result["per_task"]) == ["kettle"]
    assert result["options"] == ["goals=[kettle]"]


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("eval", "{planner}", "--sampler", "ddim"), "--sampler"),
        (("eval", "{planner}", "--decay", 0.1), "--decay"),
        (("eval", "{planner}", "--overlap", 2), "--overlap"),
        (("eval", "{planner}", "--nfe", 3, "--engine", "torch"), "--engine"),
        (("eval", "{planner}", "--plans", 7), "--plans"),
        (("eval", "{planner}", "--offline", "rcd/x-v0", "--episodes", 7), "--episodes"),
        (("eval", "{planner}", "--offline", "rcd/x-v0", "--video", "x.mp4"), "--video"),
        (("eval", "{planner}", "--option", "episode_steps=7"), "--episode-steps"),
        (("eval", "{planner}", "--option", "goals=[kettle]", "--option", "goals=[microwave]"), "goals"),
        (("eval", "{planner}", "--option", "goals=[kettle]", "--record"), "--record"),
        (("eval", "{planner}", "--mode", "splice", "--delay", 99), "delay"),
        (("faults", "kitchen", "{planner}", "--list", "--json", "x.json"), "--json"),
        (("bench", "realtime", "{planner}", "--planners", "student", "--mode", "splice", "--execute", 2), "--execute"),
        (("bench", "peers", "{planner}", "--base-python", "/usr/bin/python3"), "--base-python"),
        (("data", "make", "maze-umaze", "--version", "v4"), "--version"),
        (("data", "make", "maze-umaze", "--episodes", 3), "--episodes"),
        (("data", "make", "push", "--steps", 3), "--steps"),
        (("data", "make", "hopper-medium", "--keep", "success"), "--keep"),
        (("record", "--all", "--topics", "joint_states"), "--topics"),
        (("launch", "kitchen_sim", "--show-args", "episodes:=3"), "--show-args"),
        (("launch", "kitchen_sim", "episodes:=3", "episodes:=4"), "episodes"),
    ],
)
def test_what_has_no_effect_is_refused(
    arguments: tuple[object, ...],
    option: str,
    planner: Path,
    datasets_root: Path,
    rcd: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert rcd(*(str(each).format(planner=planner) for each in arguments)) == 2
    assert option in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a={one},{one}"], "twice"),
        (["a={one},{room}/x/../one.json"], "twice"),
        (["a={one}", "a={two}"], "comes twice"),
        (["a={one},"], "label=file"),
        (["a={one}", "--json", "{one}", "--force"], "what is read"),
    ],
)
def test_a_result_counts_once(
    arguments: list[str], said: str, tmp_path: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x").mkdir()
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    for file in (one, two):
        file.write_text(json.dumps(summary(100.0, 80.0)))
    assert rcd("compare", *(each.format(one=one, two=two, room=tmp_path) for each in arguments)) == 2
    assert said in capsys.readouterr().err
    assert json.loads(one.read_text()) == summary(100.0, 80.0)


def test_the_same_checkpoint_is_not_two_training_seeds(
    tmp_path: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for file in files:
        file.write_text(json.dumps(summary(float(len(file.name))) | {"checkpoint_sha256": "1234"}))
    assert rcd("compare", f"a={files[0]},{files[1]}") == 2
    assert "same checkpoint" in capsys.readouterr().err
