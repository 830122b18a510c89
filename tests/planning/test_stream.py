"""The trajectories that a robot is sent, as a joint_trajectory_controller would execute them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import Interface
from rcd_ros.planning.execution.modes import MODES
from rcd_ros.planning.execution.stream import CommandStream, StreamSettings
from rcd_ros.planning.execution.trajectory import ShapedPlan, TrajectoryMaker
from rcd_ros.planning.limits import MotionLimits
from rcd_ros.planning.spec import TaskSpec
from tests.planning.controller import Controller
from tests.planning.tiny import tiny_spec

PERIOD = 100_000_000
LIMITS: dict[str, tuple[float, ...]] = {
    "position_lower": (-1.0,),
    "position_upper": (1.0,),
    "velocity": (1.5,),
    "acceleration": (5.0, 8.0),
    "jerk": (200.0, 400.0),
}
SHAPED = StreamSettings(shape=True, limits=LIMITS)
OBSERVED = np.array([0.2, -0.3, 0.0, 0.0, 0.5])


def spec_for(interface: Interface = "velocity", period: float = 0.1) -> TaskSpec:
    spec = tiny_spec()
    command = spec.command.model_copy(update={"interface": interface})
    return spec.model_copy(update={"command": command, "control_period": period})


def steady(value: float, horizon: int = 8) -> np.ndarray:
    return np.full((horizon, 2), value)


def due(plan: ShapedPlan, time: int) -> np.ndarray:
    """Velocities of the point whose period holds `time`."""
    return np.asarray(
        plan.points.velocities[int(np.searchsorted(plan.points.time_from_start, time - plan.stamp, "right"))]
    )


def random_settings(rng: np.random.Generator, stamping: Any, lead: float) -> StreamSettings:
    acceleration = rng.uniform(0.5, 40.0, 2)
    return StreamSettings(
        mode=str(rng.choice(MODES)),
        execute=int(rng.integers(1, 6)),
        decay=float(rng.uniform(-1.0, 1.0)),
        delay=int(rng.integers(0, 3)),
        overlap=int(rng.integers(0, 4)),
        shape=True,
        limits={
            "position_lower": (-1.0,),
            "position_upper": (1.0,),
            "velocity": tuple(rng.uniform(0.2, 3.0, 2)),
            "acceleration": tuple(acceleration),
            "jerk": tuple(acceleration / rng.uniform(1e-3, 0.1, 2)),
        },
        position_margin=float(rng.uniform(0.0, 0.3)),
        lead=lead,
        sampling="spline",
        stamping=stamping,
    )


def faster(settings: StreamSettings, factor: float) -> StreamSettings:
    """Rates that are `factor` times as high, the moving average as long as before."""
    limits = dict(settings.limits)
    limits["velocity"] = tuple(factor * v for v in limits["velocity"])
    limits["acceleration"] = tuple(factor * v for v in limits["acceleration"])
    limits["jerk"] = tuple(factor * v for v in limits["jerk"])
    return replace(settings, limits=limits, mode="first_action")


class Watch:
    """A controller, and the widest limits that its trajectories were shaped within so far."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.limits: list[MotionLimits] = []
        self.seen = int(controller.times[0])

    def receive(self, plan: ShapedPlan, time: int) -> None:
        """A trajectory arrives: the motion until then was within the limits, and does not jump."""
        self.look(time)
        before = self.controller.state(np.array([time]))
        self.controller.receive(plan, time)
        for old, new in zip(before, self.controller.state(np.array([time])), strict=True):
            np.testing.assert_allclose(new, old, atol=1e-7)

    def look(self, time: int) -> None:
        times = np.linspace(self.seen, time, 20).astype(np.int64)
        position, velocity = self.controller.state(times)
        acceleration, jerk = self.controller.extremes(time)
        fastest = np.max([limits.velocity_upper for limits in self.limits], axis=0)
        hardest = np.max([limits.acceleration for limits in self.limits], axis=0)
        sharpest = np.max([limits.jerk for limits in self.limits], axis=0)
        lowest = np.min([limits.position_lower for limits in self.limits], axis=0)
        assert (position >= lowest - 1e-9).all() and (position <= -lowest + 1e-9).all()
        assert (np.abs(velocity) <= fastest + 1e-7).all()
        assert (acceleration <= hardest * (1 + 1e-6) + 1e-4).all()
        assert (jerk <= sharpest * (1 + 1e-4) + 0.1).all()
        self.seen = time


@pytest.mark.parametrize(("stamping", "splices"), [("observation", False), ("takeover", True)])
@pytest.mark.parametrize("interface", ["velocity", "position"])
def test_a_controller_never_leaves_the_limits_and_never_jumps(
    stamping: str, splices: bool, interface: Interface
) -> None:
    """Random chunks that are late, bunched, or missing; holds and changed settings in between; either replacement."""
    for seed in range(150):
        rng = np.random.default_rng(seed)
        period = float(rng.choice([0.008, 0.02, 0.08, 0.1]))
        ticks, lead = round(period * 1e9), float(rng.choice([0.0, 0.002, 0.03]))
        spec, settings = spec_for(interface, period), random_settings(rng, stamping, lead)
        stream, watch = CommandStream(spec, settings), Watch(Controller.at(0, np.array([0.1, -0.2]), splices))
        observation = np.array([0.1, -0.2, 0.0, 0.0, 0.0])
        now = arrival = 0
        sent = None
        for _ in range(15):
            watch.limits.append(MotionLimits.of(spec, settings.limits, settings.position_margin))
            gap = [
                0,
                ticks,
                ticks,
                rng.integers(0, 3 * ticks),
                rng.integers(0, ticks // 3),
                rng.integers(0, 40 * ticks),
            ]
            now += int(rng.choice(gap))
            stamp = now - int(rng.choice([0, rng.integers(0, 4 * ticks)]))
            chunk = rng.choice([0.1, 1.0, 5.0]) * rng.standard_normal((rng.choice([1, 4, 16]), 2))
            event = rng.random()
            if event < 0.1:
                settings = faster(settings, float(rng.uniform(0.3, 2.0)))
                stream = stream.changed(settings)
                watch.limits.append(MotionLimits.of(spec, settings.limits, settings.position_margin))
            if event > 0.9:
                plan = stream.hold(now, observation)
            elif stream.wants(stamp):
                plan = stream.next(chunk, observation, stamp, now)
            else:
                continue
            if plan is sent:
                continue
            sent, times = plan, plan.points.time_from_start
            assert (np.diff(times) > 0).all() and times[0] >= 0 and plan.stamp + times[-1] > now + round(lead * 1e9)
            assert not plan.points.velocities[-1].any()
            # No later than the lead, and never before one that was sent earlier.
            arrival = max(arrival, now + int(rng.integers(0, round(lead * 1e9) + 1)))
            watch.receive(plan, arrival)
        watch.look(int(watch.controller.times[-1]) + ticks)


CYCLE = 2_000_000
"""Of a controller at 500 Hz, ns."""


def replan_in_motion(
    stamping: str,
    splices: bool,
    lost: float = 0.0,
    late: float = 0.0,
    lead: float = 0.004,
    desired: bool = True,
    behind: float = 0.0,
) -> tuple[Controller, MotionLimits]:
    """200 plans in motion at 125 Hz, each a little late, some lost or `late` s later; a clock `behind` s."""
    rng = np.random.default_rng(0)
    spec, period = spec_for("velocity", 0.008), 8_000_000
    limits = {"velocity": (1.78,), "acceleration": (15.0,), "jerk": (1000.0,)}
    settings = StreamSettings(shape=True, limits=limits, lead=lead, sampling="spline", stamping=stamping)  # type: ignore[arg-type]
    stream, controller = CommandStream(spec, settings), Controller.at(0, OBSERVED[:2], splices, CYCLE, desired)
    for k in range(1, 201):
        stamp, now = k * period, k * period + int(rng.integers(200_000, 3_000_000))
        swing = 1.5 * np.sin(2.0 * np.pi * (k + np.arange(16))[:, None] / 60.0 + np.array([0.0, 1.0]))
        plan = stream.next(swing + 0.3 * rng.standard_normal((16, 2)), OBSERVED, stamp, now)
        if rng.random() >= lost:
            delay = late if rng.random() < 0.1 else 0.0
            controller.receive(plan, now + int(rng.integers(100_000, 1_000_000)) + round((delay - behind) * 1e9))
    controller.run(int(controller.times[-1]) + 50 * CYCLE)  # the planner is gone: what is left runs to its end
    return controller, MotionLimits.of(spec, limits, 0.0)


def assert_smooth(controller: Controller, limits: MotionLimits) -> None:
    """No step beyond what the acceleration limit allows in a cycle, and rest in the end."""
    assert len(controller.commands) > 750
    bound = 1.3 * limits.acceleration * CYCLE * 1e-9
    for step in controller.largest_steps:
        assert (step <= bound).all(), f"{step} beyond {bound}"
    assert not np.array(controller.commands)[-1, 1].any(), "without a planner it comes to rest"


@pytest.mark.parametrize(("lost", "desired"), [(0.0, True), (0.05, False)])
def test_a_controller_that_samples_ahead_is_not_made_to_jump(lost: float, desired: bool) -> None:
    """Pins: knots up to the moment of sending were left out, and the way to the next one was a jump of 1.3 rad/s."""
    assert_smooth(*replan_in_motion("observation", splices=False, lost=lost, desired=desired))


def test_trajectories_that_arrive_within_the_lead_do_not_jump() -> None:
    """Every tenth is 12 ms late: beyond a lead of 4 ms it is entered where the motion has already changed."""
    assert_smooth(*replan_in_motion("observation", splices=False, late=0.012, lead=0.02))
    controller, limits = replan_in_motion("observation", splices=False, late=0.012, lead=0.004)
    assert max(step.max() for step in controller.largest_steps) > 1.3 * limits.acceleration.max() * CYCLE * 1e-9


def test_a_controllers_clock_may_be_a_little_behind() -> None:
    """Pins: where the first point was still to come, it was entered with a jump of 0.5 to 1.4 rad/s."""
    assert_smooth(*replan_in_motion("observation", splices=False, behind=0.003))


def test_replacing_in_motion_is_not_smooth_in_a_controller_that_samples_ahead() -> None:
    """Why docs/robot.md says `allow_trajectory_replacement: false`: what runs is put off by a cycle at each arrival."""
    controller, limits = replan_in_motion("takeover", splices=True)
    assert max(step.max() for step in controller.largest_steps) > 3.0 * limits.acceleration.max() * CYCLE * 1e-9


def test_unshaped_trajectories_are_the_chunks_as_planned() -> None:
    chunk = np.random.default_rng(0).uniform(-2, 2, (8, 2))
    plan = CommandStream(spec_for()).next(chunk, OBSERVED, 5 * PERIOD, 5 * PERIOD + 1)
    expected = TrajectoryMaker(spec_for()).points(chunk, OBSERVED)
    assert plan.stamp == 5 * PERIOD
    for name in ("time_from_start", "positions", "velocities", "efforts"):
        np.testing.assert_array_equal(getattr(plan.points, name), getattr(expected, name))


@pytest.mark.parametrize("name", MODES)
def test_every_mode_is_executed_and_shaped(name: str) -> None:
    """Where chunks agree, what is due is what they say, up to the moving average."""
    for shape in (False, True):
        stream = CommandStream(spec_for(), replace(SHAPED, mode=name, execute=3, shape=shape))
        for k in range(12):
            now = k * PERIOD
            if stream.wants(now):
                plan = stream.next(steady(0.1), OBSERVED, now, now)
            if k > 0:
                assert due(plan, now) == pytest.approx([0.1, 0.1], abs=1e-9)


def test_a_mode_that_keeps_its_plan_sends_it_again() -> None:
    stream = CommandStream(spec_for(), replace(SHAPED, mode="chunk", execute=3))
    first = stream.next(steady(0.5), OBSERVED, 0, 0)
    assert not stream.wants(PERIOD)
    assert stream.next(steady(-0.5), OBSERVED, PERIOD, PERIOD) is first
    assert stream.next(steady(-0.5), OBSERVED, 3 * PERIOD, 3 * PERIOD) is not first


@pytest.mark.parametrize("shape", [False, True])
def test_a_hold_brakes_within_the_limits_from_what_is_commanded(shape: bool) -> None:
    stream = CommandStream(spec_for(), replace(SHAPED, shape=shape))
    for now in range(0, 5 * PERIOD, PERIOD):
        plan = stream.next(steady(1.0), OBSERVED, now, now)
    plan = stream.hold(5 * PERIOD, OBSERVED)
    velocities = plan.points.velocities
    assert velocities[0] == pytest.approx([0.63, 0.42], abs=0.01), "5 and 8 rad/s^2 for 75 ms, then less and less"
    assert velocities[-1].tolist() == [0.0, 0.0]
    again = stream.hold(20 * PERIOD)
    assert not again.points.velocities.any()
    assert again.points.positions[-1] == pytest.approx(plan.points.positions[-1])


def test_after_a_hold_any_mode_plans_again() -> None:
    stream = CommandStream(spec_for(), replace(SHAPED, mode="chunk", execute=8))
    stream.next(steady(1.0), OBSERVED, 0, 0)
    stream.hold(2 * PERIOD, OBSERVED)
    assert stream.wants(3 * PERIOD)
    assert due(stream.next(steady(0.4), OBSERVED, 3 * PERIOD, 3 * PERIOD), 5 * PERIOD) == pytest.approx([0.4, 0.4])


def test_there_may_be_nothing_to_hold() -> None:
    stream = CommandStream(spec_for(), SHAPED)
    with pytest.raises(RcdError):
        stream.hold(0)
    plan = stream.hold(0, OBSERVED)
    assert plan.points.positions[-1] == pytest.approx(OBSERVED[:2]) and not plan.points.velocities.any()


def test_reset_starts_from_what_is_measured() -> None:
    stream = CommandStream(spec_for(), SHAPED)
    stream.next(steady(1.0), OBSERVED, 9 * PERIOD, 9 * PERIOD)
    stream.reset()
    moving = np.array([0.5, 0.5, 1.0, -1.0, 0.0])
    plan = stream.next(steady(0.0), moving, 0, 0)
    assert plan.points.velocities[0] == pytest.approx([0.63, -0.42], abs=0.01), "it brakes from the measured velocities"


def test_changed_settings_go_on_with_the_motion() -> None:
    stream = CommandStream(spec_for(), SHAPED)
    for now in range(0, 5 * PERIOD, PERIOD):
        stream.next(steady(1.0), OBSERVED, now, now)
    slow = replace(SHAPED, limits={**LIMITS, "velocity": (0.3,)})
    plan = stream.changed(slow).next(steady(1.0), OBSERVED, 5 * PERIOD, 5 * PERIOD)
    assert plan.points.velocities[:3, 0] == pytest.approx([0.63, 0.32, 0.3], abs=0.01)


@pytest.mark.parametrize("mode", MODES)
def test_settings_of_the_motion_change_nothing_of_what_a_mode_keeps(mode: str) -> None:
    settings = StreamSettings(mode=mode, shape=False)
    unchanged, changed = CommandStream(spec_for(), settings), CommandStream(spec_for(), settings)
    for now in range(0, 6 * PERIOD, PERIOD):
        unchanged.next(steady(0.0), OBSERVED, now, now)
        changed.next(steady(0.0), OBSERVED, now, now)
    changed = changed.changed(replace(settings, position_margin=0.01))
    expected = unchanged.next(steady(1.0), OBSERVED, 6 * PERIOD, 6 * PERIOD)
    sent = changed.next(steady(1.0), OBSERVED, 6 * PERIOD, 6 * PERIOD)
    np.testing.assert_array_equal(sent.points.velocities, expected.points.velocities)


@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False)])
def test_shaping_is_switched_on_and_off_in_motion(before: bool, after: bool) -> None:
    stream = CommandStream(spec_for(), replace(SHAPED, shape=before))
    for now in range(0, 3 * PERIOD, PERIOD):
        stream.next(steady(1.0), OBSERVED, now, now)
    plan = stream.changed(replace(SHAPED, shape=after)).next(steady(1.0), OBSERVED, 3 * PERIOD, 3 * PERIOD)
    assert plan.points.velocities[0] == pytest.approx([1.0, 1.0])


def test_a_lower_jerk_limit_is_taken_over_in_motion() -> None:
    """The motion goes on in position, velocity and acceleration, and within the new limit from then on."""
    spec, now = spec_for(), 2 * PERIOD + 30_000_000
    settings = replace(SHAPED, sampling="spline")
    gentle = replace(settings, limits={**LIMITS, "jerk": (40.0, 80.0)})
    stream, controller = CommandStream(spec, settings), Controller.at(0, OBSERVED[:2], splices=False)
    controller.receive(stream.next(steady(1.0), OBSERVED, 0, 0), 0)
    before = controller.state(np.array([now]))
    stream = stream.changed(gentle)
    controller.receive(stream.next(steady(-1.0), OBSERVED, now, now), now)
    for old, new in zip(before, controller.state(np.array([now])), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-9)
    acceleration, jerk = controller.extremes(int(controller.times[-1]))
    assert (acceleration <= np.array(LIMITS["acceleration"]) + 1e-6).all()
    assert (jerk <= np.array([40.0, 80.0]) * (1 + 1e-6)).all()


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "slice"},
        {"execute": 0, "mode": "chunk"},
        {"limits": {"velocity": (-1.0,)}},
        {"position_margin": 5.0},
        {"lead": -0.1},
        {"anchor": "last"},
        {"sampling": "dense"},
        {"stamping": "later"},
    ],
)
def test_refused_settings_leave_the_stream_as_it_was(change: dict[str, Any]) -> None:
    stream = CommandStream(spec_for(), SHAPED)
    first = stream.next(steady(1.0), OBSERVED, 0, 0)
    with pytest.raises(RcdError):
        stream.changed(replace(SHAPED, **change))
    second = stream.next(steady(1.0), OBSERVED, PERIOD, PERIOD)
    assert stream.settings == SHAPED
    np.testing.assert_allclose(second.points.positions[:6], first.points.positions[1:7], atol=1e-9)


def test_trajectories_may_end_in_motion() -> None:
    plan = CommandStream(spec_for(), replace(SHAPED, rests=False)).next(steady(1.0), OBSERVED, 0, 0)
    assert len(plan.points.time_from_start) == 8 and plan.points.velocities[-1] == pytest.approx([1.0, 1.0], abs=0.06)


def test_a_clock_that_goes_back_asks_for_a_reset() -> None:
    stream = CommandStream(spec_for(), SHAPED)
    stream.next(steady(1.0), OBSERVED, PERIOD, PERIOD)
    with pytest.raises(RcdError, match=r"0\.1"):
        stream.hold(0, OBSERVED)
    stream.reset()
    stream.hold(0, OBSERVED)
