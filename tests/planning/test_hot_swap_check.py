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
    ("changes", "history", "named"),
    [
        ({"name": "maze"}, (2, 2), "maze.*tiny"),
        ({"control_period": 0.05}, (2, 2), "control period"),
        ({"observations": SPEC.observations[:2]}, (2, 2), "observations"),
        (
            {"command": SPEC.command.model_copy(update={"joints": ("a", "b")})},
            (2, 2),
            r"\['a', 'b'\].*\['elbow', 'wrist'\]",
        ),
        ({"command": SPEC.command.model_copy(update={"lower": (-1.0, -1.0)})}, (2, 2), "range"),
        ({"motion": MotionSpec(velocity=(1.0, 1.0))}, (2, 2), "motion limits"),
        ({}, (2, 3), "3.*2"),
    ],
)
def test_what_differs_is_named(changes: dict[str, Any], history: tuple[int, int], named: str) -> None:
    with pytest.raises(RcdError, match=named):
        check_hot_swap(SPEC, SPEC.model_copy(update=changes), history)
