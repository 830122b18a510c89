"""Mazes from the command line: planners of states driven by `rcd eval`, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.launching.launches import MUJOCO_SIM
from rcd_ros.tasks.mazes import maze_spec
from tests.planning.tiny import tiny_manifest, write_tiny


@pytest.fixture
def maze_planner(tmp_path: Path) -> Path:
    write_tiny(tmp_path / "planner", tiny_manifest(maze_spec("maze-umaze"), history=1, horizon=6, execute=6))
    return tmp_path / "planner"


@pytest.fixture
def evaluate(rcd: Callable[..., int], maze_planner: Path) -> Callable[..., int]:
    """Drive two short episodes; returns the exit code."""

    def call(*arguments: object, steps: int = 40) -> int:
        return rcd("eval", maze_planner, "--episodes", 2, "--episode-steps", steps, "--workers", 1, *arguments)

    return call


def test_a_planner_of_states_is_driven_and_drawn_on_its_maze(evaluate: Callable[..., int], tmp_path: Path) -> None:
    figures, picture = tmp_path / "eval.json", tmp_path / "eval.svg"
    assert evaluate("--json", figures, "--plot", picture) == 0
    summary = json.loads(figures.read_text())
    assert (summary["task"], summary["execute"], summary["episodes"]) == ("maze-umaze", 6, 2)
    assert "<!-- maze-umaze, 2 of 2 episodes -->" in picture.read_text()


def test_controllers_are_compared_on_the_same_episodes(evaluate: Callable[..., int], tmp_path: Path) -> None:
    seen = []
    for policy in ("waypoints", "behaviour"):
        figures = tmp_path / f"{policy}.json"
        assert evaluate("--policy", policy, "--json", figures, steps=300) == 0
        seen.append(json.loads(figures.read_text()))
    assert [summary["policy"] for summary in seen] == ["waypoints", "behaviour"]
    assert all(summary["per_task"] == {"goal": 1.0} for summary in seen)
    assert seen[0]["score_mean"] >= seen[1]["score_mean"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--option", "goal=[0,0]"), r"the goal \(0, 0\) lies inside a wall"),
        (("--option", "goal=[9,9]"), "lies outside the maze"),
        (("--option", "start=[-1,1]"), "0 m from the goal"),
        (("--option", "goals=random"), r"has no option 'goals' \(did you mean 'goal'"),
        (("--option", "goal"), "write it as key=value"),
        (("--policy", "waypoint"), r"there is no policy 'waypoint' \(did you mean 'waypoints'"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    evaluate: Callable[..., int], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], named: str
) -> None:
    assert evaluate(*arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert re.search(named, line), line


def test_a_planner_of_another_maze_is_not_launched(maze_planner: Path) -> None:
    with pytest.raises(RcdError, match="task:=maze-umaze"):
        MUJOCO_SIM.nodes(MUJOCO_SIM.resolve({"task": "maze-large", "checkpoint": str(maze_planner)}))
