"""Where joint_trajectory_controller is between the points of a trajectory, and what that makes a period's command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from rcd_ros.planning.channels import Interface
from rcd_ros.planning.execution.follower import TrajectoryFollower
from rcd_ros.planning.execution.interpolation import Knots, Path
from rcd_ros.planning.execution.received_plan import PointFields, ReceivedPlan, received_plan
from rcd_ros.planning.execution.receiver import TrajectoryReceiver
from rcd_ros.planning.execution.trajectory import ShapedPlan, TrajectoryPoints
from tests.planning.controller import Controller
from tests.planning.tiny import tiny_spec

MS = 1_000_000
PERIOD = 80 * MS
START = 10**12
ARM = ("elbow", "wrist")


def follower(interface: Interface, limit: float = 99.0) -> TrajectoryFollower:
    channel = tiny_spec().command.model_copy(
        update={"interface": interface, "lower": (-limit,) * 2, "upper": (limit,) * 2}
    )
    return TrajectoryFollower(channel, PERIOD)


def plan(
    interface: Interface,
    times: Sequence[int],
    positions: Any = None,
    velocities: Any = None,
    accelerations: Any = None,
    stamp: int = START,
    names: Sequence[str] = ARM,
) -> ReceivedPlan:
    nothing = np.zeros((len(times), 0))
    rows = [nothing if f is None else np.asarray(f, float) for f in (positions, velocities, accelerations)]
    return received_plan(names, stamp, times, PointFields(*rows, nothing), dict.fromkeys(ARM, interface))


def both(values: Any) -> np.ndarray:
    return np.outer(values, [1.0, -1.0])


def command(executed: TrajectoryFollower, since: int) -> np.ndarray:
    due = executed.due(START + since)
    assert due is not None
    return due.command


def test_knots_nearer_than_a_period_are_driven_on_average() -> None:
    """Pins: 2 ms after the stamp 0, 78 ms after it 1 rad/s gave the action 0, where the robot drives 0.5 rad/s."""
    executed = follower("velocity")
    times = [2 * MS, 78 * MS, 82 * MS]
    assert executed.accept(plan("velocity", times, None, both([0.0, 1.0, 1.0])), START) is None
    assert command(executed, 0) == pytest.approx([0.5, -0.5])


@pytest.mark.parametrize("order", [3, 5])
def test_splines_are_driven_as_their_mean_and_to_their_value(order: int) -> None:
    """Points of a smooth motion: the mean velocity and the end position of each period are the motion's own."""
    times = np.array([0, 30, 70, 110, 160, 200, 240, 330]) * MS
    t = times * 1e-9
    # A cubic is what cubics reproduce; a quintic needs the accelerations.
    powers = [0.1, 2.0, -20.0, 40.0] if order == 3 else [0.1, 2.0, -20.0, 40.0, -30.0, 200.0]
    motion = np.polynomial.Polynomial(powers)
    rows: list[Any] = [both(motion.deriv(n)(t) if n else motion(t)) for n in range(3)]
    for interface in ("position", "velocity"):
        executed = follower(interface)
        points = plan(interface, times.tolist(), rows[0], rows[1], rows[2] if order == 5 else None)
        assert executed.accept(points, START) is None
        for k in range(4):
            begin, end = k * PERIOD, (k + 1) * PERIOD
            mean = (motion(end * 1e-9) - motion(begin * 1e-9)) / (PERIOD * 1e-9)
            expected = motion(end * 1e-9) if interface == "position" else mean
            assert command(executed, begin) == pytest.approx([expected, -expected])


def test_the_way_to_the_first_point_begins_where_the_robot_is_or_at_what_is_commanded() -> None:
    executed = follower("position")
    executed.accept(plan("position", [150 * MS], both([1.0])), START, np.array([0.5, -0.5]))
    assert [command(executed, k * 75 * MS)[0] for k in range(2)] == pytest.approx([0.5 + 0.5 * 80 / 150, 1.0])
    assert executed.due(START + 150 * MS) is None, "it rests behind its last point"
    executed.accept(plan("position", [100 * MS], both([3.0]), stamp=START + 200 * MS), START + 200 * MS)
    assert command(executed, 200 * MS)[0] == pytest.approx(1.0 + 2.0 * 0.8), "from what was commanded, 1"


def test_a_trajectory_that_arrives_within_a_period_goes_on_from_the_running_one() -> None:
    """The mean is of what was driven before it came and after."""
    executed = follower("velocity")
    executed.accept(plan("velocity", [0, 300 * MS], None, both([1.0, 1.0])), START)
    later = plan("velocity", [0, 300 * MS], None, both([2.0, 2.0]), stamp=START + 40 * MS)
    executed.accept(later, START + 40 * MS)
    assert command(executed, 0)[0] == pytest.approx(1.5)


def test_a_trajectory_that_arrives_late_is_entered_in_the_middle() -> None:
    executed = follower("velocity")
    times = [k * 50 * MS for k in range(1, 9)]
    positions, speeds = both([0.1 * k for k in range(1, 9)]), both([2.0] * 8)
    executed.accept(plan("velocity", times, positions, speeds), START + 200 * MS)
    assert command(executed, 200 * MS) == pytest.approx([2.0, -2.0])


def test_limits_hold_where_a_cubic_swings_beyond_its_points() -> None:
    executed = follower("position", limit=1.0)
    executed.accept(plan("position", [0, 160 * MS], both([0.9, 0.9]), both([9.0, 9.0])), START)
    assert command(executed, 0)[0] == pytest.approx(0.9)
    executed.accept(plan("position", [0, 300 * MS], both([0.9, 0.9]), both([9.0, -9.0])), START + 1)
    assert command(executed, 20 * MS).tolist() == [1.0, -1.0]


def test_what_was_before_is_forgotten() -> None:
    path = Path.through(Knots(np.array([0, 10]), np.zeros((2, 1))), 0)
    for k in range(1, 50):
        new = Path.through(Knots(np.array([0, 10]) + 5 * k, np.full((2, 1), 1.0 * k)), 5 * k)
        path = path.followed_by(new, 5 * k, 5 * k - 20, joined=False)
    assert len(path.begins) <= 6
    assert path.position(500) == pytest.approx([49.0])


def test_the_robot_that_has_held_goes_on_from_where_it_was_held() -> None:
    """Behind its last point a trajectory was braked: what comes next begins there, not at the point."""
    channel = tiny_spec().command.model_copy(update={"interface": "position"})
    spec = tiny_spec().model_copy(update={"command": channel, "control_period": 0.1})
    receiver, period = TrajectoryReceiver(spec), 100 * MS
    seen = np.zeros(5)
    for step in range(4):
        if step == 0:
            receiver.accept(plan("position", [0, 100 * MS], both([0.0, 0.5]), stamp=0), 0, seen)
        held = receiver.execute(step * period, seen)
    assert held.holds
    receiver.accept(plan("position", [200 * MS], both([0.0]), stamp=4 * period), 4 * period, seen)
    assert receiver.execute(4 * period, seen).command == pytest.approx(0.5 * held.command)


def test_it_is_where_a_model_of_the_controller_is() -> None:
    """Trajectories that replace each other in motion, at any time: the same positions and velocities throughout."""
    random = np.random.default_rng(0)
    controller = Controller.at(START, np.zeros(2), splices=False)
    executed = follower("position")
    begin, now = np.zeros(2), START
    largest = 0.0
    for _ in range(40):
        times = np.cumsum(random.integers(5, 120, 5)).astype(np.int64) * MS
        positions, velocities = random.normal(0.0, 0.3, (2, 5, 2))
        velocities[-1] = 0.0
        points = TrajectoryPoints(times, positions, velocities, np.empty((5, 0)))
        controller.receive(ShapedPlan(now, points), now)
        executed.accept(plan("position", times.tolist(), positions, velocities, stamp=now), now, begin)
        begin = None  # type: ignore[assignment]
        following = now + int(random.integers(1, 200)) * MS
        for moment in range(now, min(following, now + int(times[-1]) - PERIOD), 7 * MS):
            due = executed.due(moment)
            assert due is not None
            expected = controller.state(np.array([moment + PERIOD]))[0][0]
            largest = max(largest, float(np.abs(due.command - expected).max()))
        now = following
    assert largest < 1e-9
