"""The last guard before a robot."""

from __future__ import annotations

import numpy as np
import pytest

from rcd_ros.planning.channels import Interface
from rcd_ros.planning.limits import RateLimiter
from rcd_ros.planning.spec import MotionSpec
from rcd_ros.tasks.mazes import MAX_SPEED, maze_spec
from tests.planning.tiny import tiny_spec

SPEC = tiny_spec().model_copy(update={"motion": MotionSpec(acceleration=(5.0, 10.0), velocity=(1.0, 2.0))})
"""A period of 0.1 s: 0.5 and 1 rad/s more or less in each, or 0.1 and 0.2 rad."""


def followed(limiter: RateLimiter, *commands: tuple[float, float]) -> list[list[float]]:
    return [limiter.limit(np.array(command)).tolist() for command in commands]


def test_velocities_are_approached_from_rest() -> None:
    limiter = RateLimiter(SPEC, ("velocity", "velocity"))
    assert followed(limiter, (1.0, 0.5), (1.0, 0.5), (-1.0, 0.5)) == [[0.5, 0.5], [1.0, 0.5], [0.5, 0.5]]
    assert limiter.limited == 2
    limiter.reset()
    assert followed(limiter, (1.0, 0.5)) == [[0.5, 0.5]]


def test_positions_begin_where_they_are() -> None:
    limiter = RateLimiter(SPEC, ("position", "velocity"))
    assert followed(limiter, (3.0, 0.0), (4.0, 0.0), (2.0, 0.0)) == [
        [3.0, 0.0],
        [pytest.approx(3.1), 0.0],
        [pytest.approx(3.0), 0.0],
    ]


@pytest.mark.parametrize("interface", ["velocity", "effort"])
def test_joints_without_a_limit_change_as_they_like(interface: Interface) -> None:
    limiter = RateLimiter(tiny_spec(), (interface, interface))
    assert followed(limiter, (2.0, -2.0), (-2.0, 2.0)) == [[2.0, -2.0], [-2.0, 2.0]]
    assert limiter.limited == 0


def test_positions_of_states_are_approached_and_their_velocities_pass() -> None:
    spec = maze_spec("maze-umaze")
    limiter = RateLimiter(spec, ("state", "state"))
    first, second = np.array([0.0, 0.0, 1.0, 0.0]), np.array([1.0, 0.01, -1.0, 1.0])
    assert limiter.limit(first).tolist() == first.tolist()
    assert limiter.limit(second).tolist() == [MAX_SPEED * spec.control_period, 0.01, -1.0, 1.0]
