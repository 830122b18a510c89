"""Recorded plans planned again: same seed and counter, same plan; and what is said where that cannot be known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rcd_ros.data.bags.bag import Bag, nanoseconds
from rcd_ros.data.bags.topics import TaskTopics
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.bag_plans import RecordedPlans
from rcd_ros.evaluation.bag_replay import BagReplay, replay
from rcd_ros.planning.execution.trajectory import TrajectoryMaker
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.planner import Planner
from tests.data.bags.bag_files import ARM, PERIOD, Event, header, observe, report, trajectory, write_bag
from tests.planning.tiny import tiny_manifest, tiny_spec, write_tiny

SPEC = tiny_spec()


@pytest.fixture
def planner(tmp_path: Path) -> Planner:
    write_tiny(tmp_path / "planner")
    return Planner.load(tmp_path / "planner", "onnxruntime")


class Robot:
    """Makes the messages of a run as the planner node and its robot would."""

    def __init__(self, planner: Planner, seed: int, counter: int = 0) -> None:
        self.events: list[Event] = []
        self.planner = planner
        self.assembler = ObservationAssembler(SPEC, planner.history)
        self.noise = seed, counter
        self.last = -1

    def drive(self, steps: Sequence[int], begin: int = 0) -> Robot:
        """Observe and plan at these steps."""
        self.planner.reset(self.noise[0])
        self.planner.counter = self.noise[1]
        for step in steps:
            values = np.sin(np.arange(5) + step).tolist()
            stamp, time = step * PERIOD, begin + step * PERIOD
            self.events += observe(time, stamp, values)
            self.assembler.joint_state("joint_states", stamp, ARM, values[:2], values[2:4])
            observation = self.assembler.joint_state("object_states", stamp, ["door"], values[4:], [0.0])
            assert observation is not None
            points = TrajectoryMaker(SPEC).points(self.planner.plan(observation.history), observation.history[-1])
            self.events.append(trajectory(time + 10, stamp, points.velocities, points.positions))
            self.last = stamp
        self.noise = self.planner.seed, self.planner.counter
        return self

    def report(self, time: int, **values: object) -> Robot:
        """What the planner's diagnostics say at this time."""
        known = {"checkpoint_sha256": self.planner.sha256, "engine": "onnxruntime"}
        self.events.append(
            report(
                time, **(known | {"seed": self.noise[0], "counter": self.noise[1], "plan_stamp": self.last} | values)
            )
        )
        return self


def replayed(tmp_path: Path, events: Sequence[Event], planner: Planner, **options: Any) -> BagReplay:
    bag = Bag(write_bag(tmp_path / "bag", events))
    return replay(RecordedPlans(bag, TaskTopics(bag, SPEC, None, {})), planner, **options)


def test_a_run_is_planned_again_exactly(planner: Planner, tmp_path: Path) -> None:
    robot = Robot(planner, seed=7).drive(range(10)).report(10 * PERIOD).drive(range(10, 20))
    result = replayed(tmp_path, robot.events, planner)
    assert result.outcome == "same" and result.largest_difference == 0.0
    assert [(plan.seed, plan.counter) for plan in result.plans] == [(7, counter) for counter in range(20)]
    assert (result.recorded_sha256, result.recorded_engine) == (planner.sha256, "onnxruntime")


def test_without_diagnostics_the_counters_are_found(planner: Planner, tmp_path: Path) -> None:
    robot = Robot(planner, seed=7, counter=40).drive(range(5))
    assert replayed(tmp_path / "a", robot.events, planner, seed=7).outcome == "same"
    other = replayed(tmp_path / "b", robot.events, planner)
    assert other.outcome == "different" and other.count()["different"] == 4, "seed 0 is tried, which is another"


def test_a_recording_from_the_midst_of_a_run(planner: Planner, tmp_path: Path) -> None:
    """The first plan's history is not in the bag; the report tells which counter is which."""
    robot = Robot(planner, seed=1, counter=5000).drive(range(10)).report(10 * PERIOD)
    result = replayed(tmp_path, [event for event in robot.events if event[0] >= 3 * PERIOD], planner)
    assert [plan.verdict for plan in result.plans] == ["not comparable", *["same"] * 6]
    assert "lacks a part of its history" in result.plans[0].reason
    assert result.plans[1].counter == 5004 and result.outcome == "same"


def test_lost_messages_do_not_shift_the_counters(planner: Planner, tmp_path: Path) -> None:
    """A lost plan takes its counter with it; a lost observation leaves its plan without one."""
    events = Robot(planner, seed=1, counter=100).drive(range(12)).report(12 * PERIOD).events
    del events[3 * 8], events[3 * 4 + 2]
    result = replayed(tmp_path, events, planner)
    assert [plan.counter for plan in result.plans] == [100, 101, 102, 103, 105, 106, 107, None, None, 110, 111]
    assert result.outcome == "incomplete" and sum(result.not_compared.values()) == 2
    assert "not in the bag" in result.plans[7].reason
    assert "lacks a part of its history" in result.plans[8].reason


def test_a_seed_that_changes_while_running(planner: Planner, tmp_path: Path) -> None:
    first = Robot(planner, seed=1).drive(range(5)).report(5 * PERIOD - 1)
    second = Robot(planner, seed=2, counter=300)
    second.assembler = first.assembler
    second.drive(range(5, 10)).report(10 * PERIOD)
    result = replayed(tmp_path, [*first.events, *second.events], planner)
    assert result.outcome == "same"
    assert [plan.seed for plan in result.plans] == [1] * 5 + [2] * 5


@pytest.mark.parametrize("late", [-1, 1])
def test_a_report_in_the_midst_of_a_plan_is_one_off(planner: Planner, tmp_path: Path, late: int) -> None:
    robot = Robot(planner, seed=1, counter=70).drive(range(3)).report(3 * PERIOD - 1, counter=73 + late, plan_stamp=-1)
    result = replayed(tmp_path, robot.drive(range(3, 6)).events, planner)
    assert [plan.counter for plan in result.plans] == list(range(70, 76))


def test_the_order_in_which_topics_were_recorded_does_not_matter(planner: Planner, tmp_path: Path) -> None:
    """A recorder without times of sending may have a plan before the observation it was made from."""
    events = Robot(planner, seed=1).drive(range(1, 7)).events
    hasty = [
        (time - 50 if kind.endswith("JointTrajectory") else time, topic, kind, m) for time, topic, kind, m in events
    ]
    assert replayed(tmp_path, hasty, planner, seed=1).outcome == "same"


def test_plans_asked_for_again_and_a_clock_that_begins_anew(planner: Planner, tmp_path: Path) -> None:
    robot = Robot(planner, seed=3).drive(range(100, 104))
    again = [(time + 20, *rest) for time, *rest in robot.events[-3:]]
    robot.events += again
    robot.drive(range(4), begin=110 * PERIOD).report(120 * PERIOD)
    result = replayed(tmp_path, robot.events, planner)
    assert result.outcome == "same" and len(result.plans) == 8
    assert result.clock_restarts == 1


def test_a_difference_is_found_and_sized(planner: Planner, tmp_path: Path) -> None:
    events = Robot(planner, seed=1).drive(range(6)).report(6 * PERIOD).events
    events[3 * 2 + 2][3].points[1].velocities[0] += 1e-3
    events[3 * 3 + 2][3].points[1].velocities[0] += 1e-7
    events[3 * 4 + 2][3].points.pop()
    events[3 * 5 + 2][3].points[0].velocities[1] = np.nan
    result = replayed(tmp_path, events, planner)
    assert [plan.verdict for plan in result.plans] == ["same", "same", "different", "same", "different", "different"]
    assert result.plans[2].difference == pytest.approx(1e-3)
    assert (result.plans[4].difference, result.plans[5].difference) == (None, None)
    assert result.plans[4].reason == "other joints, points or times"
    assert result.outcome == "different" and result.largest_difference is None


def test_some_of_the_joints_in_another_order_are_compared(planner: Planner, tmp_path: Path) -> None:
    events = Robot(planner, seed=1).drive(range(3)).events
    for _, _, kind, message in events:
        if kind.endswith("JointTrajectory"):
            message.joint_names = ["wrist"]
            for point in message.points:
                point.velocities, point.positions = point.velocities[1:], point.positions[1:]
    assert replayed(tmp_path, events, planner, seed=1).outcome == "same"


def test_a_bag_without_plans_is_refused(planner: Planner, tmp_path: Path) -> None:
    events = [event for event in Robot(planner, seed=1).drive(range(3)).events if "trajectory" not in event[1]]
    with pytest.raises(RcdError, match="'/joint_trajectory'"):
        replayed(tmp_path, events, planner)


def late(events: Sequence[Event], by: int = 30_000_000) -> list[Event]:
    """The same messages; those of the door have stamps that are so much older (ns), as a camera's are."""
    for _, topic, _, message in events:
        if topic == "/object_states":
            message.header.stamp = header(nanoseconds(message.header.stamp) - by).stamp
    return list(events)


def test_perception_stamped_before_the_joints_needs_a_tolerance_and_that_is_said(
    planner: Planner, tmp_path: Path
) -> None:
    """Pins: "1 same, 39 not comparable" was told as if all were the same."""
    events = late(Robot(planner, seed=1).drive(range(10, 20)).report(20 * PERIOD).events)
    result = replayed(tmp_path / "a", events, planner)
    assert result.outcome == "incomplete" and result.count()["same"] == 0
    assert sum(result.not_compared.values()) >= 8
    assert "30 ms behind" in result.missing and "stamp_tolerance to 0.03" in result.missing
    assert replayed(tmp_path / "b", events, planner, stamp_tolerance=0.03).outcome == "same"


def test_the_tolerance_is_the_planners_own_where_it_is_known(planner: Planner, tmp_path: Path) -> None:
    told = late(Robot(planner, seed=1).drive(range(10, 20)).report(20 * PERIOD, stamp_tolerance=0.05).events)
    assert replayed(tmp_path / "told", told, planner).outcome == "same", "by its diagnostics"
    events = late(Robot(planner, seed=1).drive(range(10, 20)).report(20 * PERIOD).events)
    spec = SPEC.model_copy(update={"tolerance": 0.03})
    write_tiny(tmp_path / "tolerant", tiny_manifest(spec))
    tolerant = Planner.load(tmp_path / "tolerant", "onnxruntime")
    assert replayed(tmp_path / "by-task", events, tolerant).outcome == "same", "by its task"
