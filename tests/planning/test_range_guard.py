"""Observations outside the training range are found, named and remembered until they are reported."""

from __future__ import annotations

import numpy as np
import pytest

from rcd_ros.planning.channels import ObservationChannel
from rcd_ros.planning.range_guard import RangeGuard, value_name
from tests.planning.tiny import tiny_manifest, tiny_spec


@pytest.fixture
def guard() -> RangeGuard:
    """Mean 1, deviation 2 of every value; elbow, wrist, their velocities, and a door."""
    return RangeGuard(tiny_spec(), tiny_manifest().normalizer)


def test_the_distance_is_that_of_the_furthest_value_in_deviations(guard: RangeGuard) -> None:
    assert guard.look(np.ones(5)) == 0.0
    assert guard.look(np.array([1.0, 1.0, 7.0, 1.0, 1.0])) == 3.0
    assert guard.look(np.array([1.0, -9.0, 7.0, 1.0, 1.0])) == 5.0


def test_the_furthest_value_is_named_with_its_joint_value_and_unit(guard: RangeGuard) -> None:
    reach = guard.furthest(np.array([1.0, -9.0, 7.0, 1.0, 1.0]))
    assert (reach.channel, reach.name, reach.value, reach.unit, reach.deviations) == (
        "position",
        "wrist",
        -9.0,
        "rad",
        5.0,
    )
    assert str(reach) == "wrist -9 rad, 5 deviations from its mean in training"


def test_a_report_tells_each_channels_furthest_value_since_the_last_one(guard: RangeGuard) -> None:
    assert guard.report() == []
    guard.look(np.array([3.0, 1.0, 1.0, 1.0, 1.0]))
    guard.look(np.array([-5.0, 2.0, 1.0, 1.0, 4.0]))
    found = {reach.channel: (reach.name, reach.value, reach.deviations) for reach in guard.report()}
    assert found == {"position": ("elbow", -5.0, 3.0), "velocity": ("elbow", 1.0, 0.0), "door": ("door", 4.0, 1.5)}
    assert guard.report() == []


def test_parts_of_a_body_have_names() -> None:
    kettle = ObservationChannel(
        name="kettle",
        kind="body_pose",
        topic="kettle/odometry",
        joints=("kettle",),
        units=("m",) * 3 + ("1",) * 4,
        columns=tuple(range(7)),
    )
    assert [value_name(kettle, place) for place in (2, 3)] == ["kettle.z", "kettle.qw"]
