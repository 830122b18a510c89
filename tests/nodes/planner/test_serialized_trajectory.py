"""What is written into places of a serialised message is what the message itself would have become."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.nodes.planner.serialized_trajectory import TrajectoryReader, TrajectoryWriter
from rcd_ros.nodes.ros.cdr import MessageForm, end_of_message
from rcd_ros.nodes.ros.messages import joint_trajectory
from rcd_ros.nodes.ros.raw import deserialize, serialize
from rcd_ros.planning.execution.trajectory import TrajectoryPoints

ENDS = np.array([80_000_000, 160_000_000, 1_240_000_000], np.int64)
NAMES = ("elbow", "wrist")
FILLED, EMPTY = (3, 2), (3, 0)


def read_back(data: bytes) -> JointTrajectory:
    message = deserialize(JointTrajectory, data)
    assert message is not None and end_of_message(JointTrajectory, data) == len(data)
    return message


def points(fields: list[np.ndarray]) -> TrajectoryPoints:
    return TrajectoryPoints(ENDS, *fields)


@pytest.mark.parametrize(
    "shapes", [(FILLED, FILLED, EMPTY), (EMPTY, FILLED, EMPTY), (FILLED, EMPTY, EMPTY), (EMPTY, EMPTY, FILLED)]
)
@settings(deadline=None)
@given(data=st.data(), stamp=st.integers(0, 2**31 * 10**9 - 1))
def test_bytes_are_those_of_the_message(shapes: tuple[tuple[int, int], ...], data: st.DataObject, stamp: int) -> None:
    writer = TrajectoryWriter(NAMES)
    for moment in (stamp, 0):
        plan = points([data.draw(arrays(np.float64, shape, elements=st.floats(allow_nan=False))) for shape in shapes])
        assert read_back(writer.write(moment, plan)) == joint_trajectory(moment, NAMES, plan)


@pytest.mark.parametrize("names", [("a", "b"), ("panda_joint1", "panda_finger_joint_left"), ("", "x" * 31)])
def test_names_of_any_length_move_the_numbers(names: tuple[str, str]) -> None:
    rng = np.random.default_rng(0)
    plan = points([rng.standard_normal(FILLED), rng.standard_normal(FILLED), np.empty(EMPTY)])
    writer = TrajectoryWriter(names)
    assert read_back(writer.write(7_000_000_001, plan)) == joint_trajectory(7_000_000_001, names, plan)


def test_plans_may_differ_in_number_and_times_of_their_points() -> None:
    rng = np.random.default_rng(0)
    writer, reader = TrajectoryWriter(NAMES), TrajectoryReader()
    writer.prepare(points([np.zeros(FILLED), np.zeros(FILLED), np.zeros(EMPTY)]), range(1, 4))
    for count in (3, 5, 1, 5, 3):
        ends = np.cumsum(rng.integers(1, 3_000_000_000, count))
        plan = TrajectoryPoints(
            ends, rng.standard_normal((count, 2)), rng.standard_normal((count, 2)), np.empty((count, 0))
        )
        data = writer.write(5, plan)
        assert read_back(data) == joint_trajectory(5, NAMES, plan)
        read = reader.read(data)
        assert read is not None and np.array_equal(
            read[1].reshape(count, 4), np.hstack((plan.positions, plan.velocities))
        )


def test_joints_can_be_divided_among_messages() -> None:
    rng = np.random.default_rng(0)
    plan = points([rng.standard_normal((3, 3)), rng.standard_normal((3, 3)), np.empty(EMPTY)])
    for joints, columns in ((("elbow", "hand"), [0, 2]), (("wrist",), [1])):
        part = points([plan.positions[:, columns], plan.velocities[:, columns], np.empty(EMPTY)])
        assert read_back(TrajectoryWriter(joints, columns).write(9, plan)) == joint_trajectory(9, joints, part)


def test_what_was_written_is_read_again_also_after_the_form_has_changed() -> None:
    rng = np.random.default_rng(0)
    reader = TrajectoryReader()
    for names in (NAMES, ("knee", "ankle"), NAMES):
        plan = points([rng.standard_normal(FILLED), rng.standard_normal(FILLED), np.empty(EMPTY)])
        for moment in (1_000_000_007, 2_000_000_008):
            read = reader.read(serialize(joint_trajectory(moment, names, plan)))
            assert read is not None
            assert read[0] == moment
            assert np.array_equal(read[1].reshape(3, 4), np.hstack((plan.positions, plan.velocities)))


def test_what_is_no_trajectory_is_not_read() -> None:
    plan = points([np.zeros(FILLED), np.zeros(FILLED), np.zeros(EMPTY)])
    data = serialize(joint_trajectory(0, NAMES, plan))
    reader = TrajectoryReader()
    data = data[: end_of_message(JointTrajectory, data)]
    assert reader.read(data[:-1]) is None
    assert reader.read(data) is not None


@settings(deadline=None)
@given(
    st.integers(1, 4),
    st.lists(st.text(st.characters(codec="ascii"), max_size=9), min_size=1, max_size=4),
    st.binary(max_size=40),
)
def test_gaps_and_appended_bytes_change_nothing(count: int, names: list[str], appended: bytes) -> None:
    """Fast CDR leaves gaps uninitialised and appends bytes: rubbish there is read over, and never written."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((count, len(names)))
    plan = TrajectoryPoints(np.arange(1, count + 1), values, values, np.empty((count, 0)))
    data = TrajectoryWriter(names).write(3, plan)
    reader = TrajectoryReader()
    assert reader.read(data) is not None
    form = MessageForm(JointTrajectory, data)
    dirty = bytearray(data)
    gaps = [k for k in range(4, len(data)) if k not in form.occupied]
    for k in gaps:
        dirty[k] = 0xA5
    assert all(data[k] == 0 for k in gaps)
    read = reader.read(bytes(dirty) + appended)
    assert read is not None and read[0] == 3
    assert np.array_equal(read[1].reshape(count, -1), np.hstack((values, values)))
    assert read_back(bytes(dirty)) == read_back(data)
