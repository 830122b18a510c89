"""Only a planner of the same robot and task may take over while the robot moves."""

from __future__ import annotations

from typing import Any

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.planning.planner import check_hot_swap
from rcd_ros.planning.spec import MotionSpec
from tests.planning.tiny import tiny_spec

SPEC = tiny_spec()


def test_the_same_task_may_be_scored_otherwise() -> None:
    check_hot_swap(SPEC, SPEC.model_copy(update={"episode_steps": 99}), (2, 2))


@pytest.mark.parametrize(
    ("changes", "history", "words"),
    [
        ({"name": "maze"}, (2, 2), "the checkpoint is of task 'maze', the running planner of 'tiny'"),
        ({"control_period": 0.05}, (2, 2), "has another control period than"),
        ({"observations": SPEC.observations[:2]}, (2, 2), "has other observations than"),
        ({"command": SPEC.command.model_copy(update={"joints": ("a", "b")})}, (2, 2), "commands joints ['a', 'b']"),
        ({"command": SPEC.command.model_copy(update={"lower": (-1.0, -1.0)})}, (2, 2), "interface or range than"),
        ({"motion": MotionSpec(velocity=(1.0, 1.0))}, (2, 2), "has other motion limits than"),
        ({}, (2, 3), "plans from 3 observations, the running planner from 2"),
    ],
)
def test_what_differs_is_said_with_what_to_do(changes: dict[str, Any], history: tuple[int, int], words: str) -> None:
    with pytest.raises(RcdError) as refusal:
        check_hot_swap(SPEC, SPEC.model_copy(update=changes), history)
    assert words in str(refusal.value)
    assert "configure it with this checkpoint" in str(refusal.value)
