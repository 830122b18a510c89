"""What a planner waits for is said in its diagnostics, on genuine rclpy; joints are gathered; empty lists are lists."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from rcd_ros.nodes.ros.messages import joint_state
from rcd_ros.nodes.ros.quiet_log import QuietLog
from rcd_ros.nodes.ros.unused_parameters import warn_of_unknown, warn_of_unread_files
from tests.nodes.planner.planner_scene import HOME

Make = Callable[..., Any]


def message_of(scene: Any, word: str) -> Any:
    """The status of the observations as soon as its message has this word."""
    scene.until(lambda: (status := scene.status("observations")) and word in status.message, word)
    return scene.status("observations")


def test_stamps_too_far_apart_are_waited_for_with_the_parameter_that_allows_them(planner_scene: Make) -> None:
    scene = planner_scene()
    scene.connect()

    def show() -> int:
        stamp = time.time_ns()
        scene.arm.publish(joint_state(stamp, ("elbow", "wrist"), np.array(HOME[:2]), np.array(HOME[2:4])))
        scene.door.publish(joint_state(stamp - 35_000_000, ("door",), np.array(HOME[4:]), np.zeros(1)))
        scene.rest(0.05)
        return stamp

    scene.until(
        lambda: show() and (status := scene.status("observations")) and "stamp_tolerance" in status.message,
        "the reason",
    )
    status = scene.status("observations")
    assert status.level != DiagnosticStatus.OK
    assert "35 ms" in status.message and "object_states" in status.message
    assert scene.value("state") == "waiting"
    assert scene.set(stamp_tolerance=0.05).successful
    shown = {show() for _ in range(5)}
    scene.until(lambda: shown & set(scene.peer.trajectories()), "a plan")


def test_a_best_effort_publisher_is_named_with_the_override_that_receives_it(planner_scene: Make) -> None:
    scene = planner_scene()
    scene.peer.destroy_publisher(scene.arm)
    scene.peer.create_publisher(
        JointState, "joint_states", QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    )
    status = message_of(scene, "best effort")
    assert "qos_overrides./joint_states.subscription.reliability" in status.message


def test_another_message_type_is_named(planner_scene: Make) -> None:
    scene = planner_scene()
    scene.peer.destroy_publisher(scene.arm)
    apart = Context()  # one participant cannot have two types of a topic
    rclpy.init(context=apart)
    camera = Node("camera", context=apart)
    camera.create_publisher(PoseStamped, "joint_states", 5)
    try:
        assert "geometry_msgs/msg/PoseStamped" in message_of(scene, "PoseStamped").message
    finally:
        camera.destroy_node()
        rclpy.shutdown(context=apart)


def test_joints_of_two_publishers_without_velocities_are_planned_on(planner_scene: Make) -> None:
    scene = planner_scene("stamp_tolerance:=0.02")
    scene.connect()
    shown = set()
    for _ in range(8):
        stamp = time.time_ns()
        for name, position in (("elbow", 0.1), ("wrist", 0.2)):
            scene.arm.publish(joint_state(stamp, (name,), np.array([position]), np.empty(0)))
        scene.arm.publish(joint_state(stamp, ("wheel",), np.zeros(1), np.zeros(1)))
        scene.door.publish(joint_state(stamp, ("door",), np.zeros(1), np.empty(0)))
        shown.add(stamp)
        scene.rest(0.05)
    scene.until(lambda: shown & set(scene.peer.trajectories()), "a plan")
    scene.until(lambda: scene.value("dropped: joint_states: other joints", "observations"), "the count with its topic")
    assert scene.value("velocities: joint_states", "observations")


@pytest.mark.parametrize(
    ("positions", "reason"), [([0.1], "wrong sizes"), ([0.1, float("nan")], "not finite")], ids=["sizes", "NaN"]
)
def test_messages_that_cannot_be_used_are_named_by_their_topic(
    planner_scene: Make, positions: list[float], reason: str
) -> None:
    """Pins: the topic was called never heard, and the count told no topic."""
    scene = planner_scene()
    scene.connect()

    def show() -> str | None:
        stamp = time.time_ns()
        scene.arm.publish(joint_state(stamp, ("elbow", "wrist"), np.array(positions), np.zeros(2)))
        scene.door.publish(joint_state(stamp, ("door",), np.zeros(1), np.zeros(1)))
        scene.rest(0.05)
        return scene.value(f"dropped: joint_states: {reason}", "observations")

    scene.until(show, "the count with its topic")
    message = scene.status("observations").message
    assert "joint_states" in message and reason in message
    assert "object_states" not in message
    assert not any(words in message for words in ("nobody publishes", "never heard"))


def test_an_episode_that_begins_leaves_nothing_to_be_braked(planner_scene: Make) -> None:
    """A stop of the motion from before would move a robot that was put elsewhere."""
    scene = planner_scene()
    scene.connect()
    scene.plan()
    client = scene.peer.create_client(Trigger, "planner/begin_episode")
    scene.until(client.service_is_ready, "the service")
    assert scene.answer(client.call_async(Trigger.Request()))[0]
    scene.node.trigger_deactivate()
    scene.rest(0.2)
    assert len(scene.peer.received["joint_trajectory"]) == 1


def test_empty_lists_have_their_type_and_unknown_parameters_are_named(planner_scene: Make, tmp_path: Any) -> None:
    scene = planner_scene("range_hodl:=5.0")
    kinds = {
        "max_ages": Parameter.Type.STRING_ARRAY,
        "limits.velocity": Parameter.Type.DOUBLE_ARRAY,
        "gripper_joints": Parameter.Type.STRING_ARRAY,
        "cpu_affinity": Parameter.Type.INTEGER_ARRAY,
    }
    for name, kind in kinds.items():
        assert scene.node.get_parameter(name).type_ == kind
        assert scene.node.describe_parameter(name).type == kind.value
    said: list[str] = []
    scene.node.get_logger = lambda: type("Log", (), {"warning": staticmethod(said.append)})
    warn_of_unknown(scene.node)
    assert len(said) == 1 and "range_hodl" in said[0] and "'range_hold'" in said[0]


@pytest.mark.parametrize(
    ("name", "is_told"),
    [("planner", False), ("/robot/planner", False), ("/**", False), ("camera", False), ("planer", True)],
)
def test_a_parameter_file_for_a_misspelt_node_is_named(
    planner_scene: Make, tmp_path: Any, name: str, is_told: bool
) -> None:
    file = tmp_path / "robot.yaml"
    file.write_text(f"{name}: {{ros__parameters: {{range_hold: 5.0}}}}")
    scene = planner_scene()
    said: list[str] = []
    scene.node.get_logger = lambda: type("Log", (), {"warning": staticmethod(said.append)})
    warn_of_unread_files(scene.node, ["planner_node", "--ros-args", "--params-file", str(file)])
    assert [name in sentence and str(file) in sentence for sentence in said] == [True] * is_told


@pytest.mark.parametrize("name", ["max_ages", "limits.velocity", "gripper_joints", "cpu_affinity"])
def test_an_empty_list_of_a_parameter_file_starts_the_planner(
    planner_scene: Make, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A file's `[]` arrives as no value at all."""
    scene = planner_scene(f"{name}:=[]")
    assert list(scene.node.get_parameter(name).value) == []


def test_reasons_that_alternate_are_each_logged_once_in_a_period() -> None:
    said: list[str] = []
    log = QuietLog(type("Log", (), {"warning": staticmethod(said.append)}), period=1000.0)
    for count in range(100):
        log.warning(f"'a' is {count} s old")
        log.warning(f"the stamps differ by {count} ms")
    assert len(said) == 2
