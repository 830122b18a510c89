"""A bridge and a planner that do not belong together: said in one sentence that names both, not waited for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSProfile, ReliabilityPolicy
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from rcd_ros.nodes.bridge.planner_peer import PlannerPeer
from rcd_ros.nodes.ros.messages import Status, diagnostic_array
from tests.nodes.conftest import Peer, Process
from tests.planning.tiny import tiny_spec

Start = Callable[..., Process]


def peer_of(any_task: bool = False) -> PlannerPeer:
    node: Any = SimpleNamespace(create_client=lambda *_, **__: None)
    return PlannerPeer(node, "planner", tiny_spec(), any_task, lambda: None)


def told(message: str = "OK", name: str = "planner", **values: object) -> DiagnosticArray:
    status = Status("planning", b"\0", message, {"state": "planning", **values})
    return diagnostic_array(0, f"/{name}", "", [status])


def test_a_planner_of_this_task_and_period_is_taken() -> None:
    assert peer_of().read_diagnostics(told(task="tiny", control_period=0.1)) == ""


def test_a_planner_of_another_task_is_named() -> None:
    problem = peer_of().read_diagnostics(told(task="maze-umaze", control_period=0.1))
    assert "'maze-umaze'" in problem and "'tiny'" in problem
    assert peer_of(any_task=True).read_diagnostics(told(task="maze-umaze", control_period=0.1)) == ""


@pytest.mark.parametrize("any_task", [False, True])
def test_another_control_period_is_named(any_task: bool) -> None:
    problem = peer_of(any_task).read_diagnostics(told(task="tiny", control_period=0.05))
    assert "0.05 s" in problem and "0.1 s" in problem


@pytest.mark.parametrize("values", [{}, {"task": "", "control_period": "soon"}])
def test_what_says_nothing_of_its_task_is_taken(values: dict[str, object]) -> None:
    assert peer_of().read_diagnostics(told(**values)) == ""


@pytest.mark.parametrize("name", ["planner2", "my_planner", "left/my_planner"])
def test_other_nodes_are_passed_over(name: str) -> None:
    assert peer_of().read_diagnostics(told(name=name, task="maze-umaze")) == ""


def test_why_the_planner_does_not_plan_is_kept_until_it_does() -> None:
    peer = peer_of()
    peer.read_diagnostics(told("'joint_states' lacks joints", state="waiting"))
    assert "lacks joints" in peer.message
    peer.read_diagnostics(told())
    assert peer.message == ""


def test_a_bridge_leaves_a_planner_of_another_task(start: Start, tiny: Path, tmp_path: Path) -> None:
    """Pins: it waited half a minute, asked whether a planner was running, and left results of no episodes."""
    pytest.importorskip("gymnasium_robotics")
    bridge = start("kitchen_bridge_node", shutdown_when_done=True, plan_timeout=300.0)
    start("planner_node", checkpoint=tiny, use_sim_time=True)
    assert bridge.wait() == 2, bridge.output
    assert "'tiny'" in bridge.output and "'kitchen'" in bridge.output
    assert "Traceback" not in bridge.output


def test_trajectories_that_were_refused_are_not_taken_for_silence(start: Start, peer: Peer) -> None:
    pytest.importorskip("gymnasium_robotics")
    publisher = peer.create_publisher(JointTrajectory, "joint_trajectory", 10)
    bridge = start("kitchen_bridge_node", shutdown_when_done=True, plan_timeout=3.0)

    def refused() -> bool:
        publisher.publish(JointTrajectory(joint_names=["shoulder"], points=[JointTrajectoryPoint(velocities=[0.1])]))
        return "were refused" in bridge.output

    peer.until(refused, "the bridge's end")
    assert bridge.wait() == 2
    assert "were refused" in bridge.output and "joint_trajectory" in bridge.output
    assert "ROS_DOMAIN_ID" not in bridge.output


def test_a_planner_that_publishes_best_effort_is_named_with_the_override_that_receives_it(
    start: Start, peer: Peer
) -> None:
    pytest.importorskip("gymnasium_robotics")
    profile = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    peer.create_publisher(JointTrajectory, "joint_trajectory", profile)
    bridge = start("kitchen_bridge_node", shutdown_when_done=True, plan_timeout=3.0)
    peer.until(lambda: "no plan arrived" in bridge.output, "the bridge's end")
    assert bridge.wait() == 2
    assert "qos_overrides./joint_trajectory.subscription.reliability" in bridge.output
    assert "ROS_DOMAIN_ID" not in bridge.output
