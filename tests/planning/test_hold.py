"""Without a plan the robot stays where it is, and does not creep."""

from __future__ import annotations

import numpy as np
import pytest

from rcd_ros.planning.channels import Interface
from rcd_ros.planning.execution.receiver import PositionHold
from rcd_ros.planning.spec import MotionSpec, TaskSpec
from tests.planning.tiny import tiny_spec


def commanded_by(interface: Interface) -> TaskSpec:
    spec = tiny_spec()
    return spec.model_copy(update={"command": spec.command.model_copy(update={"interface": interface})})


def seen(elbow: float, wrist: float) -> np.ndarray:
    return np.array([elbow, wrist, 0.3, 0.3, 0.0])


def test_velocities_lead_back_to_where_the_hold_began() -> None:
    """An arm that sinks by a little in each period under zero velocity is on the table after a while."""
    hold = PositionHold(commanded_by("velocity"))
    assert hold.command(seen(1.0, 1.5)).tolist() == [0.0, 0.0]
    assert hold.command(seen(0.9, 1.5)) == pytest.approx([1.0, 0.0])
    assert hold.command(seen(0.0, 1.5)) == pytest.approx([2.0, 0.0]), "inside the limits"
    hold.release()
    assert hold.command(seen(0.0, 1.5)).tolist() == [0.0, 0.0]


def test_positions_and_efforts() -> None:
    hold = PositionHold(commanded_by("position"))
    hold.command(seen(1.0, 1.5))
    assert hold.command(seen(0.9, 1.4)).tolist() == [1.0, 1.5]
    assert PositionHold(commanded_by("effort")).command(seen(1.0, 1.5)).tolist() == [0.0, 0.0]


def test_a_moving_joint_comes_to_rest_before_it_is_held() -> None:
    """Within `STOP_S`, by equal steps, where the acceleration limit is not known; and there it stays."""
    hold = PositionHold(commanded_by("velocity"))
    hold.release(np.array([1.0, 0.0]))
    commands = [hold.command(seen(0.1 * k, 1.5)) for k in range(6)]
    assert [command[0] for command in commands] == pytest.approx([0.8, 0.6, 0.4, 0.2, 0.0, -1.0])
    assert all(command[1] == 0.0 for command in commands)


def test_a_known_acceleration_limit_says_how_hard_to_brake() -> None:
    spec = commanded_by("velocity").model_copy(update={"motion": MotionSpec(acceleration=(5.0, 2.0))})
    hold = PositionHold(spec)
    hold.release(np.array([1.0, -1.0]))
    commands = [hold.command(seen(0.0, 1.5)).tolist() for _ in range(3)]
    assert np.array(commands) == pytest.approx(np.array([[0.5, -0.8], [0.0, -0.6], [0.0, -0.4]]))


def test_commanded_positions_slow_down_from_where_they_were() -> None:
    """They never jump to where the arm is: it lags behind its servos."""
    hold = PositionHold(commanded_by("position"))
    hold.release(np.array([0.0, 1.0]))
    hold.release(np.array([0.1, 1.0]))
    commands = np.array([hold.command(seen(-1.0, 0.0)) for _ in range(7)])
    assert commands[:, 0] == pytest.approx([0.18, 0.24, 0.28, 0.3, 0.3, 0.3, 0.3])
    assert commands[:, 1] == pytest.approx([1.0] * 7)


def test_each_joint_by_its_own_interface() -> None:
    hold = PositionHold(commanded_by("velocity"), ("position", "effort"))
    hold.release(np.array([0.5, 7.0]))
    assert hold.command(seen(0.0, 0.0)).tolist() == [0.5, 0.0]


def test_zero_where_positions_are_not_observed() -> None:
    hold = PositionHold(tiny_spec().select(["velocity"]))
    assert hold.command(np.array([0.3, 0.3])).tolist() == [0.0, 0.0]
