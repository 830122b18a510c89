"""The planner node as a robot meets it: messages in, trajectories and diagnostics out, clear refusals."""

from __future__ import annotations

import itertools
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.nodes.ros.messages import joint_state, nanoseconds
from rcd_ros.planning.planner import Planner
from tests.nodes.conftest import Peer, Process

PERIOD = 100_000_000
ARM = ("elbow", "wrist")
Start = Callable[..., Process]


class Robot:
    """Publishes the tiny task's observations."""

    def __init__(self, peer: Peer) -> None:
        self.arm = peer.create_publisher(JointState, "joint_states", 10)
        self.scene = peer.create_publisher(JointState, "object_states", 10)
        peer.listen(JointTrajectory, "joint_trajectory")
        peer.until(lambda: self.arm.get_subscription_count() and self.scene.get_subscription_count(), "the planner")
        peer.until(lambda: peer.count_publishers("joint_trajectory"), "the planner's publisher")

    def show(self, stamp: int, values: tuple[float, ...], names: tuple[str, ...] = ARM) -> None:
        """Arm positions (2), arm velocities (2) and the door's position (1)."""
        positions, velocities, door = np.array(values[:2]), np.array(values[2:4]), np.array(values[4:])
        self.arm.publish(joint_state(stamp, names, positions, velocities))
        self.scene.publish(joint_state(stamp, ("door",), door, np.zeros(1)))


FIRST, SECOND = (0.1, 0.2, 0.3, 0.4, 0.5), (0.2, 0.1, -0.3, 0.0, 0.6)


def test_plans_are_published_as_the_contract_says(start: Start, peer: Peer, tiny: Path) -> None:
    process = start("planner_node", checkpoint=tiny, seed=7, engine="onnxruntime", use_sim_time=True)
    robot = Robot(peer)
    peer.listen(DiagnosticArray, "diagnostics")

    def ask(stamp: int, values: tuple[float, ...], answers: int = 1) -> JointTrajectory:
        robot.show(stamp, values)
        peer.until(lambda: len(peer.trajectories().get(stamp, [])) >= answers, f"the plan for {stamp}")
        return peer.trajectories()[stamp][-1]

    ask(PERIOD, FIRST)
    message = ask(2 * PERIOD, SECOND)
    planner = Planner.load(tiny, "onnxruntime", seed=7)
    planner.plan([FIRST, FIRST])
    chunk = planner.plan([FIRST, SECOND])
    assert list(message.joint_names) == list(ARM)
    assert [nanoseconds(point.time_from_start) for point in message.points] == [PERIOD * k for k in (1, 2, 3, 4)]
    assert np.array([list(point.velocities) for point in message.points]).tolist() == chunk.tolist()
    reached = np.array(SECOND[:2]) + np.cumsum(chunk, axis=0) * 0.1
    assert np.array([list(point.positions) for point in message.points]) == pytest.approx(reached)
    assert all(len(point.effort) == 0 for point in message.points)

    repeated = ask(2 * PERIOD, SECOND, answers=2)
    assert repeated == message, "an observation that is shown again is answered by the same plan"

    robot.show(3 * PERIOD, (np.nan, *SECOND[1:]))
    after = ask(4 * PERIOD, SECOND)
    assert (
        np.array([list(point.velocities) for point in after.points]).tolist() == planner.plan([SECOND, SECOND]).tolist()
    )
    assert 3 * PERIOD not in peer.trajectories()

    def status() -> dict[str, str]:
        messages = peer.received["diagnostics"]
        return {value.key: value.value for value in messages[-1].status[0].values} if messages else {}

    peer.until(lambda: status().get("plans") == "3", "diagnostics")
    assert status()["checkpoint_sha256"] == planner.sha256
    assert (status()["seed"], status()["counter"], status()["engine"]) == ("7", "3", "onnxruntime")
    assert status()["dropped: not finite"] == "1"
    assert float(status()["plan_ms_p99"]) >= float(status()["plan_ms_p50"]) > 0.0
    assert process.interrupt() == 0


def test_another_robot_is_told_of_and_waited_for_to_be_replaced(start: Start, peer: Peer, tiny: Path) -> None:
    """Other nodes may publish on the same topic: nothing ends, and nothing is planned, until the right joints come."""
    process = start("planner_node", checkpoint=tiny, max_age=1e10, deadline=1e10)
    robot = Robot(peer)
    peer.listen(DiagnosticArray, "diagnostics")
    for count in (1, 2, 3):
        robot.show(count * PERIOD, FIRST, names=("shoulder", "wrist"))
    sentence = (
        "the planner needs joints ['elbow', 'wrist'] on 'joint_states', the robot publishes ['shoulder', 'wrist']"
    )
    peer.until(lambda: statuses(peer).get("planner: planning", ("", ""))[1].startswith(sentence), "the diagnostics")
    assert (
        statuses(peer)["planner: planning"][0] == statuses(peer)["planner: observations"][0] == DiagnosticStatus.ERROR
    )
    assert peer.received["joint_trajectory"] == []
    peer.until(lambda: sentence in process.output, "the log")
    robot.show(4 * PERIOD, FIRST)
    peer.until(lambda: 4 * PERIOD in peer.trajectories(), "the plan for the right robot")
    more = itertools.count(5)

    def plans_on() -> bool:
        time.sleep(0.05)
        robot.show(next(more) * PERIOD, FIRST)  # what stops coming is stale, and reported as such
        return statuses(peer)["planner: planning"][0] == DiagnosticStatus.OK

    peer.until(plans_on, "good news")
    assert process.output.count(sentence) == 1
    assert "Traceback" not in process.output


def statuses(peer: Peer) -> dict[str, tuple[bytes, str]]:
    """Level and message of each status in the newest diagnostics."""
    messages = peer.received["diagnostics"]
    return {status.name: (status.level, status.message) for status in messages[-1].status} if messages else {}


def test_old_observations_are_not_planned_on(start: Start, peer: Peer, tiny: Path) -> None:
    """Without use_sim_time a simulator's stamps are decades old; the planner says what to do about it."""
    process = start("planner_node", checkpoint=tiny)
    Robot(peer).show(PERIOD, FIRST)
    peer.until(lambda: "use_sim_time:=true" in process.output, "the warning")
    assert peer.received["joint_trajectory"] == []


def test_planning_by_timer(start: Start, peer: Peer, tiny: Path) -> None:
    start("planner_node", checkpoint=tiny, trigger="timer", rate=20.0, max_age=1e10)
    Robot(peer).show(PERIOD, FIRST)
    peer.until(lambda: PERIOD in peer.trajectories(), "a plan")


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "'checkpoint'.*''"),
        ({"checkpoint": "{tmp}/nowhere"}, "/nowhere'"),
        ({"checkpoint": "{tmp}/flipped"}, r"/flipped/student\.onnx'.*SHA-256"),
        ({"checkpoint": "{tmp}/tiny", "engine": "abacus"}, "'abacus'"),
        ({"checkpoint": "{tmp}/tiny", "seed": "many"}, "'seed'.*'many'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    start: Start, tiny: Path, tmp_path: Path, parameters: dict[str, str], named: str
) -> None:
    shutil.copytree(tiny, tmp_path / "flipped")
    content = bytearray((tiny / "student.onnx").read_bytes())
    content[100] ^= 1
    (tmp_path / "flipped" / "student.onnx").write_bytes(content)
    process = start("planner_node", **{name: value.format(tmp=tmp_path) for name, value in parameters.items()})
    assert process.wait() == 2
    assert re.search(named, process.output)
    assert len(process.output.splitlines()) == 1
