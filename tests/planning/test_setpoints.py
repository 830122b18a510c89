"""Controllers of single sets of values get one a control period, at the right time, and none that is out of date."""

from __future__ import annotations

import numpy as np
import pytest

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import CommandOutput, Interface
from rcd_ros.planning.execution.setpoints import SetpointStream
from rcd_ros.planning.execution.trajectory import ShapedPlan, TrajectoryPoints
from rcd_ros.planning.spec import TaskSpec
from tests.planning.tiny import tiny_spec

PERIOD = 100_000_000
WRIST = CommandOutput(topic="wrist/commands", message="Float64MultiArray", joints=("wrist",))


def spec_with(interface: Interface) -> TaskSpec:
    spec = tiny_spec()
    return spec.model_copy(update={"command": spec.command.model_copy(update={"interface": interface})})


def plan(stamp: int, *values: float) -> ShapedPlan:
    """The wrist is commanded these values, one a control period; the elbow nothing."""
    ends = np.arange(1, len(values) + 1) * PERIOD
    chunk = np.stack((np.zeros(len(values)), np.array(values)), axis=1)
    return ShapedPlan(stamp, TrajectoryPoints(ends, chunk, chunk, np.empty((len(values), 0))))


def sent(stream: SetpointStream, begin: float, end: float) -> list[tuple[float, float]]:
    """When (control periods) the ticks in [begin, end) send what."""
    found = []
    for tick in range(round(4 * begin), round(4 * end)):
        numbers = stream.tick(tick * PERIOD // 4)
        if numbers is not None:
            found.append((tick / 4, float(numbers[0])))
    return found


def test_every_period_has_its_value_until_the_plan_is_over() -> None:
    stream = SetpointStream(spec_with("position"), WRIST)
    assert sent(stream, 0, 1) == []
    assert stream.follow(plan(0, 0.1, 0.2, 0.3, 0.4), 0) == pytest.approx([0.1])
    assert sent(stream, 0.25, 9) == [(1.25, 0.2), (2.25, 0.3), (3.25, 0.4)], "a position stays behind the end"


def test_new_plans_take_over_and_give_one_value_a_period() -> None:
    stream = SetpointStream(spec_with("position"), WRIST)
    found = []
    for step in range(5):
        numbers = stream.follow(plan(step * PERIOD, 0.1 * step, 1.0, 1.0), step * PERIOD)
        found += [] if numbers is None else [float(numbers[0])]
        found += [value for _, value in sent(stream, step + 0.25, step + 1)]
    assert found == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_plans_that_come_faster_than_periods_do_not_give_more_values() -> None:
    stream = SetpointStream(spec_with("position"), WRIST)
    answers = [stream.follow(plan(k * PERIOD // 10, 0.5, 0.5), k * PERIOD // 10) for k in range(40)]
    assert sum(answer is not None for answer in answers) in (4, 5, 6)


def test_a_late_plan_is_entered_where_it_is_by_now() -> None:
    stream = SetpointStream(spec_with("position"), WRIST)
    assert stream.follow(plan(0, 0.1, 0.2, 0.3), int(1.4 * PERIOD)) == pytest.approx([0.2])
    assert stream.follow(plan(0, 0.1, 0.2, 0.3), int(1.4 * PERIOD)) == pytest.approx([0.2]), "who missed it asks again"


def test_a_plan_that_is_out_of_date_is_not_sent() -> None:
    stream = SetpointStream(spec_with("position"), WRIST)
    assert stream.follow(plan(0, 0.1, 0.2), 5 * PERIOD) is None
    assert sent(stream, 5, 8) == []


def test_a_plan_for_later_waits_for_its_time() -> None:
    """A simulator's clock may be heard later than the observation that it belongs to."""
    stream = SetpointStream(spec_with("position"), WRIST)
    stream.follow(plan(0, 0.1, 0.1, 0.1), 0)
    assert stream.follow(plan(PERIOD, 0.7, 0.8), PERIOD // 2) is None
    assert sent(stream, 0.75, 2) == [(1.0, 0.7)]


def test_velocities_end_at_zero() -> None:
    stream = SetpointStream(spec_with("velocity"), WRIST)
    stream.follow(plan(0, 1.0, 1.0), 0)
    assert sent(stream, 0.25, 9) == [(1.25, 1.0), (2.25, 0.0)]
    assert stream.rest() is None, "it rests already"
    stream.follow(plan(20 * PERIOD, 1.0, 1.0), 20 * PERIOD)
    assert stream.rest() == pytest.approx([0.0])


def test_what_is_forgotten_is_not_sent() -> None:
    stream = SetpointStream(spec_with("position"), WRIST)
    stream.follow(plan(0, 0.1, 0.2, 0.3), 0)
    stream.forget()
    assert sent(stream, 1, 3) == []


def test_way_points_are_sampled_and_numbers_are_in_the_controllers_unit() -> None:
    output = WRIST.model_copy(update={"topic_scale": (0.5,), "topic_offset": (0.1,)})
    stream = SetpointStream(spec_with("position"), output)
    points = TrajectoryPoints(
        np.array([0, 4 * PERIOD]), np.array([[0.0, 0.0], [0.0, 0.4]]), np.empty((2, 0)), np.empty((2, 0))
    )
    assert stream.follow(ShapedPlan(0, points), 0) == pytest.approx([(0.1 - 0.1) / 0.5])
    (_, second), *_ = sent(stream, 0.25, 2)
    assert second == pytest.approx((0.225 - 0.1) / 0.5)


def test_states_are_no_single_set() -> None:
    spec = tiny_spec()
    command = spec.command.model_copy(update={"interface": "state"})
    with pytest.raises(RcdError, match="JointTrajectory"):
        SetpointStream(spec.model_copy(update={"command": command}), WRIST)


def test_a_part_of_the_command_has_its_joints_fields() -> None:
    channel = tiny_spec().command.model_copy(update={"lower": (-1.0, -3.0), "continuous": ("wrist",)})
    part = channel.part(("wrist",))
    assert (part.joints, part.lower, part.columns, part.continuous) == (("wrist",), (-3.0,), (1,), ("wrist",))
