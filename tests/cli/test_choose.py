"""`rcd choose` refuses planners whose values say nothing about each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rcd_ros.tasks.catalogue import get_task
from tests.planning.tiny import tiny_manifest, write_tiny


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A planner of another task."""
    write_tiny(tmp_path / "other", tiny_manifest(get_task("hopper").spec))
    return tmp_path / "other"


def test_planners_of_two_tasks_are_not_compared(
    planner: Path, other: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert rcd("choose", f"one={planner}", f"two={other}") == 2
    assert "another task" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "named"), [(("=",), "label=checkpoint"), (("a=one", "a=two"), "twice")])
def test_labels_that_cannot_be_read_are_refused(
    rcd: Callable[..., int], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], named: str
) -> None:
    assert rcd("choose", *arguments) == 2
    assert named in capsys.readouterr().err


def test_more_commands_than_a_plan_has_are_refused(
    planner: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert rcd("choose", f"one={planner}", "--execute", 9) == 2
    assert "--execute" in capsys.readouterr().err


def test_a_task_with_goals_is_refused(
    tmp_path: Path, rcd: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    write_tiny(tmp_path / "maze", tiny_manifest(get_task("maze-umaze").spec))
    assert rcd("choose", f"one={tmp_path / 'maze'}") == 2
    assert "goals" in capsys.readouterr().err
