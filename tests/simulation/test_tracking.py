import numpy as np
import pytest

from rcd_ros.errors import RcdError
from rcd_ros.simulation.tracking import TrackingLaw


def follow(law: TrackingLaw, reference: np.ndarray, state: np.ndarray, period: float) -> np.ndarray:
    """States (T + 1, 2 n) of a body that accelerates as the law says towards references (T, 2 n)."""
    states = [state]
    for wanted in reference:
        positions, velocities = np.split(states[-1], 2)
        velocities = velocities + period * law.acceleration(wanted, states[-1])
        states.append(np.concatenate((positions + period * velocities, velocities)))
    return np.array(states)


def test_acceleration_in_units() -> None:
    law = TrackingLaw(position_gain=4.0, velocity_gain=3.0, acceleration_limit=100.0)
    acceleration = law.acceleration([1.0, 0.0, 0.0, 2.0], [0.5, 0.0, 0.0, 1.0])
    assert acceleration.tolist() == [4.0 * 0.5, 3.0 * 1.0]


def test_acceleration_is_limited_joint_by_joint() -> None:
    law = TrackingLaw(position_gain=100.0, velocity_gain=0.0, acceleration_limit=5.0)
    assert law.acceleration([1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]).tolist() == [5.0, -5.0]
    assert law.acceleration([0.01, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]).tolist() == [1.0, 0.0]


def test_a_critically_damped_law_arrives_without_overshooting() -> None:
    law = TrackingLaw.critically_damped(20.0, 1000.0)
    states = follow(law, np.tile([1.0, 0.0], (400, 1)), np.zeros(2), 0.001)
    assert states[:, 0].max() <= 1.0 + 1e-6
    assert states[-1, 0] == pytest.approx(1.0, abs=0.01)  # after 8 time constants
    assert states[50, 0] == pytest.approx(1.0 - 2.0 * np.exp(-1.0), abs=0.02)  # 1 - (1 + w t) exp(-w t) at w t = 1


def test_a_reference_that_moves_is_followed_without_lag() -> None:
    law = TrackingLaw.critically_damped(25.0, 50.0)
    times = np.arange(1, 301) * 0.01
    reference = np.stack((np.sin(times), np.cos(times)), axis=1)
    states = follow(law, reference, np.array([0.0, 1.0]), 0.01)
    assert np.abs(states[1:, 0] - reference[:, 0]).max() < 0.01


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((-1.0, 1.0, 1.0), "position_gain"),
        ((1.0, float("nan"), 1.0), "velocity_gain"),
        ((1.0, 1.0, 0.0), "acceleration_limit"),
    ],
)
def test_impossible_settings_are_refused(arguments: tuple[float, float, float], named: str) -> None:
    with pytest.raises(RcdError, match=named):
        TrackingLaw(*arguments)
