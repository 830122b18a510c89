"""The general bridge as others meet it: our small arm over real processes and messages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from visualization_msgs.msg import MarkerArray

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.episodes import GAP
from rcd_ros.nodes.ros.messages import nanoseconds, time_message
from rcd_ros.resources import find_resource
from tests.nodes.conftest import PATIENCE, Peer, Process

pytest.importorskip("rcd_ros.simulation.mujoco_library")
from rcd_ros.simulation.drawing.rendering import SceneRenderer
from rcd_ros.simulation.mujoco_library import mujoco

ARM = find_resource("models/mjcf/small_arm.xml")
JOINTS = ("shoulder_pan", "shoulder_lift", "elbow", "finger")
PERIOD = 20_000_000
Start = Callable[..., Process]
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Arm:
    """A bridge with the small arm, and the test's ways to talk to it."""

    def __init__(self, start: Start, peer: Peer, **parameters: object) -> None:
        peer.listen(JointState, "joint_states")
        peer.listen(ClockMessage, "clock")
        peer.listen(DiagnosticArray, "diagnostics")
        self._peer = peer
        self._publisher = peer.create_publisher(JointTrajectory, "joint_trajectory", 10)
        how = {"mode": "realtime", "wait_for_planner": False, "episodes": 0, "keyframe": "home"}
        self.bridge = start("mujoco_bridge_node", **{"model": ARM, **how, **parameters})
        peer.until(lambda: peer.received["joint_states"] and self._publisher.get_subscription_count(), "the bridge")

    @property
    def time(self) -> int:
        return nanoseconds(self._peer.received["clock"][-1].clock)

    def positions(self) -> list[float]:
        return list(self._peer.received["joint_states"][-1].position)

    def call(self, kind: Any, service: str, **fields: object) -> Any:
        return self._peer.call(kind, f"/mujoco_bridge/{service}", **fields)

    def send(
        self,
        pan: float = 0.0,
        stamp: int = 0,
        names: tuple[str, ...] = JOINTS,
        effort: tuple[float, ...] = (0.0,) * 4,
        points: int = 1,
        seconds: float = 1.0,
    ) -> None:
        """Command the pan joint, the others staying at home; without a stamp from now on."""
        message = JointTrajectory(joint_names=list(names))
        message.header.stamp = time_message(stamp)
        for k in range(points):
            point = JointTrajectoryPoint(positions=[pan, 0.4, 1.2, 0.0], effort=list(effort))
            point.time_from_start.sec, nanoseconds_left = divmod(round((k + 1) * seconds / points * 1e9), 10**9)
            point.time_from_start.nanosec = nanoseconds_left
            message.points.append(point)
        self._publisher.publish(message)

    def pause(self, paused: bool) -> Any:
        return self.call(SetBool, "pause", data=paused)

    def step(self, steps: int) -> Any:
        assert self.set("steps", type=2, integer_value=steps).successful
        return self.call(Trigger, "step")

    def reset(self, start: str) -> Any:
        assert self.set("reset_to", type=4, string_value=start).successful
        return self.call(Trigger, "reset")

    def set(self, name: str, **value: object) -> Any:
        """Set a parameter of the bridge; returns the result."""
        request = [ParameterMessage(name=name, value=ParameterValue(**value))]
        return self.call(SetParameters, "set_parameters", parameters=request).results[0]


def test_the_arm_is_paused_stepped_commanded_and_reset_by_request(start: Start, peer: Peer) -> None:
    """Steps are exact, and done when they are answered; what cannot be is answered, and the bridge lives on."""
    peer.listen(Odometry, "block/odometry")
    arm = Arm(start, peer)
    state = peer.received["joint_states"][0]
    assert tuple(state.name) == (*JOINTS, "right_finger_mimic")
    assert nanoseconds(state.header.stamp) >= GAP
    peer.until(lambda: peer.received["block/odometry"], "the block")
    assert peer.received["block/odometry"][0].pose.pose.position.x == pytest.approx(0.35, abs=1e-3)

    assert "not paused" in arm.step(1).message
    assert arm.pause(True).success
    assert not arm.set("steps", type=2, integer_value=0).successful
    assert arm.step(1).success
    before = arm.time
    assert arm.step(25).success
    peer.until(lambda: arm.time == before + 25 * PERIOD, "25 steps")

    peer.until(lambda: "accepted" in peer.status("mujoco_bridge: commands"), "the diagnostics")
    accepted = int(peer.status("mujoco_bridge: commands")["accepted"])
    arm.send(pan=0.6, effort=(0.0, 0.0, 0.0, -3.0), points=20, seconds=10.0)
    peer.until(lambda: int(peer.status("mujoco_bridge: commands")["accepted"]) > accepted, "the command")
    assert arm.step(100).success
    peer.until(lambda: arm.time == before + 125 * PERIOD, "100 more")
    assert arm.positions()[0] == pytest.approx(0.6, abs=0.02)
    assert arm.positions()[3] == pytest.approx(0.0, abs=0.003), "the finger is driven by force"

    bad = arm.reset("hme")
    assert not bad.success and "no keyframe 'hme' (did you mean 'home'?)" in bad.message
    assert "no seed" in arm.reset("seed:x").message
    assert arm.reset("up").message == "restarted from keyframe 'up'"
    peer.until(lambda: arm.positions()[:4] == [0.0, 0.0, 0.0, 0.03], "the keyframe")
    assert arm.reset("seed:3").message == "restarted from seed 3"
    peer.until(lambda: arm.positions()[:3] == [0.0, 0.4, 1.2], "where episodes begin")
    assert arm.pause(False).success
    begun = arm.time
    peer.until(lambda: arm.time > begun, "time that runs again")


def test_lockstep_steps_are_answered_when_their_plans_have_come(start: Start, peer: Peer) -> None:
    arm = Arm(start, peer, mode="lockstep", plan_timeout=1.5)
    assert arm.pause(True).success
    failed = arm.step(2)
    assert not failed.success and "0 of 2 steps are done: no plan" in failed.message

    assert arm.set("steps", type=2, integer_value=5).successful
    client = peer.create_client(Trigger, "/mujoco_bridge/step")
    peer.until(client.service_is_ready, "the service")
    future, answered = client.call_async(Trigger.Request()), {0}

    def plan() -> bool:
        if arm.time not in answered:
            answered.add(arm.time)
            arm.send(stamp=arm.time)
        return future.done()

    peer.until(plan, "five planned steps")
    assert future.result().success
    peer.until(lambda: arm.time == GAP + 5 * PERIOD, "the fifth observation")


def test_speed_changes_while_it_runs(start: Start, peer: Peer) -> None:
    arm = Arm(start, peer)
    assert not arm.set("speed", type=3, double_value=0.0).successful
    assert arm.set("speed", type=3, double_value=0.25).successful

    def reached() -> float:
        return float(peer.status("mujoco_bridge: simulation").get("speed_reached", "nan").replace("None", "nan"))

    peer.until(lambda: 0.2 < reached() <= 0.3, "a quarter of life's speed")
    assert arm.set("speed", type=3, double_value=2.0).successful
    peer.until(lambda: 0.5 < reached() < 2.5, "twice that of life")


def test_commands_that_stop_are_held_and_bad_ones_counted(start: Start, peer: Peer) -> None:
    arm = Arm(start, peer)

    def commands() -> dict[str, str]:
        return peer.status("mujoco_bridge: commands")

    def moving() -> bool:
        arm.send(pan=0.5, seconds=0.3, points=15)
        return commands().get("accepted", "0") != "0"

    peer.until(moving, "commands")
    peer.until(lambda: commands()["holding"] == "True", "the hold")
    assert commands()["message"].startswith("holding: no command for")
    before = int(commands()["recoveries"])
    peer.until(lambda: moving() and int(commands()["recoveries"]) > before, "the recovery")

    bad: list[tuple[str, dict[str, Any]]] = [
        ("not finite", {"effort": (0.0, 0.0, 0.0, float("nan"))}),
        ("joint names differ", {"names": ("elbow", *JOINTS[:3])}),
        ("wrong shape", {"effort": (0.0,)}),
        ("outside the limits", {"pan": 9.0}),
        ("from the future", {"stamp": 10**15}),
        ("stale", {"stamp": 1}),
        ("times do not increase", {"seconds": -1.0}),
    ]
    for _, how in bad:
        arm.send(**how)
    peer.until(lambda: commands()["refused"] == str(len(bad)), "the refusals")
    assert {key: commands()[key] for key in commands() if key.startswith("refused: ")} == {
        f"refused: {reason}": "1" for reason, _ in bad
    }
    assert "Traceback" not in arm.bridge.output
    assert arm.bridge.output.count("a plan was refused") == len(bad)

    second = peer.create_publisher(JointTrajectory, "joint_trajectory", 10)
    peer.until(lambda: "2 nodes publish '/joint_trajectory'" in commands()["message"], "the rival's report")
    peer.destroy_publisher(second)
    peer.until(lambda: commands()["publishers"] == "1", "the rival's end")
    assert arm.bridge.output.count("2 nodes publish '/joint_trajectory'") == 1


def test_a_bridge_says_that_it_waits_for_a_recorder_and_when_it_gives_up(start: Start, peer: Peer) -> None:
    arm = Arm(start, peer, wait_for_recorder=3.0)
    log = arm.bridge.output
    assert log.count("waits up to 3 s for the node 'recorder' to listen to /clock, /joint_states") == 1
    assert log.count("the first episode begins unrecorded: no node 'recorder' listens to /clock") == 1
    assert log.index("waits up to") < log.index("begins unrecorded")


def test_transforms_are_shown_where_their_messages_are_installed(start: Start, peer: Peer) -> None:
    transforms = pytest.importorskip("tf2_msgs.msg")
    peer.listen(transforms.TFMessage, "/tf")
    received = peer.received.setdefault("/tf_static", [])
    peer.create_subscription(transforms.TFMessage, "/tf_static", received.append, LATCHED)
    Arm(start, peer)
    peer.until(lambda: peer.received["/tf"] and peer.received["/tf_static"], "transforms")
    still = {transform.child_frame_id for transform in peer.received["/tf_static"][0].transforms}
    moving = {transform.child_frame_id: transform for transform in peer.received["/tf"][-1].transforms}
    assert still == {"base", "hand"} and {"turret", "forearm", "block"} <= set(moving)
    assert moving["block"].header.frame_id == "world" and moving["forearm"].header.frame_id == "upper_arm"


def test_mujoco_ros2_controls_services_do_the_same(start: Start, peer: Peer) -> None:
    services = pytest.importorskip("mujoco_ros2_control_msgs.srv")
    arm = Arm(start, peer)
    assert arm.call(services.SetPause, "set_pause", paused=True).success
    assert "at least 1" in arm.call(services.StepSimulation, "step_simulation", steps=0).message
    before = arm.time
    assert arm.call(services.StepSimulation, "step_simulation", steps=3).success
    peer.until(lambda: arm.time == before + 3 * PERIOD, "three steps")
    assert arm.call(services.ResetWorld, "reset_world", keyframe="up").success


def test_robot_and_plan_are_shown_to_who_listens(start: Start, peer: Peer) -> None:
    peer.listen(MarkerArray, "planned_path")
    description = peer.received.setdefault("robot_description", [])
    peer.create_subscription(String, "robot_description", description.append, LATCHED)
    arm = Arm(start, peer)
    peer.until(lambda: peer.received["robot_description"], "the description")
    assert '<joint name="shoulder_pan" type="revolute">' in peer.received["robot_description"][0].data

    def shown() -> bool:
        arm.send(pan=np.pi / 2, points=3)
        return bool(peer.received["planned_path"])

    peer.until(shown, "the planned path")
    (line,) = peer.received["planned_path"][0].markers
    assert line.header.frame_id == "world" and len(line.points) == 3
    assert line.points[-1].y > 0.3 and abs(line.points[-1].x) < 0.01


def test_images_of_a_camera_where_this_machine_draws(start: Start, peer: Peer) -> None:
    try:
        SceneRenderer(mujoco.MjModel.from_xml_path(str(ARM)), "front", 64, 48).close()
    except RcdError as error:
        pytest.skip(str(error))
    images: list[Any] = []
    peer.create_subscription(Image, "camera/image_raw", images.append, qos_profile_sensor_data)
    Arm(start, peer, camera="front", camera_width=64, camera_height=48, camera_rate=5.0)
    peer.until(lambda: len(images) >= 2, "images")
    first, second = images[:2]
    assert (first.width, first.height, first.encoding, first.step) == (64, 48, "rgb8", 192)
    assert len(first.data) == 64 * 48 * 3 and np.ptp(np.array(first.data)) > 50
    assert nanoseconds(second.header.stamp) - nanoseconds(first.header.stamp) >= 200_000_000


def test_a_launch_drives_episodes_of_an_environment_to_their_end(domain: int, tmp_path: Path) -> None:
    """Without a planner nothing is waited for; the launch ends with the last episode."""
    pytest.importorskip("rcd_ros.simulation.worlds.gymnasium_world")
    results = tmp_path / "results.json"
    given = {"env": "Hopper-v5", "episodes": 2, "episode_steps": 20, "speed": 20, "results": results}
    command = [sys.executable, "-m", "rcd_ros.cli", "launch", "mujoco_sim", *(f"{k}:={v}" for k, v in given.items())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(results.read_text())["episode_results"]
    assert [(row["seed"], row["steps"], row["held_steps"]) for row in rows] == [(0, 20, 20), (1, 20, 20)]
    assert all(15.0 < row["return"] == row["score"] for row in rows)
    assert "episode 2 (seed 1): return" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "task, model, env, suite.*none"),
        ({"model": "nowhere.xml"}, r"'nowhere\.xml'"),
        ({"model": ARM, "camera": "back"}, "camera 'back'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(start: Start, parameters: dict[str, object], named: str) -> None:
    bridge = start("mujoco_bridge_node", **parameters)
    assert bridge.wait() == 2
    assert re.search(named, bridge.output)
    assert len(bridge.output.splitlines()) == 1
