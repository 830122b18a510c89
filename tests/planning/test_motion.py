"""Motions seen through their moving average."""

from __future__ import annotations

import numpy as np
import pytest

from rcd_ros.planning.execution.motion import Motion

MS = 1_000_000


def accelerating() -> Motion:
    """Two joints: at rest until 0, then 2 and -4 rad/s^2 for 0.1 s, then steady; averaged over 20 ms."""
    times = np.array([-200, 0, 100, 300]) * MS
    velocities = np.array([[0.0, 0.0], [0.0, 0.0], [0.2, -0.4], [0.2, -0.4]])
    steps = np.diff(times)[:, None] * 1e-9
    positions = np.concatenate((np.zeros((1, 2)), np.cumsum(0.5 * (velocities[1:] + velocities[:-1]) * steps, axis=0)))
    return Motion(times, positions, velocities, 20 * MS)


def test_the_averaged_motion_is_the_mean_over_the_average() -> None:
    motion, instant = accelerating(), 110 * MS
    fine = np.linspace(instant - 20 * MS, instant, 20_001).astype(np.int64)
    raw = [motion.raw(int(time)) for time in fine[::100]]
    state = motion.at(np.array([instant]))
    assert state.position[0] == pytest.approx(np.mean([position for position, _ in raw], axis=0), abs=1e-5)
    assert state.velocity[0] == pytest.approx(np.mean([velocity for _, velocity in raw], axis=0), abs=1e-4)


@pytest.mark.parametrize("instant", [-50, 5, 15, 50, 107, 250])
def test_a_motion_resumed_with_another_average_is_the_same_at_that_instant(instant: int) -> None:
    before = accelerating()
    after = before.resumed(instant * MS, 70 * MS)
    assert (after.average, after.known_since) == (70 * MS, instant * MS)
    old, new = (motion.at(np.array([instant * MS])) for motion in (before, after))
    np.testing.assert_allclose(new.position, old.position, atol=1e-12)
    np.testing.assert_allclose(new.velocity, old.velocity, atol=1e-12)
    np.testing.assert_allclose(new.acceleration, old.acceleration, atol=1e-9)
