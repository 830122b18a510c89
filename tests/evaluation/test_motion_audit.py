"""The audit of commanded motion: what passes, and which sentence tells what does not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rcd_ros.evaluation.motion_audit import MotionAudit, audit_commands
from rcd_ros.planning.channels import CommandChannel
from rcd_ros.planning.limits import MotionLimits
from rcd_ros.planning.spec import MotionSpec, TaskSpec
from tests.planning.tiny import tiny_spec

PERIOD = 100_000_000
MOTION = MotionSpec(acceleration=(5.0, 10.0), velocity=(1.0, 2.0))


def audit(commands: list[list[float]], spec: TaskSpec | None = None, stamps: list[int] | None = None) -> MotionAudit:
    spec = spec or tiny_spec().model_copy(update={"motion": MOTION})
    times = np.array(stamps if stamps is not None else [k * PERIOD for k in range(len(commands))], np.int64)
    return audit_commands(spec.command, MotionLimits.of(spec), PERIOD, times, np.array(commands).reshape(-1, 2))


def test_a_motion_at_its_limits_passes() -> None:
    result = audit([[0.0, 0.0], [0.5, 1.0], [1.0, 2.0], [0.5, 1.0]])
    assert result.problems == ()
    assert (result.periods, result.largest_change) == (4, pytest.approx(1.0))


def test_a_jump_and_a_command_beyond_its_limit_are_told_by_joint() -> None:
    result = audit([[0.0, 0.0], [0.6, 0.0], [0.5, -0.5], [0.9, -1.5], [1.2, -2.0]])
    assert result.problems == (
        "elbow was commanded 1.2 rad/s, allowed -1 to 1",
        "elbow jumped by 0.6 rad/s in one control period, allowed 0.5",
    )
    assert result.largest_change == pytest.approx(1.2)


def test_a_command_that_is_no_number_is_told() -> None:
    assert "wrist was commanded nan" in audit([[0.0, 0.0], [0.0, math.nan]]).problems[0]


def test_nothing_is_compared_across_a_reset() -> None:
    assert audit([[1.0, 2.0], [-1.0, -2.0]], stamps=[0, 10_000_000_000]).problems == ()


def test_without_limits_of_acceleration_there_is_no_largest_change() -> None:
    result = audit([[2.0, 2.0], [-2.0, -2.0]], tiny_spec())
    assert result.problems == ()
    assert math.isnan(result.largest_change)


def test_positions_may_change_as_fast_as_their_velocity() -> None:
    command = tiny_spec().command.model_dump() | {"interface": "position", "units": ("rad", "rad")}
    spec = tiny_spec().model_copy(update={"motion": MOTION, "command": CommandChannel(**command)})
    assert audit([[0.0, 0.0], [0.1, 0.2]], spec).problems == ()
    assert audit([[0.0, 0.0], [0.1, -0.3]], spec).problems == (
        "wrist jumped by 0.3 rad in one control period, allowed 0.2",
    )


def test_an_arm_that_was_commanded_nothing_has_no_problems() -> None:
    assert audit([]) == MotionAudit(0, 0.0, ())
