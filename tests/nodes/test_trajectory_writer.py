"""What is written into places of a serialised message is what the message itself would have become."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rcd_ros.nodes.messages import joint_trajectory
from rcd_ros.nodes.trajectory_writer import TrajectoryWriter
from rcd_ros.planning.trajectory import TrajectoryPoints
from rcd_ros.ros.raw import serialize

ENDS = np.array([80_000_000, 160_000_000, 1_240_000_000], np.int64)
NAMES = ("elbow", "wrist")
FILLED, EMPTY = (3, 2), (3, 0)


def points(fields: list[np.ndarray]) -> TrajectoryPoints:
    return TrajectoryPoints(ENDS, *fields)


@pytest.mark.parametrize(
    "shapes", [(FILLED, FILLED, EMPTY), (EMPTY, FILLED, EMPTY), (FILLED, EMPTY, EMPTY), (EMPTY, EMPTY, FILLED)]
)
@given(data=st.data(), stamp=st.integers(0, 2**31 * 10**9 - 1))
def test_bytes_are_those_of_the_message(shapes: tuple[tuple[int, int], ...], data: st.DataObject, stamp: int) -> None:
    writer = TrajectoryWriter(NAMES, points([np.zeros(shape) for shape in shapes]))
    for moment in (stamp, 0):
        plan = points([data.draw(arrays(np.float64, shape, elements=st.floats(width=64))) for shape in shapes])
        assert writer.write(moment, plan) == serialize(joint_trajectory(moment, NAMES, plan))


@pytest.mark.parametrize("names", [("a", "b"), ("panda_joint1", "panda_finger_joint_left"), ("", "x" * 31)])
def test_names_of_any_length_move_the_numbers(names: tuple[str, str]) -> None:
    rng = np.random.default_rng(0)
    plan = points([rng.standard_normal(FILLED), rng.standard_normal(FILLED), np.empty(EMPTY)])
    writer = TrajectoryWriter(names, points([np.zeros(FILLED), np.zeros(FILLED), np.zeros(EMPTY)]))
    assert writer.write(7_000_000_001, plan) == serialize(joint_trajectory(7_000_000_001, names, plan))
