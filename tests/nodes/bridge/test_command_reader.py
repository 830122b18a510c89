"""Each controller's messages become plans by the task's names and in its units; together they are one command."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.command_intake import CommandIntake
from rcd_ros.nodes.ros.messages import time_message
from rcd_ros.planning.channels import CommandOutput
from rcd_ros.planning.spec import TaskSpec
from tests.nodes.conftest import Peer
from tests.planning.tiny import tiny_spec

PERIOD = 100_000_000
SEEN = np.zeros(5)
ELBOW = CommandOutput(topic="elbow", joints=("elbow",), names=("left_elbow",), topic_scale=(0.1,), topic_offset=(0.5,))


def split(interface: str, **wrist: Any) -> TaskSpec:
    """Elbow and wrist have controllers of their own."""
    spec = tiny_spec()
    second = CommandOutput(**{"topic": "wrist", "message": "Float64MultiArray", "joints": ("wrist",), **wrist})
    command = spec.command.model_copy(update={"interface": interface, "outputs": (ELBOW, second)})
    return spec.model_copy(update={"command": command})


def elbow(stamp: int, *numbers: float) -> JointTrajectory:
    message = JointTrajectory(joint_names=["left_elbow"])
    message.header.stamp = time_message(stamp)
    for k, number in enumerate(numbers, start=1):
        point = JointTrajectoryPoint(positions=[number], velocities=[number])
        point.time_from_start.nanosec = k * PERIOD
        message.points.append(point)
    return message


def test_two_controllers_make_one_command(peer: Peer) -> None:
    intake = CommandIntake(peer, split("position", topic_scale=(0.01,)))
    assert intake.receive(elbow(0, 5.0, 10.0, 10.0, 10.0, 10.0), 0, "elbow") is not None
    assert not intake.answers(0)
    assert intake.due(0, SEEN)[0] == pytest.approx([1.0, 0.0]), "a joint that nobody commands stays where it is"
    assert intake.receive(Float64MultiArray(data=[50.0]), 0, "wrist") is not None
    assert intake.answers(0) and not intake.answers(PERIOD)
    assert intake.due(0, SEEN)[0] == pytest.approx([1.0, 0.5])
    intake.receive(Float64MultiArray(data=[70.0]), PERIOD, "wrist")
    found = [intake.due(k * PERIOD, SEEN) for k in range(1, 5)]
    assert [command.tolist() for command, _ in found] == [pytest.approx([1.5, 0.7])] * 4
    assert not any(held for _, held in found), "a position stays until another one comes"


def test_a_velocity_that_is_not_renewed_ends(peer: Peer) -> None:
    intake = CommandIntake(peer, split("velocity"))
    intake.receive(elbow(0, *[1.0] * 8), 0, "elbow")
    intake.receive(Float64MultiArray(data=[1.0]), 0, "wrist")
    wrist = [intake.due(k * PERIOD, SEEN)[0][1] for k in range(6)]
    assert wrist == pytest.approx([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])


def test_joints_of_a_state_are_found_by_name(peer: Peer) -> None:
    intake = CommandIntake(peer, split("position", message="JointState", names=("w",)))
    intake.receive(elbow(0, 1.0), 0, "elbow")
    intake.receive(JointState(name=["v", "w"], position=[9.0, 0.25]), 0, "wrist")
    assert intake.due(0, SEEN)[0] == pytest.approx([0.6, 0.25])


@pytest.mark.parametrize("data", [[], [1.0, 2.0], [float("nan")], [99.0]])
def test_sets_that_cannot_be_are_refused(peer: Peer, data: list[float]) -> None:
    intake = CommandIntake(peer, split("position"))
    assert intake.receive(Float64MultiArray(data=data), 0, "wrist") is None
    assert sum(intake.refused.values()) == 1 and not intake.answers(0)


def test_a_controller_does_not_move_the_joints_of_another_one_by_other_names(peer: Peer) -> None:
    intake = CommandIntake(peer, split("position"))
    other = elbow(0, 1.0)
    other.joint_names = ["right_elbow"]
    assert intake.receive(other, 0, "elbow") is None
    assert intake.refused == {"joint names differ": 1}


def test_plans_cannot_be_kept_by_several_controllers_together(peer: Peer) -> None:
    with pytest.raises(RcdError, match="execute: 4"):
        CommandIntake(peer, split("position"), execute=4)


def test_ticks_hold_a_command_for_its_whole_period_and_brake_no_faster(peer: Peer) -> None:
    spec = tiny_spec()
    coarse, fine = CommandIntake(peer, spec), CommandIntake(peer, spec, ticks=4)
    for intake in (coarse, fine):
        message = JointTrajectory(joint_names=["elbow", "wrist"])
        message.points = [JointTrajectoryPoint(velocities=[1.0, 0.0]), JointTrajectoryPoint(velocities=[0.5, 0.0])]
        for k, point in enumerate(message.points, start=1):
            point.time_from_start.nanosec = k * PERIOD
        intake.receive(message, 0)
    slow = [coarse.due(k * PERIOD, SEEN)[0][0] for k in range(8)]
    quick = [fine.due(k * PERIOD // 4, SEEN)[0][0] for k in range(32)]
    assert quick[:8] == pytest.approx([1.0] * 4 + [0.5] * 4)
    assert quick[11::4] == pytest.approx(slow[2:], abs=1e-9)
