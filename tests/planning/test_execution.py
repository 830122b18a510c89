"""The point that is due now, and which plans are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rcd_ros.planning.execution.follower import TrajectoryFollower
from rcd_ros.planning.execution.received_plan import ReceivedPlan
from rcd_ros.planning.execution.trajectory import TrajectoryMaker
from tests.planning.tiny import tiny_spec

PERIOD = 100_000_000
ARM = ("elbow", "wrist")
ENDS = PERIOD * np.arange(1, 5)
PLAN = [[0.1, -0.1], [0.2, -0.2], [0.3, -0.3], [0.4, -0.4]]


@pytest.fixture
def follower() -> TrajectoryFollower:
    return TrajectoryFollower(tiny_spec().command, PERIOD)


def test_each_point_has_its_period(follower: TrajectoryFollower) -> None:
    start = 7 * PERIOD
    assert follower.accept(ReceivedPlan(ARM, start, ENDS, PLAN), now=start) is None
    for k in range(4):
        for now in (start + k * PERIOD, start + (k + 1) * PERIOD - 1):
            due = follower.due(now)
            assert due is not None and due.index == k and due.command.tolist() == PLAN[k]
    assert follower.due(start + 4 * PERIOD) is None, "a used-up plan must not repeat its last velocity"


def test_a_late_plan_is_entered_in_the_middle(follower: TrajectoryFollower) -> None:
    assert follower.accept(ReceivedPlan(ARM, 0, ENDS, PLAN), now=2 * PERIOD) is None
    due = follower.due(2 * PERIOD)
    assert due is not None and due.index == 2


def test_names_are_mapped_to_the_robots_order(follower: TrajectoryFollower) -> None:
    assert follower.accept(ReceivedPlan(("wrist", "elbow"), 0, ENDS, PLAN), now=0) is None
    due = follower.due(0)
    assert due is not None and due.command.tolist() == [-0.1, 0.1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"names": ("elbow", "hand")}, "joint names differ"),
        ({"names": ("elbow",)}, "wrong shape"),
        ({"names": ("elbow", "elbow")}, "joint names differ"),
        ({"commands": [[0.1, 0.1]] * 3}, "wrong shape"),
        ({"commands": [[0.1]] * 4}, "wrong shape"),
        ({"time_from_start": [], "commands": []}, "wrong shape"),
        ({"time_from_start": [-1, 1, 2, 3]}, "times do not increase"),
        ({"time_from_start": [1, 2, 2, 3]}, "times do not increase"),
        ({"commands": [[np.nan, 0.0]] * 4}, "not finite"),
        ({"commands": [[0.0, 2.1]] * 4}, "outside the limits: wrist = 2.1 rad/s at point 0, allowed -2 to 2"),
        ({"stamp": 3 * PERIOD}, "from the future"),
        ({"now": 4 * PERIOD}, "stale"),
    ],
)
def test_refused_plans_say_why_and_leave_the_plan_in_hand(
    follower: TrajectoryFollower, change: dict[str, Any], reason: str
) -> None:
    plan = ReceivedPlan(ARM, 0, ENDS, PLAN)
    assert follower.accept(plan, now=0) is None
    changed = replace(plan, **{name: value for name, value in change.items() if name != "now"})
    answer = follower.accept(changed, change.get("now", 0))
    assert answer is not None and answer.startswith(reason)
    assert follower.refused == {reason.split(":")[0]: 1}
    due = follower.due(0)
    assert due is not None and due.command.tolist() == PLAN[0]


def test_an_overtaken_plan_is_refused(follower: TrajectoryFollower) -> None:
    follower.accept(ReceivedPlan(ARM, PERIOD, ENDS, PLAN), now=PERIOD)
    assert follower.accept(ReceivedPlan(ARM, 0, ENDS, PLAN), now=PERIOD) is not None
    assert follower.stamp == PERIOD


def test_nothing_is_due_after_reset(follower: TrajectoryFollower) -> None:
    follower.accept(ReceivedPlan(ARM, 0, ENDS, PLAN), now=0)
    follower.reset()
    assert follower.due(0) is None


def test_velocity_plans_carry_the_positions_they_lead_to() -> None:
    spec = tiny_spec()
    observation = np.array([1.0, 2.0, 0.0, 0.0, 0.0])
    points = TrajectoryMaker(spec).points(np.array(PLAN), observation)
    assert points.time_from_start.tolist() == ENDS.tolist()
    assert points.velocities.tolist() == PLAN
    assert points.positions[0] == pytest.approx([1.01, 1.99])
    assert points.positions[3] == pytest.approx([1.10, 1.90])
    assert points.efforts.shape == (4, 0)


def test_positions_stay_empty_when_they_are_not_observed() -> None:
    spec = tiny_spec().select(["velocity", "door"])
    assert spec.observed_columns("joint_position") is None
    assert TrajectoryMaker(spec).points(np.array(PLAN), np.zeros(3)).positions.shape == (4, 0)


def test_effort_plans_carry_efforts_only() -> None:
    spec = tiny_spec()
    spec = spec.model_copy(update={"command": spec.command.model_copy(update={"interface": "effort"})})
    points = TrajectoryMaker(spec).points(np.array(PLAN), np.zeros(5))
    assert points.efforts.tolist() == PLAN
    assert points.positions.shape == points.velocities.shape == (4, 0)


def test_the_newest_plan_is_followed_within_a_period_too(follower: TrajectoryFollower) -> None:
    """A planner that stops the robot does not wait for a period's end."""
    follower.accept(ReceivedPlan(ARM, 0, ENDS, PLAN), now=0)
    stop = ReceivedPlan(ARM, PERIOD // 2, [PERIOD // 2, PERIOD], [[0.0, 0.0]] * 2)
    assert follower.accept(stop, now=PERIOD // 2) is None
    due = follower.due(PERIOD // 2)
    assert due is not None and due.command.tolist() == [0.0, 0.0]


def test_a_plan_is_kept_for_the_periods_to_execute() -> None:
    """Plans may arrive for every observation while each is to be followed for `execute` periods."""
    follower = TrajectoryFollower(tiny_spec().command, PERIOD, execute=2)
    followed = []
    for step in range(6):
        now = step * PERIOD
        assert follower.accept(ReceivedPlan(ARM, now, ENDS, [[0.1 * step, 0.0]] * 4), now=now) is None
        due = follower.due(now)
        assert due is not None
        followed.append((due.stamp // PERIOD, due.index))
    assert followed == [(0, 0), (0, 1), (2, 0), (2, 1), (4, 0), (4, 1)]


def test_a_used_up_plan_gives_way_before_its_time() -> None:
    follower = TrajectoryFollower(tiny_spec().command, PERIOD, execute=100)
    follower.accept(ReceivedPlan(ARM, 0, ENDS, PLAN), now=0)
    follower.accept(ReceivedPlan(ARM, 3 * PERIOD, ENDS, PLAN), now=3 * PERIOD)
    assert follower.stamp == 0
    follower.accept(ReceivedPlan(ARM, 4 * PERIOD, ENDS, PLAN), now=4 * PERIOD)
    assert follower.stamp == 4 * PERIOD


def position_follower() -> TrajectoryFollower:
    channel = tiny_spec().command.model_copy(update={"interface": "position"})
    return TrajectoryFollower(channel, PERIOD)


def test_way_points_are_interpolated_as_a_trajectory_controller_does() -> None:
    """A first point at 0 is where the motion begins; cubic with velocities, linear without."""
    follower = position_follower()
    ends = [0, 10 * PERIOD]
    assert follower.accept(ReceivedPlan(ARM, 0, ends, [[0.0, 0.0], [1.0, -1.0]]), now=0) is None
    assert [follower.due(k * PERIOD).command[0] for k in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])  # type: ignore[union-attr]
    still = [[0.0, 0.0], [0.0, 0.0]]
    assert follower.accept(ReceivedPlan(ARM, 1, ends, [[0.0, 0.0], [1.0, -1.0]], still), now=1) is None
    s = 0.1 * np.arange(1, 11)
    driven = [follower.due(1 + k * PERIOD).command[0] for k in range(10)]  # type: ignore[union-attr]
    assert driven == pytest.approx(s**2 * (3.0 - 2.0 * s))


def test_a_velocity_between_knots_is_the_mean_over_the_period(follower: TrajectoryFollower) -> None:
    """Two knots, 2 ms: 0 rad/s and 78 ms: 1 rad/s: the robot drives 0.5 rad/s for 76 ms, then it rests."""
    knots = [2_000_000, 78_000_000]
    assert follower.accept(ReceivedPlan(ARM, 0, knots, [[0.0, 0.0], [1.0, 1.0]]), now=0) is None
    due = follower.due(0)
    assert due is not None and due.command == pytest.approx([0.5 * 76 / 100] * 2)


def test_plans_of_some_joints_are_followed_together() -> None:
    follower = position_follower()
    assert follower.accept(ReceivedPlan(("elbow",), 0, ENDS, [[0.1], [0.2], [0.3], [0.4]]), now=0) is None
    assert follower.due(0) is None, "nothing has been said of the wrist"
    assert follower.accept(ReceivedPlan(("wrist",), 0, [PERIOD], [[-1.0]]), now=0) is None
    commands = [follower.due(k * PERIOD).command.tolist() for k in range(4)]  # type: ignore[union-attr]
    assert commands == [[0.1, -1.0], [0.2, -1.0], [0.3, -1.0], [0.4, -1.0]]
    assert follower.due(4 * PERIOD) is None


def test_a_point_at_zero_alone_is_commanded_for_a_period() -> None:
    follower = position_follower()
    assert follower.accept(ReceivedPlan(ARM, 0, [0], [[0.5, -0.5]]), now=0) is None
    due = follower.due(0)
    assert due is not None and due.command.tolist() == [0.5, -0.5]
    assert follower.due(PERIOD) is None


@pytest.mark.parametrize(
    ("ends", "now", "first"),
    [
        ([1, 2, 3], 0, 1.0),  # one command a period
        ([2, 3, 4], 1, 1.0),  # without what has passed
        ([20], 0, 0.05),  # a goal in two seconds
        ([2, 4, 6], 0, 0.5),  # way-points further apart
        ([0, 1, 2], 0, 2.0),  # where it is now comes first
    ],
)
def test_one_command_a_period_is_told_from_way_points(ends: list[int], now: int, first: float) -> None:
    follower = position_follower()
    plan = ReceivedPlan(ARM, 0, PERIOD * np.array(ends), [[0.1 + 0.1 * k, 0.0] for k in range(len(ends))])
    assert follower.accept(plan, now * PERIOD, begin=np.zeros(2)) is None
    due = follower.due(now * PERIOD)
    assert due is not None and due.command[0] == pytest.approx(0.1 * first)
