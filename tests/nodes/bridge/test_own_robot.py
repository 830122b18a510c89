"""A robot that only its task file describes, over topics: sensors like real ones, two controllers, a planner."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.nodes.recorder import RECORDER
from rcd_ros.nodes.ros.messages import nanoseconds
from rcd_ros.resources import find_resource
from tests.nodes.conftest import Peer, Process
from tests.planning.tiny import tiny_manifest, write_tiny

pytest.importorskip("rcd_ros.simulation.mujoco_library")
from rcd_ros.tasks.catalogue import get_task

PUSH = find_resource("config/tasks/push.yaml")
MS = 1_000_000
SENSORS: dict[str, Any] = {
    "sensor_rates": "[joint_states=100, camera/block=10]",
    "sensor_delays": "[camera/block=0.035]",
    "sensor_velocities": False,
}


@pytest.fixture
def planner(tmp_path: Path) -> Path:
    """A planner for the arm that moves it a little, whatever it sees."""
    spec = get_task("push").spec
    manifest = tiny_manifest(spec, history=1, horizon=8, execute=4)
    lower, upper = np.array(spec.command.lower), np.array(spec.command.upper)
    middle = {"command_mean": tuple(0.5 * (lower + upper)), "command_std": tuple(0.01 * (upper - lower))}
    normalizer = manifest.normalizer.model_copy(update=middle)
    write_tiny(tmp_path / "planner", manifest.model_copy(update={"normalizer": normalizer}), gain=0.02)
    return tmp_path / "planner"


@pytest.mark.parametrize("peer", [RECORDER], indirect=True)  # for whom the bridge waits: an episode is soon over
def test_the_planner_drives_it_on_sensors_that_are_imitated(
    start: Callable[..., Process], peer: Peer, planner: Path, tmp_path: Path
) -> None:
    arms, grippers, blocks = (peer.received.setdefault(name, []) for name in ("joint_states", "gripper/state", "block"))
    peer.listen(Clock, "clock")
    peer.listen(JointState, "joint_states", "gripper/state")
    peer.create_subscription(PoseStamped, "camera/block", blocks.append, 100)
    peer.listen(JointTrajectory, "arm_controller/joint_trajectory")
    peer.listen(Float64MultiArray, "gripper_controller/commands")
    results = tmp_path / "results.json"
    node = start(
        "planner_node",
        checkpoint=planner,
        use_sim_time=True,
        trigger="paced",
        mode="chunk",
        execute=0,
        engine="onnxruntime",
    )
    # The episode takes less time than two processes may need to discover each other.
    outputs = "arm_controller/joint_trajectory", "gripper_controller/commands"
    peer.until(lambda: all(map(peer.count_publishers, outputs)), "the planner's publishers")
    bridge = start(
        "mujoco_bridge_node",
        task=PUSH,
        episodes=1,
        episode_steps=12,
        shutdown_when_done=True,
        results=results,
        wait_for_recorder=20.0,
        **SENSORS,
    )
    peer.until(results.exists, "the results")
    assert bridge.wait() == 0, bridge.output
    commands, trajectories = (peer.received[name] for name in reversed(outputs))
    peer.until(
        lambda: arms and grippers and blocks and commands and trajectories, "messages that still wait to be taken"
    )
    node.interrupt()
    driven = json.loads(results.read_text())
    (episode,) = driven["episode_results"]
    assert (episode["steps"], episode["held_steps"]) == (12 * 5, 0)
    assert driven["plans_refused"] == {}
    assert driven["planner"] is None or driven["planner"]["plans"] <= 12

    stamps = np.unique([nanoseconds(message.header.stamp) for message in arms])
    assert set(np.diff(stamps)) == {10 * MS}
    assert not any(message.velocity or "gripper_joint" in message.name for message in arms)
    assert all(list(message.name) == ["gripper_joint"] for message in grippers)
    taken = np.unique([nanoseconds(message.header.stamp) for message in blocks])
    assert set(np.diff(taken)) == {100 * MS}
    assert {message.header.frame_id for message in blocks} == {"base"}

    assert all("gripper_joint" not in message.joint_names for message in trajectories)
    assert all(len(message.data) == 1 for message in commands)
    assert 0 < len(commands) <= 16, "one set a control period, and some for a first one that was missed"


def test_sensors_of_a_task_that_is_no_file_cannot_be_finer(start: Callable[..., Process], peer: Peer) -> None:
    peer.listen(DiagnosticArray, "diagnostics")
    bridge = start(
        "mujoco_bridge_node",
        model=find_resource("models/mjcf/small_arm.xml"),
        sensor_rates="[joint_states=100]",
    )
    assert bridge.wait() == 2
    assert "task file" in bridge.output and len(bridge.output.splitlines()) == 1
