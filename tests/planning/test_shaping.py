"""The shaped motion never leaves the limits and never jumps, whatever is planned and whenever it arrives."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import Interface
from rcd_ros.planning.execution.motion import MotionState
from rcd_ros.planning.execution.shaping import Shaper
from rcd_ros.planning.execution.trajectory import PointChoice, ShapedPlan
from rcd_ros.planning.limits import MotionLimits
from rcd_ros.planning.spec import TaskSpec
from tests.planning.tiny import tiny_spec

PERIOD = 100_000_000
ARM: dict[str, list[float]] = {"velocity": [1.5], "acceleration": [5.0, 8.0], "jerk": [200.0, 400.0]}
ENDS = {"position_lower": [-1.0], "position_upper": [1.0]}
REST = np.zeros(2)


def spec_for(interface: Interface = "velocity", period: float = 0.1) -> TaskSpec:
    spec = tiny_spec()
    command = spec.command.model_copy(update={"interface": interface})
    return spec.model_copy(update={"command": command, "control_period": period})


def make(interface: Interface = "velocity", limits: dict[str, Any] = ARM, **options: Any) -> Shaper:
    spec = spec_for(interface)
    return Shaper(spec, MotionLimits.of(spec, limits), **options)


def commanded(shaper: Shaper, *times: int) -> MotionState:
    state = shaper.commanded(np.array(times, np.int64))
    assert state is not None
    return state


def end_of(plan: ShapedPlan) -> int:
    return plan.stamp + int(plan.points.time_from_start[-1])


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    period=st.sampled_from([0.008, 0.02, 0.08, 0.1]),
    interface=st.sampled_from(["velocity", "position"]),
    sampling=st.sampled_from(["period", "spline"]),
)
def test_never_beyond_a_limit_and_never_a_jump(seed: int, period: float, interface: Interface, sampling: Any) -> None:
    """Chunks that jump, come late, early, in bursts, or not at all, for robots fast and slow, near their limits."""
    rng = np.random.default_rng(seed)
    spec, ticks = spec_for(interface, period), round(period * 1e9)
    width, speed, acceleration = rng.uniform(0.05, 1.5, 2), rng.uniform(0.2, 3.0, 2), rng.uniform(0.5, 40.0, 2)
    jerk = acceleration / rng.uniform(1e-4, 0.3, 2)
    chosen = {"position_lower": -width, "position_upper": width, "velocity": speed}
    limits = MotionLimits.of(spec, chosen | {"acceleration": acceleration, "jerk": jerk})
    shaper = Shaper(spec, limits, choice=PointChoice(sampling))
    now = 0
    for _ in range(30):
        now += int(rng.choice([0, ticks, ticks, rng.integers(0, 3 * ticks), rng.integers(0, ticks // 3)]))
        stamp = now - int(rng.choice([0, 0, rng.integers(0, 4 * ticks)]))
        chunk = rng.choice([0.1, 1.0, 5.0]) * rng.standard_normal((rng.choice([0, 1, 4, 16]), 2))
        if rng.random() < 0.5 and len(chunk):
            chunk = np.tile(chunk[:1], (len(chunk), 1))
        before = shaper.commanded(np.array([now], np.int64))
        plan = shaper.shape(chunk, stamp, now, REST)

        after = commanded(shaper, now)
        if before is not None:
            np.testing.assert_allclose(after.position, before.position, atol=1e-9)
            np.testing.assert_allclose(after.velocity, before.velocity, atol=1e-9)
            np.testing.assert_allclose(after.acceleration, before.acceleration, atol=1e-7)
        times = np.linspace(now, end_of(plan) + ticks, 250).astype(np.int64)
        motion = commanded(shaper, *times)
        assert (np.abs(motion.position) <= width + 1e-9).all()
        assert (motion.velocity <= limits.velocity_upper + 1e-9).all()
        assert (motion.velocity >= limits.velocity_lower - 1e-9).all()
        assert (np.abs(motion.acceleration) <= acceleration * (1 + 1e-6)).all()
        steps = np.diff(times)[:, None] * 1e-9
        assert (np.abs(np.diff(motion.acceleration, axis=0)) <= jerk * steps * (1 + 1e-6) + 1e-6).all()

        points = plan.points
        assert (np.diff(points.time_from_start) > 0).all()
        first = stamp + points.time_from_start[0]
        assert first == max(stamp, now) if sampling == "spline" else first > now
        sent = commanded(shaper, *(stamp + points.time_from_start))
        np.testing.assert_allclose(points.positions, sent.position, atol=1e-9)
        np.testing.assert_allclose(points.velocities, sent.velocity, atol=1e-9)
        np.testing.assert_allclose(motion.velocity[-1], 0.0, atol=1e-9)
        np.testing.assert_allclose(motion.position[-1], points.positions[-1], atol=1e-9)


@pytest.mark.parametrize("interface", ["velocity", "position"])
def test_a_controllers_cubic_splines_are_the_shaped_motion(interface: Interface) -> None:
    """joint_trajectory_controller interpolates points with positions and velocities by cubics: within the limits too.

    Through points sampled once a period from a motion that is not cubic between them they pass the limits.
    """
    shaper = make(interface, ARM | ENDS, choice=PointChoice("spline"))
    rng = np.random.default_rng(3)
    for k in range(20):
        now = k * PERIOD + int(rng.integers(0, PERIOD // 2))
        begin = shaper.commanded(np.array([now], np.int64))
        points = shaper.shape(rng.uniform(-2, 2, (8, 2)), k * PERIOD, now, REST).points
        if begin is None:
            continue
        times, position, velocity = k * PERIOD + points.time_from_start, points.positions, points.velocities
        assert times[0] == now
        np.testing.assert_allclose(position[:1], begin.position, atol=1e-9)
        np.testing.assert_allclose(velocity[:1], begin.velocity, atol=1e-9)
        step = np.diff(times)[:, None] * 1e-9
        mean = np.diff(position, axis=0) / step
        at_begin = (6 * mean - 4 * velocity[:-1] - 2 * velocity[1:]) / step
        at_end = (-6 * mean + 2 * velocity[:-1] + 4 * velocity[1:]) / step
        np.testing.assert_allclose(at_begin[1:], at_end[:-1], atol=1e-4)
        assert (np.abs(at_begin) <= np.array(ARM["acceleration"]) + 1e-4).all()
        assert (np.abs(at_end - at_begin) <= np.array(ARM["jerk"]) * step * (1 + 1e-6) + 1e-4).all()


def test_a_feasible_velocity_chunk_is_followed() -> None:
    shaper = make()
    wanted = 0.4 * np.sin(np.arange(1, 17)[:, None] * 0.3) * np.array([1.0, -1.0])
    points = shaper.shape(wanted, 0, 0, REST).points
    assert points.time_from_start[:16].tolist() == [(i + 1) * PERIOD for i in range(16)]
    # But for the corners, which the moving average rounds off.
    np.testing.assert_allclose(points.velocities[:15], wanted[:15], atol=0.01)
    np.testing.assert_allclose(
        points.positions[:16],
        np.cumsum(0.5 * (wanted + np.vstack((REST, wanted[:-1]))), axis=0) * 0.1,
        atol=0.005,
    )


def test_a_feasible_position_chunk_is_followed() -> None:
    shaper = make("position", {"velocity": [1.5], "acceleration": [5.0]})
    time = 0.1 * np.arange(1, 21)[:, None]
    wanted = 0.5 * (1 - np.cos(time)) * np.array([1.0, -1.0])
    points = shaper.shape(wanted, 0, 0, REST).points
    np.testing.assert_allclose(points.positions[:20], wanted, atol=2e-3)
    np.testing.assert_allclose(points.velocities[:20], 0.5 * np.sin(time) * np.array([1.0, -1.0]), atol=2e-2)


def test_a_far_position_is_reached_and_not_passed() -> None:
    shaper = make("position", ARM)
    points = shaper.shape(np.full((40, 2), 1.2), 0, 0, REST).points
    assert points.positions.max() <= 1.2 + 1e-9
    np.testing.assert_allclose(points.positions[-1], 1.2, atol=1e-4)
    assert points.velocities.max() == pytest.approx(1.5, abs=0.4), "it does not creep"


def test_it_brakes_in_time_and_no_sooner_than_it_must() -> None:
    """A planner that pushes against a limit reaches it."""
    shaper = make(limits=ARM | ENDS)
    points = shaper.shape(np.full((30, 2), 2.0), 0, 0, REST).points
    assert points.positions.max() <= 1.0 + 1e-12
    np.testing.assert_allclose(points.positions[-1], 1.0, atol=1e-3)
    np.testing.assert_allclose(points.velocities.max(axis=0), 1.5, atol=1e-9)


def test_without_limits_of_acceleration_commands_pass_unchanged() -> None:
    wanted = np.random.default_rng(0).uniform(-2, 2, (6, 2))
    points = make(limits={}).shape(wanted, 0, 0, REST).points
    np.testing.assert_allclose(points.velocities[:6], wanted, atol=1e-12)


def test_until_now_a_late_plan_changes_nothing() -> None:
    """Regression: a plan that starts at its stamp would jump by what the old motion has done since."""
    shaper = make()
    shaper.shape(np.full((8, 2), 1.0), 0, 0, REST)
    times = [3 * PERIOD // 2 + i * PERIOD // 10 for i in range(11)]
    promised = commanded(shaper, *times)
    points = shaper.shape(np.full((8, 2), -1.0), PERIOD, 5 * PERIOD // 2, REST).points
    kept = commanded(shaper, *times)
    np.testing.assert_allclose(kept.position, promised.position, atol=1e-12)
    assert points.time_from_start[0] == 2 * PERIOD, "points whose time has passed are not sent"
    assert points.velocities[2].max() < 1.0


def test_a_lead_leaves_the_time_of_the_way_alone() -> None:
    shaper = make(lead=20_000_000)
    shaper.shape(np.full((8, 2), 1.0), 0, 0, REST)
    before = commanded(shaper, PERIOD + 20_000_000)
    shaper.shape(np.full((8, 2), -1.0), PERIOD, PERIOD, REST)
    np.testing.assert_allclose(commanded(shaper, PERIOD + 20_000_000).velocity, before.velocity, atol=1e-12)


def test_without_another_plan_the_motion_comes_to_rest() -> None:
    shaper = make()
    plan = shaper.shape(np.full((4, 2), 1.5), 0, 0, REST)
    assert plan.points.velocities[3] == pytest.approx([1.5, 1.5], abs=0.2)
    assert plan.points.velocities[-1].tolist() == [0.0, 0.0]
    assert len(plan.points.time_from_start) <= 4 + 3 + 1 + 1, "1.5 rad/s at 5 rad/s^2, and the moving average"


def test_a_hold_brakes_at_once() -> None:
    shaper = make()
    shaper.shape(np.full((16, 2), 1.5), 0, 0, REST)
    now = 5 * PERIOD + PERIOD // 3
    begin = commanded(shaper, now)
    points = shaper.hold(now).points
    np.testing.assert_allclose(commanded(shaper, now).velocity, begin.velocity, atol=1e-12)
    assert points.velocities[-1].tolist() == [0.0, 0.0]
    assert (np.diff(points.velocities, axis=0) <= 1e-12).all()
    assert points.time_from_start[-1] <= 6 * PERIOD
    again = shaper.hold(now + 20 * PERIOD).points
    assert not again.velocities.any() and again.positions[-1] == pytest.approx(points.positions[-1])


def test_measured_positions_are_followed_no_faster_than_the_robot_may_drive() -> None:
    shaper = make(anchor="measured")
    shaper.shape(np.full((8, 2), 1.0), 0, 0, REST)
    before = commanded(shaper, PERIOD)
    measured = before.position[0] - np.array([0.01, 5.0])
    shaper.shape(np.full((8, 2), 1.0), PERIOD, PERIOD, measured)
    after = commanded(shaper, PERIOD)
    np.testing.assert_allclose(after.position[0] - before.position[0], [-0.01, -0.15], atol=1e-9)
    np.testing.assert_allclose(after.velocity, before.velocity, atol=1e-9)


def test_a_moving_robot_is_taken_over_in_motion() -> None:
    shaper = make()
    shaper.shape(np.zeros((8, 2)), 0, 0, np.array([0.2, 0.3]), np.array([1.0, -0.5]))
    begin = commanded(shaper, 0)
    np.testing.assert_allclose(begin.position[0], [0.2, 0.3], atol=1e-12)
    np.testing.assert_allclose(begin.velocity[0], [1.0, -0.5], atol=1e-12)
    with pytest.raises(RcdError, match="nan"):
        make().shape(np.zeros((8, 2)), 0, 0, REST, np.full(2, np.nan))


def test_outside_the_position_limits_it_only_moves_back_in() -> None:
    """A sensor's noise at the end of a joint's travel is no reason to move it: the planner may."""
    shaper = make(limits=ARM | ENDS)
    outside = np.array([1.05, -1.2])
    points = shaper.shape(np.tile([1.0, -1.0], (8, 1)), 0, 0, outside).points
    np.testing.assert_allclose(points.positions, np.tile(outside, (len(points.positions), 1)), atol=1e-12)
    points = shaper.shape(np.tile([-0.5, 0.5], (8, 1)), PERIOD, PERIOD, outside).points
    assert points.velocities[2:7] == pytest.approx(np.tile([-0.5, 0.5], (5, 1)))


def test_efforts_change_at_a_limited_rate_and_end_at_zero() -> None:
    shaper = make("effort", {"acceleration": [5.0], "position_upper": [0.1]})
    points = shaper.shape(np.full((6, 2), 2.0), 0, 0).points
    assert points.positions.shape == points.velocities.shape == (len(points.efforts), 0)
    assert points.efforts[:6, 0] == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 2.0])
    assert points.efforts[-1].tolist() == [0.0, 0.0]


def test_positions_that_are_not_observed_are_not_sent() -> None:
    points = make().shape(np.full((6, 2), 1.0), 0, 0).points
    assert points.positions.shape == (len(points.velocities), 0)


@pytest.mark.parametrize(("interface", "limits"), [("velocity", ARM | ENDS), ("position", ARM)])
def test_limited_positions_must_be_observed(interface: Interface, limits: dict[str, Any]) -> None:
    with pytest.raises(RcdError, match="positions"):
        make(interface, limits).shape(np.zeros((6, 2)), 0, 0)


@pytest.mark.parametrize("chunk", [np.full((4, 2), np.nan), np.full((4, 2), np.inf), np.zeros((4, 3)), np.zeros(4)])
def test_unusable_chunks_are_refused_and_the_motion_goes_on(chunk: np.ndarray) -> None:
    shaper = make()
    shaper.shape(np.full((8, 2), 1.0), 0, 0, REST)
    before = commanded(shaper, 3 * PERIOD)
    with pytest.raises(RcdError, match=re.escape(str(chunk.shape))):
        shaper.shape(chunk, PERIOD, PERIOD, REST)
    with pytest.raises(RcdError, match="nan"):
        shaper.shape(np.zeros((4, 2)), PERIOD, PERIOD, np.array([np.nan, 0.0]))
    assert (commanded(shaper, 3 * PERIOD).position == before.position).all()


def test_a_clock_that_goes_back_asks_for_a_reset() -> None:
    shaper = make()
    shaper.shape(np.full((8, 2), 1.0), PERIOD, PERIOD, REST)
    with pytest.raises(RcdError, match=r"0\.1"):
        shaper.shape(np.full((8, 2), 1.0), 0, 0, REST)
    shaper.reset()
    assert shaper.commanded(np.zeros(1, np.int64)) is None
    shaper.shape(np.full((8, 2), 1.0), 0, 0, REST)


@pytest.mark.parametrize("options", [{"anchor": "last"}, {"lead": -1}])
def test_unusable_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(RcdError):
        make(**options)
