"""What a controller that interpolates was commanded, period by period."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from rcd_ros.planning.interpolation import InterpolatingFollower, Waypoints, steps
from rcd_ros.planning.spec import CommandChannel, Interface
from tests.planning.tiny import tiny_spec

MS = 1_000_000
PERIOD = 80 * MS
START = 10**12


def follower(interface: Interface, limit: float = 9.0) -> InterpolatingFollower:
    fields = tiny_spec().command.model_dump() | {"interface": interface, "lower": (-limit,) * 2, "upper": (limit,) * 2}
    return InterpolatingFollower(CommandChannel(**fields))


def waypoints(
    times: Sequence[int],
    positions: Any = None,
    velocities: Any = None,
    accelerations: Any = None,
    stamp: int = START,
    names: Sequence[str] = ("elbow", "wrist"),
) -> Waypoints:
    fields: list[Any] = [
        np.zeros((len(times), 0)) if f is None else np.asarray(f, float) for f in (positions, velocities, accelerations)
    ]
    return Waypoints(names, stamp, list(times), *fields)


def both(values: Any) -> np.ndarray:
    return np.outer(values, [1.0, -1.0])


def test_knots_nearer_than_a_period_are_driven_on_average() -> None:
    """Pins: 2 ms after the stamp 0, 78 ms after it 1 rad/s gave the action 0, where the robot drives 0.5 rad/s."""
    executed = follower("velocity")
    times = [2 * MS, 78 * MS, 82 * MS]
    assert executed.accept(waypoints(times, None, both([0.0, 1.0, 1.0])), START, np.zeros(2)) is None
    command, rests = executed.command(START, START + PERIOD) or (None, None)
    assert command == pytest.approx([0.5, -0.5])
    assert rests is False


@pytest.mark.parametrize("order", [3, 5])
def test_splines_are_driven_as_their_mean_and_to_their_value(order: int) -> None:
    """Points of a smooth motion: the mean velocity and the end position of each period are the motion's own."""
    times = np.array([0, 30, 70, 110, 160, 200, 240, 330]) * MS
    t = times * 1e-9
    # A cubic is what cubics reproduce; a quintic needs the accelerations.
    powers = [0.1, 2.0, -20.0, 40.0] if order == 3 else [0.1, 2.0, -20.0, 40.0, -30.0, 200.0]
    motion = np.polynomial.Polynomial(powers)
    rows: list[Any] = [both(motion.deriv(n)(t) if n else motion(t)) for n in range(3)]
    plan = waypoints(times.tolist(), rows[0], rows[1], rows[2] if order == 5 else None)
    for interface in ("position", "velocity"):
        executed = follower(interface)
        assert executed.accept(plan, START, np.zeros(2)) is None
        for k in range(4):
            begin, end = k * PERIOD, (k + 1) * PERIOD
            found = executed.command(START + begin, START + end)
            assert found is not None and not found[1]
            value = motion(end * 1e-9)
            mean = (value - motion(begin * 1e-9)) / (PERIOD * 1e-9)
            expected = value if interface == "position" else mean
            assert found[0] == pytest.approx([expected, -expected])


def test_the_way_to_the_first_point_begins_where_the_robot_is_or_at_what_is_commanded() -> None:
    executed = follower("position")
    executed.accept(waypoints([160 * MS], both([1.0]), stamp=0), START, np.array([0.5, -0.5]))
    found = [executed.command(START + k * PERIOD, START + (k + 1) * PERIOD) for k in range(3)]
    assert [None if each is None else each[0][0] for each in found] == pytest.approx([0.75, 1.0, 1.0])
    assert [each is not None and each[1] for each in found] == [False, False, True], "it rests behind its last point"
    executed.accept(waypoints([80 * MS], both([3.0]), stamp=0), START + 4 * PERIOD, np.array([9.0, 9.0]))
    half = executed.command(START + 3 * PERIOD + PERIOD // 2, START + 4 * PERIOD + PERIOD // 2)
    assert half is not None
    assert half[0][0] == pytest.approx(2.0), "from what was commanded, 1, not from what was measured"


def test_a_first_point_at_zero_is_there_at_once() -> None:
    executed = follower("position")
    executed.accept(waypoints([0], both([1.0]), stamp=0), START + 5, np.zeros(2))
    found = executed.command(START, START + PERIOD)
    assert found is not None
    assert found[0] == pytest.approx([1.0, -1.0])


def test_a_trajectory_that_arrives_late_is_entered_in_the_middle() -> None:
    executed = follower("velocity")
    times = [k * 50 * MS for k in range(1, 9)]
    executed.accept(waypoints(times, both([0.1 * k for k in range(1, 9)])), START + 200 * MS, np.zeros(2))
    found = executed.command(START + 200 * MS, START + 200 * MS + PERIOD)
    assert found is not None
    assert found[0] == pytest.approx([2.0, -2.0])


def test_names_may_stand_in_any_order_and_limits_hold() -> None:
    executed = follower("position", limit=1.0)
    executed.accept(waypoints([0], [[5.0, 0.25]], stamp=0, names=("wrist", "elbow")), START, None)
    found = executed.command(START, START + PERIOD)
    assert found is not None
    assert found[0] == pytest.approx([0.25, 1.0])


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (waypoints([10], both([0.0]), names=("a", "b")), "joint names differ"),
        (waypoints([]), "wrong shape"),
        (waypoints([10]), "wrong shape"),
        (waypoints([10, 20], [[0.0], [0.0]]), "wrong shape"),
        (waypoints([20, 10], both([0.0, 0.0])), "times do not increase"),
        (waypoints([-5, 10], both([0.0, 0.0])), "times do not increase"),
        (waypoints([10], both([np.nan])), "not finite"),
        (waypoints([10], both([0.0]), stamp=START - 20), "stale"),
    ],
)
def test_what_no_controller_takes_is_refused_and_the_old_goes_on(plan: Waypoints, reason: str) -> None:
    executed = follower("position")
    executed.accept(waypoints([0], both([1.0])), START, np.zeros(2))
    assert str(executed.accept(plan, START, np.zeros(2))).startswith(reason)
    assert executed.refused == {reason: 1}
    found = executed.command(START, START + PERIOD)
    assert found is not None
    assert found[0] == pytest.approx([1.0, -1.0])


def test_one_command_a_period_is_told_from_way_points() -> None:
    assert steps([PERIOD, 2 * PERIOD, 3 * PERIOD], PERIOD)
    assert steps([2 * PERIOD, 3 * PERIOD], PERIOD), "a plan without what has passed"
    for times in ([], [0, PERIOD], [PERIOD, 3 * PERIOD], [2 * MS, 78 * MS], [PERIOD, 2 * PERIOD, 2 * PERIOD + 1]):
        assert not steps(times, PERIOD)
