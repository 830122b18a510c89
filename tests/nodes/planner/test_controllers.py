"""A task may have several controllers: each gets its joints, by its names, in its unit, in its message."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.errors import RcdError
from rcd_ros.nodes.planner.trajectory_outputs import TrajectoryOutputs
from rcd_ros.nodes.ros.raw import deserialize
from rcd_ros.planning.channels import CommandOutput, Interface
from rcd_ros.planning.execution.trajectory import ShapedPlan, TrajectoryPoints
from rcd_ros.planning.spec import TaskSpec
from tests.nodes.planner.planner_scene import PlannerScene
from tests.planning.tiny import tiny_manifest, tiny_spec, write_tiny

PERIOD = 100_000_000
ELBOW = CommandOutput(topic="joint_trajectory", joints=("elbow",), names=("left_elbow",))
WRIST = CommandOutput(topic="wrist/commands", message="Float64MultiArray", joints=("wrist",))


def split(*outputs: CommandOutput, interface: Interface = "velocity") -> TaskSpec:
    spec = tiny_spec()
    command = spec.command.model_copy(update={"outputs": outputs, "interface": interface})
    return spec.model_copy(update={"command": command})


class Sent:
    """Outputs without a node: what they publish by topic, on a clock that the test sets."""

    def __init__(self, spec: TaskSpec, joints: tuple[str, ...] = ()) -> None:
        self.now = 0
        self.messages: dict[str, list[Any]] = {}
        self.kinds: dict[str, Any] = {}
        self.outputs = TrajectoryOutputs(spec, self._publisher, joints, "gripper", lambda: self.now)

    def _publisher(self, kind: Any, topic: str) -> Any:
        self.kinds[topic] = kind
        return self.messages.setdefault(topic, []).append

    def plan(self, *rows: tuple[float, float], stamp: int = 0) -> None:
        """Positions (elbow, wrist), one row a control period; velocities are ten times as much."""
        values = np.array(rows)
        ends = np.arange(1, len(rows) + 1) * PERIOD
        points = TrajectoryPoints(ends, values, 10.0 * values, np.empty((len(rows), 0)))
        self.outputs.publish(self.outputs.write(ShapedPlan(stamp, points)))

    def trajectory(self, topic: str = "joint_trajectory") -> JointTrajectory:
        return deserialize(JointTrajectory, self.messages[topic][-1])


def test_each_controller_gets_its_joints_in_its_message() -> None:
    sent = Sent(split(ELBOW, WRIST, interface="position"))
    assert sent.kinds == {"joint_trajectory": JointTrajectory, "wrist/commands": Float64MultiArray}
    assert sent.outputs.needs_ticks
    sent.plan((0.1, 0.2), (0.3, 0.4))
    assert list(sent.trajectory().joint_names) == ["left_elbow"]
    assert [list(point.positions) for point in sent.trajectory().points] == [[0.1], [0.3]]
    sent.now = int(1.3 * PERIOD)
    sent.outputs.tick()
    assert [list(message.data) for message in sent.messages["wrist/commands"]] == [[0.2], [0.4]]


def test_positions_have_the_controllers_offset_and_velocities_only_its_unit() -> None:
    degrees = ELBOW.model_copy(update={"topic_scale": (np.pi / 180.0,), "topic_offset": (np.pi,)})
    sent = Sent(split(degrees, WRIST, interface="position"))
    sent.plan((np.pi / 2, 0.0))
    (point,) = sent.trajectory().points
    assert list(point.positions) == pytest.approx([-90.0])
    assert list(point.velocities) == pytest.approx([900.0])
    sent = Sent(split(degrees.model_copy(update={"topic_offset": ()}), WRIST))
    sent.plan((np.pi / 2, 0.0))
    assert list(sent.trajectory().points[0].velocities) == pytest.approx([900.0])


def test_a_state_has_names_and_a_stamp() -> None:
    sent = Sent(split(ELBOW, WRIST.model_copy(update={"message": "JointState", "names": ("w",)}), interface="position"))
    sent.plan((0.1, 0.2))
    (message,) = sent.messages["wrist/commands"]
    assert isinstance(message, JointState)
    assert (list(message.name), list(message.position), list(message.velocity)) == (["w"], [0.2], [])


def test_both_may_be_trajectories() -> None:
    sent = Sent(split(ELBOW, WRIST.model_copy(update={"message": "JointTrajectory"})))
    sent.plan((0.1, 0.2))
    assert not sent.outputs.needs_ticks
    assert [list(point.velocities) for point in sent.trajectory("wrist/commands").points] == [[2.0]]


@pytest.mark.parametrize(("interface", "after"), [("position", []), ("velocity", [0.0])])
def test_a_motion_that_is_forgotten_does_not_go_on(interface: Interface, after: list[float]) -> None:
    sent = Sent(split(ELBOW, WRIST, interface=interface))
    sent.plan((0.1, 0.2), (0.1, 0.1), (0.1, 0.15))
    sent.outputs.forget()
    for sent.now in (2 * PERIOD, 3 * PERIOD):
        sent.outputs.tick()
    assert [message.data[0] for message in sent.messages["wrist/commands"][1:]] == after


def test_a_velocity_ends_with_its_planner() -> None:
    sent = Sent(split(ELBOW, WRIST))
    sent.plan((0.1, 0.2), (0.1, 0.2))
    sent.outputs.close()
    assert [message.data[0] for message in sent.messages["wrist/commands"]] == [2.0, 0.0]


def test_a_task_that_says_where_its_joints_go_needs_no_parameter_for_it() -> None:
    with pytest.raises(RcdError, match="gripper_joints"):
        Sent(split(ELBOW, WRIST), joints=("wrist",))
    with pytest.raises(RcdError, match="JointTrajectory"):
        Sent(split(ELBOW, WRIST, interface="state"))


@pytest.fixture
def scene(domain: int, tmp_path: Path) -> Iterator[Any]:
    """A planner node whose wrist takes velocities value by value."""
    write_tiny(tmp_path / "split", tiny_manifest(split(ELBOW, WRIST)), gain=0.5)
    made: list[PlannerScene] = []

    def make(*arguments: str) -> PlannerScene:
        made.append(PlannerScene(tmp_path / "split", *arguments))
        made[-1].peer.listen(Float64MultiArray, "wrist/commands")
        made[-1].connect()
        made[-1].until(lambda: made[-1].peer.count_publishers("wrist/commands"), "the second controller")
        return made[-1]

    yield make
    for one in made:
        one.end()
    rclpy.try_shutdown()


def wrist_of(scene: PlannerScene) -> list[float]:
    return [message.data[0] for message in scene.peer.received["wrist/commands"]]


def test_a_planner_whose_robot_falls_silent_stops_both_controllers(scene: Any) -> None:
    here = scene()
    plan = here.plan()
    here.until(lambda: here.value("state") == "stale", "the plans to become stale")
    here.until(lambda: wrist_of(here)[-1:] == [0.0], "the last velocity")
    here.rest(0.5)
    sent = wrist_of(here)
    assert sent[-1] == 0.0 and 2 <= len(sent) <= 12, "the plan, a stop, and then nothing more"
    stops = [message for messages in here.peer.trajectories().values() for message in messages][-1]
    assert stops.header.stamp != plan.header.stamp and list(stops.points[-1].velocities) == [0.0]


def test_a_planner_that_is_stopped_leaves_no_controller_moving(scene: Any) -> None:
    here = scene()
    here.plan()
    here.until(lambda: wrist_of(here), "a value")
    assert here.node.trigger_deactivate() is not None
    here.node.trigger_cleanup()
    here.until(lambda: wrist_of(here)[-1] == 0.0, "the last velocity")


def test_a_fast_driver_is_planned_on_once_a_period(scene: Any) -> None:
    here = scene("trigger:=paced", "max_age:=5.0")
    first = time.time_ns()
    for k in range(50):  # 5 periods, ten observations in each
        here.show(first + k * PERIOD // 10)
        here.rest(0.005)
    here.until(lambda: first + 4 * PERIOD in here.peer.trajectories(), "the fifth plan")
    assert sorted(here.peer.trajectories()) == [first + k * PERIOD for k in range(5)]


def test_an_observation_that_was_passed_over_is_planned_on_where_somebody_waits_for_it(scene: Any) -> None:
    """A simulator in lockstep whose pace is another one shows it again and again."""
    here = scene("trigger:=paced", "max_age:=5.0")
    first = time.time_ns()
    here.plan(first)
    passed_over = first + PERIOD // 2
    for step in (2, 3, 4, 5):
        here.show(first + step * PERIOD // 10)
    here.until(
        lambda: here.show(passed_over) and here.rest(0.15) is None and passed_over in here.peer.trajectories(), "it"
    )
    here.plan(passed_over + PERIOD)


def test_a_slow_driver_is_planned_on_each_time(scene: Any) -> None:
    here = scene("trigger:=paced", "max_age:=5.0")
    first = time.time_ns() - 2_000_000_000
    for k in range(4):
        here.plan(first + k * 3 * PERIOD)


def test_a_best_effort_publisher_is_received_with_its_override(domain: int, tmp_path: Path) -> None:
    write_tiny(tmp_path / "tiny")
    topics = ("joint_states", "object_states")
    overrides = [f"qos_overrides./{topic}.subscription.reliability:=best_effort" for topic in topics]
    here = PlannerScene(tmp_path / "tiny", *overrides)
    try:
        for name, publisher in zip(("arm", "door"), topics, strict=True):
            here.peer.destroy_publisher(getattr(here, name))
            quality = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
            setattr(here, name, here.peer.create_publisher(JointState, publisher, quality))
        here.connect()
        here.until(lambda: here.show() and here.rest(0.05) is None and here.peer.trajectories(), "a plan")
    finally:
        here.end()
        rclpy.try_shutdown()
