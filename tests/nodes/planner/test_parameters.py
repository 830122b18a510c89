"""The planner's parameters: what they are, what is refused, and what changes while it plans."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rclpy.node import Node

from rcd_ros.errors import RcdError
from rcd_ros.nodes.planner.parameters import PlannerParameters
from rcd_ros.planning.execution.stream import StreamSettings
from rcd_ros.planning.limits import LIMIT_FIELDS
from rcd_ros.planning.planner import Planner
from tests.nodes.planner.planner_scene import HOME, PERIOD, PlannerScene

Make = Callable[..., PlannerScene]
AGELESS = "max_age:=1.0e+10"


def test_the_defaults_are_those_of_the_stream_and_all_parameters_are_described() -> None:
    assert PlannerParameters().stream == StreamSettings()
    aliases = {field.alias for field in PlannerParameters.model_fields.values() if field.alias}
    assert aliases == {f"limits.{field}" for field in LIMIT_FIELDS}
    assert all(field.description for field in PlannerParameters.model_fields.values())


def test_topics_have_the_greatest_age_that_is_given_for_them_for_all_or_the_horizon() -> None:
    topics = ("joint_states", "kettle/odometry")
    assert PlannerParameters().greatest_ages(topics, 1.5) == dict.fromkeys(topics, 1_500_000_000)
    given = PlannerParameters(max_age=2.0, max_ages=("kettle/odometry=0.25",))
    assert given.greatest_ages(topics, 1.5) == {"joint_states": 2_000_000_000, "kettle/odometry": 250_000_000}
    with pytest.raises(RcdError, match=r"'kettle'.*'kettle/odometry'"):
        PlannerParameters(max_ages=("kettle=1",)).greatest_ages(topics, 1.5)


@pytest.mark.parametrize("entry", ["kettle", "kettle=", "kettle=soon", "kettle=0", "kettle=inf"])
def test_ages_that_are_none_are_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=f"max_ages.*'{entry}'"):
        PlannerParameters(max_ages=(entry,))


def values_of(node: Node) -> dict[str, Any]:
    """All parameters of a node."""
    return {name: node.get_parameter(name).value for name in node.list_parameters([], 0).names}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"rate": -1.0}, "'rate'.* 0 .*-1"),
        ({"mode": "splce"}, "'splice'"),
        ({"limits__velocity": [1.0, 2.0, 3.0]}, "'velocity'.* 2 .*3"),
        ({"position_margin": 1.0, "limits__position_lower": [0.0], "limits__position_upper": [1.0]}, "'elbow'"),
        ({"max_ages": ["arm=1.0"]}, "max_ages.*'arm'"),
        ({"realtime_priority": 20}, "read-only"),
    ],
)
def test_a_refused_change_says_why_and_changes_nothing_of_what_comes_with_it(
    planner_scene: Make, change: dict[str, Any], named: str
) -> None:
    here = planner_scene(AGELESS)
    before = values_of(here.node)
    result = here.set(seed=9, **change)
    assert not result.successful
    assert re.search(named, result.reason)
    assert values_of(here.node) == before
    here.connect()
    expected = Planner.load(here.checkpoint, "onnxruntime", seed=0).plan([HOME, HOME])
    assert [list(point.velocities) for point in here.plan(PERIOD).points] == expected.tolist()


def test_changes_hold_from_the_next_plan_on_and_the_motion_goes_on(planner_scene: Make) -> None:
    here = planner_scene(AGELESS)
    here.connect()
    here.plan(PERIOD)
    assert here.set(seed=9, shape=True, limits__acceleration=[1.0, 1.0], rate=5, max_age=2e10).successful
    message = here.plan(2 * PERIOD)
    velocities = np.array([list(point.velocities) for point in message.points])
    assert np.abs(np.diff(velocities, axis=0)).max() <= 0.1 + 1e-9, "shaped: 1 rad/s^2 for a tenth of a second"
    assert velocities[-1].tolist() == [0.0, 0.0]
    here.until(lambda: (here.value("seed"), here.value("counter")) == ("9", "1"), "diagnostics from after the plan")
    assert (here.value("shape"), here.value("rate_asked_hz")) == ("True", "5.0")
    assert here.set(shape=False, seed=3).successful
    planned = here.plan(3 * PERIOD)
    expected = Planner.load(here.checkpoint, "onnxruntime", seed=3).plan([HOME, HOME])
    assert [list(point.velocities) for point in planned.points] == expected.tolist()


def test_an_observation_that_the_mode_does_not_plan_on_is_answered_by_what_remains(planner_scene: Make) -> None:
    here = planner_scene(AGELESS, "mode:=chunk", "execute:=2")
    here.connect()
    first, second, third = (here.plan(count * PERIOD) for count in (1, 2, 3))
    assert [point.velocities for point in second.points] == [point.velocities for point in first.points[1:]]
    assert second.points[0].time_from_start == first.points[0].time_from_start
    assert len(third.points) == 4
    here.until(lambda: here.value("plans") == "2", "the diagnostics")


def test_the_trigger_can_be_changed(planner_scene: Make) -> None:
    here = planner_scene(AGELESS, "trigger:=timer", "rate:=20.0")
    here.connect()
    here.plan(PERIOD)
    assert here.set(trigger="on_observation").successful
    here.plan(2 * PERIOD)
