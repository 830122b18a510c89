"""What the injected faults do to messages."""

from __future__ import annotations

import math

import numpy as np
import pytest
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.faults import message_changes as changes
from rcd_ros.faults.message_changes import Change
from rcd_ros.nodes.ros.messages import joint_state, joint_trajectory, nanoseconds, time_message
from rcd_ros.nodes.ros.raw import deserialize
from rcd_ros.planning.execution.follower import TrajectoryFollower
from rcd_ros.planning.execution.received_plan import trajectory_plan
from rcd_ros.planning.execution.trajectory import TrajectoryPoints
from rcd_ros.planning.observation.assembler import ObservationAssembler
from tests.planning.tiny import tiny_spec

STAMP = 5_000_000_000
PERIOD = 100_000_000


def state(stamp: int = STAMP) -> JointState:
    return joint_state(stamp, ("elbow", "wrist"), np.array([0.1, 0.2]), np.array([0.3, 0.4]))


def trajectory() -> JointTrajectory:
    ends = np.arange(1, 4) * PERIOD
    points = TrajectoryPoints(ends, np.zeros((3, 2)), np.full((3, 2), 0.5), np.empty((3, 0)))
    return joint_trajectory(STAMP, ("elbow", "wrist"), points)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (changes.one_position(math.nan), "not finite"),
        (changes.one_position(math.inf), "not finite"),
        (changes.without_first_joint(), "missing joints"),
        (changes.with_a_joint_twice(), "duplicated names"),
        (changes.with_short_positions(), "wrong sizes"),
        (changes.without_numbers(), "wrong sizes"),
    ],
)
def test_spoilt_joint_states_are_dropped_for_the_reason_that_they_are_meant_for(change: Change, reason: str) -> None:
    assembler = ObservationAssembler(tiny_spec(), history=1)
    good = state()
    assembler.joint_state("joint_states", STAMP - PERIOD, good.name, good.position, good.velocity)
    (spoilt,) = change(good)
    assembler.joint_state("joint_states", STAMP, spoilt.name, spoilt.position, spoilt.velocity)
    assert assembler.dropped == {reason: 1}


@pytest.mark.parametrize("change", [changes.reversed_joints(), changes.with_extra_joints()])
def test_harmless_changes_keep_each_joints_values(change: Change) -> None:
    (changed,) = change(state())
    assert changed.name != ["elbow", "wrist"]
    found = dict(zip(changed.name, zip(changed.position, changed.velocity, strict=True), strict=True))
    assert (found["elbow"], found["wrist"]) == ((0.1, 0.3), (0.2, 0.4))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (changes.one_command(math.nan), "not finite"),
        (changes.one_command(2.5), "outside the limits"),
        (changes.with_other_joints, "joint names differ"),
        (changes.with_times_reversed, "times do not increase"),
        (changes.without_points, "wrong shape"),
        (changes.shifted(100.0), "from the future"),
        (changes.shifted(-4.0), "stale"),
    ],
)
def test_spoilt_plans_are_refused_for_the_reason_that_they_are_meant_for(change: Change, reason: str) -> None:
    (spoilt,) = change(trajectory())
    follower = TrajectoryFollower(tiny_spec().command, PERIOD)
    follower.accept(trajectory_plan(spoilt, {"elbow": "velocity", "wrist": "velocity"}), STAMP)
    assert follower.refused == {reason: 1}


def test_garbage_has_the_form_of_a_message_and_names_that_are_no_text() -> None:
    (garbage,) = changes.garbled(state())
    assert b"\xff" * len("elbow") in garbage and b"elbow" not in garbage
    message = deserialize(JointState, garbage)
    assert message is None or "elbow" not in message.name


def test_what_comes_through() -> None:
    messages = [state(k) for k in range(100)]
    assert changes.dropped(messages[0]) == ()
    assert len(list(changes.repeated(3)(messages[0]))) == 3
    burst = changes.Burst(50)
    assert [len(list(burst(message))) for message in messages[:3]] == [50, 1, 1]
    kept = sum(len(list(lossy(message))) for lossy in [changes.lost(0.3)] for message in messages)
    assert 55 <= kept <= 85


def test_stamps() -> None:
    swapped = changes.SwappedPairs()
    order = [nanoseconds(message.header.stamp) for k in range(4) for message in swapped(state(k))]
    assert order == [1, 0, 3, 2]
    frozen = changes.FrozenStamp()
    assert [nanoseconds(message.header.stamp) for k in (7, 8, 9) for message in frozen(state(k))] == [7, 7, 7]
    (clock,) = changes.shifted(2.0)(ClockMessage(clock=time_message(STAMP)))
    assert nanoseconds(clock.clock) == STAMP + 2_000_000_000
    (early,) = changes.shifted(-100.0)(ClockMessage(clock=time_message(STAMP)))
    assert nanoseconds(early.clock) == 0
