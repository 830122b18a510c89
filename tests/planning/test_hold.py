"""Without a plan the robot stays where it is, and does not creep."""

from __future__ import annotations

import numpy as np
import pytest

from rcd_ros.planning.hold import PositionHold
from rcd_ros.planning.spec import Interface, TaskSpec
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


def test_zero_where_positions_are_not_observed() -> None:
    hold = PositionHold(tiny_spec().select(["velocity"]))
    assert hold.command(np.array([0.3, 0.3])).tolist() == [0.0, 0.0]
