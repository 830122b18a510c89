"""What becomes of trajectories in a bridge, period by period, without a simulator."""

from __future__ import annotations

import numpy as np
import pytest
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from rcd_ros.nodes.bridge.command_intake import CommandIntake
from rcd_ros.nodes.ros.messages import time_message
from tests.nodes.conftest import Peer
from tests.planning.tiny import tiny_spec

PERIOD = 100_000_000
SEEN = np.zeros(5)


def trajectory(stamp: int, *velocities: tuple[float, float]) -> JointTrajectory:
    message = JointTrajectory(joint_names=["elbow", "wrist"])
    message.header.stamp = time_message(stamp)
    for k, values in enumerate(velocities, start=1):
        point = JointTrajectoryPoint(velocities=list(values), positions=[7.0, 7.0], effort=[0.5, 0.5])
        point.time_from_start.nanosec = k * PERIOD
        message.points.append(point)
    return message


def commands(intake: CommandIntake, begin: int, periods: int) -> list[tuple[float, bool]]:
    """The elbow's command and whether it is a hold, in each period."""
    found = (intake.due(begin + k * PERIOD, SEEN) for k in range(periods))
    return [(pytest.approx(command[0]), held) for command, held in found]


def test_a_plan_that_runs_out_is_braked_held_counted_and_recovered_from(
    peer: Peer, capfd: pytest.CaptureFixture[str]
) -> None:
    intake = CommandIntake(peer, tiny_spec())
    assert commands(intake, 0, 2) == [(0.0, True)] * 2
    assert (intake.holds, intake.problem(0)) == (0, ""), "before the first plan there is nothing to miss"
    assert intake.receive(trajectory(PERIOD, (1.0, 0.0), (1.0, 0.0)), PERIOD) is not None
    assert commands(intake, PERIOD, 5) == [(1.0, False), (1.0, False), (0.8, True), (0.6, True), (0.4, True)]
    assert intake.values()["holds"] == 1 and "no command for 0.4 s" in intake.problem(5 * PERIOD)
    intake.receive(trajectory(6 * PERIOD, (0.5, 0.0)), 6 * PERIOD)
    assert commands(intake, 6 * PERIOD, 2) == [(0.5, False), (0.4, True)]
    assert (intake.holds, intake.recoveries, intake.accepted) == (2, 1, 2)
    said = capfd.readouterr().err
    assert (said.count("[WARN]"), said.count("[INFO]")) == (1, 1), "a hold and a recovery, each once in a while"


def test_a_timeout_ends_a_plan_that_nobody_renews(peer: Peer) -> None:
    intake = CommandIntake(peer, tiny_spec())
    intake.receiver.timeout = 0.15
    intake.receive(trajectory(0, *[(1.0, 0.0)] * 8), 0)
    assert [held for _, held in commands(intake, 0, 4)] == [False, False, True, True]
    intake.receive(trajectory(4 * PERIOD, *[(1.0, 0.0)] * 8), 4 * PERIOD)
    assert [held for _, held in commands(intake, 4 * PERIOD, 3)] == [False, False, True]


def test_without_a_stamp_a_trajectory_begins_when_it_arrives_where_that_is_meant(peer: Peer) -> None:
    late = trajectory(0, (1.0, 0.0))
    assert CommandIntake(peer, tiny_spec()).receive(late, 9 * PERIOD) is None
    intake = CommandIntake(peer, tiny_spec(), zero_is_now=True)
    assert intake.receive(late, 9 * PERIOD) is not None
    assert commands(intake, 9 * PERIOD, 1) == [(1.0, False)]


def test_each_joint_is_read_from_the_field_of_its_interface(peer: Peer) -> None:
    intake = CommandIntake(peer, tiny_spec(), interfaces=("velocity", "effort"))
    intake.receive(trajectory(0, (1.0, 2.0)), 0)
    assert intake.due(0, SEEN)[0].tolist() == [1.0, 0.5]
    short = trajectory(0, (1.0, 2.0))
    short.points[0].effort = [0.5]
    assert intake.receive(short, 0) is None
    assert intake.refused == {"wrong shape": 1}
