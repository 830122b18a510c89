"""A planner that no longer sees its robot, or sees it where it never was, holds it; and goes on without a restart."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rosgraph_msgs.msg import Clock

from rcd_ros.nodes.ros.messages import time_message
from tests.nodes.planner.planner_scene import PERIOD, PlannerScene

Make = Callable[..., PlannerScene]


def test_observations_that_stop_are_answered_by_one_hold_and_planned_on_when_they_come_again(
    planner_scene: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    here = planner_scene("max_age:=0.5")
    here.connect()
    here.plan()
    here.until(lambda: len(here.peer.received["joint_trajectory"]) == 2, "the hold")
    hold = here.peer.received["joint_trajectory"][-1]
    assert list(hold.points[-1].velocities) == [0.0, 0.0]
    here.await_state("stale")
    assert here.status("observations").level == DiagnosticStatus.STALE
    assert "'joint_states' is" in here.status("observations").message
    here.rest(1.0)
    assert len(here.peer.received["joint_trajectory"]) == 2, "one hold is enough"
    here.plan()

    def shows_planning() -> bool:
        """At a pace that is taken in: of a flood the two topics would lose different messages."""
        here.show()
        here.rest(0.05)
        return here.value("state") == "planning"

    here.until(shows_planning, "the recovery")
    words = capfd.readouterr().err
    assert words.count("no new plan: ") == 1
    assert "observations are fresh again" in words


def test_a_frozen_publisher_is_stale_however_busy_it_is(planner_scene: Make) -> None:
    here = planner_scene("max_age:=0.5")
    here.connect()
    stamp = here.show()
    here.until(lambda: stamp in here.peer.trajectories(), "the plan")
    here.until(lambda: here.show(stamp) and here.value("state") == "stale", "the watchdog")


def test_a_robot_where_it_never_was_in_training_is_held_until_it_is_back(planner_scene: Make) -> None:
    """Mean 1 and deviation 2 of every value: 9 rad are 4 deviations away."""
    here = planner_scene("max_age:=1.0e+10", "range_warn:=2.0", "range_hold:=3.0")
    here.connect()
    here.plan(PERIOD)
    here.show(2 * PERIOD, (0.1, 9.0, 0.0, 0.0, 0.0))
    here.until(lambda: len(here.peer.received["joint_trajectory"]) == 2, "the hold")
    assert 2 * PERIOD not in here.peer.trajectories()
    here.await_state("held")
    assert here.status().message == "outside the training data: wrist 9 rad, 4 deviations from its mean in training"
    here.plan(3 * PERIOD, (0.1, 6.0, 0.0, 0.0, 0.0))
    here.await_state("planning")
    observed = here.status("observations")
    assert (observed.level, observed.message) == (
        DiagnosticStatus.WARN,
        "outside the training data: wrist 6 rad, 2.5 deviations from its mean in training",
    )


def test_a_clock_that_begins_anew_is_followed(planner_scene: Make) -> None:
    here = planner_scene("max_age:=1.0e+10", "shape:=true", "limits.acceleration:=[5.0]")
    here.connect()
    for count in (1000, 1001, 3, 4):
        here.plan(count * PERIOD)
    here.until(lambda: here.value("clock_restarts") == "1", "the diagnostics")


def test_an_observation_that_overtakes_the_simulators_clock_is_planned_on_when_it_is_shown_again(
    planner_scene: Make,
) -> None:
    """A bridge in lockstep shows its observation until it is answered, with a clock that leaps between episodes."""
    here = planner_scene("use_sim_time:=true", "max_age:=0.5")
    here.connect()
    clock = here.peer.create_publisher(Clock, "clock", 10)

    def tick(stamp: int) -> None:
        clock.publish(Clock(clock=time_message(stamp)))
        here.until(lambda: here.node.get_clock().now().nanoseconds == stamp, "the clock")

    here.until(clock.get_subscription_count, "the planner's clock")
    tick(PERIOD)
    here.plan(stamp=PERIOD)
    leap = 100 * PERIOD
    here.show(stamp=leap)
    here.until(lambda: here.value("dropped: from the future") == "1", "the refusal")
    tick(leap)
    here.plan(stamp=leap)
