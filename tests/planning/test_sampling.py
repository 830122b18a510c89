"""Which points of a motion are sent, and from when their times count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rcd_ros.errors import RcdError
from rcd_ros.planning.execution.motion import Motion
from rcd_ros.planning.execution.trajectory import PointChoice

MS = 1_000_000
PERIOD, AVERAGE = 100 * MS, 20 * MS
KNOTS = np.array([-120, 0, 100, 200, 300]) * MS


def braking() -> Motion:
    """Moves until 200 ms, is at rest from 300 ms on, 20 ms later behind its moving average."""
    velocities = np.array([1.0, 1.0, 1.0, 1.0, 0.0])[:, None]
    steps = np.diff(KNOTS)[:, None] * 1e-9
    positions = np.concatenate((np.zeros((1, 1)), np.cumsum(0.5 * (velocities[1:] + velocities[:-1]) * steps, axis=0)))
    return Motion(KNOTS, positions, velocities, AVERAGE)


def times(
    choice: PointChoice, stamp: int = 0, now: int = 30, switch: int = 30, last: int = 200
) -> tuple[int, list[int]]:
    """Stamp and times in ms."""
    sent, points = choice.times(braking(), stamp * MS, now * MS, switch * MS, last * MS, PERIOD)
    return sent // MS, (points // MS).tolist()


def test_a_point_a_period_until_the_robot_rests() -> None:
    assert times(PointChoice()) == (0, [100, 200, 300, 400])
    assert times(PointChoice(), now=110, switch=110) == (0, [200, 300, 400])


def test_the_moment_of_sending_and_all_knots_of_the_motion() -> None:
    assert times(PointChoice("spline")) == (0, [30, 100, 120, 200, 220, 300, 320])


def test_what_is_commanded_until_the_plan_takes_over_is_sent_again() -> None:
    assert times(PointChoice("spline"), now=90, switch=210) == (0, [0, 20, 100, 120, 200, 220, 300, 320])


def test_takeover_begins_with_the_moment_of_takeover() -> None:
    assert times(PointChoice("spline", "takeover"), now=90, switch=210) == (210, [210, 220, 300, 320])
    assert times(PointChoice("period", "takeover"), now=90, switch=210) == (210, [210, 300, 400])


def test_a_trajectory_may_end_with_its_last_command() -> None:
    assert times(PointChoice(rests=False)) == (0, [100, 200])
    assert times(PointChoice("spline", rests=False)) == (0, [30, 100, 120, 200])
    assert times(PointChoice(rests=False), last=0) == (0, [100, 200, 300, 400]), "a mere stop is sent whole"


def test_a_motion_is_not_told_before_it_is_known() -> None:
    assert times(PointChoice("spline"), stamp=-150, now=-120, switch=-100) == (
        -150,
        [-100, 0, 20, 100, 120, 200, 220, 300, 320],
    )


@pytest.mark.parametrize("options", [{"sampling": "dense"}, {"stamping": "later"}])
def test_unusable_choices_are_refused(options: Any) -> None:
    with pytest.raises(RcdError, match=next(iter(options.values()))):
        PointChoice(**options)
