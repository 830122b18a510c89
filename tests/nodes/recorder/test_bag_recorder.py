"""The recorder beside a robot's nodes: what is in its bag, and what it does when it cannot write one."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Pose
from rclpy.duration import Duration
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String
from std_srvs.srv import Trigger

from rcd_ros.data.bags.bag import Bag
from rcd_ros.data.bags.writer import BagWriter, qos
from rcd_ros.nodes.recorder.bag_recorder_node import BagRecorder
from rcd_ros.nodes.ros.messages import joint_state, nanoseconds
from rcd_ros.nodes.ros.qos import LATCHED
from tests.data.bags.bag_files import STORE, make
from tests.nodes.conftest import PATIENCE, Peer, Process
from tests.planning.tiny import write_tiny

Start = Callable[..., Process]


def stamps(folder: Path, topic: str) -> list[int]:
    return [nanoseconds(recorded.message.header.stamp) for recorded in Bag(folder).messages([topic])]


def publish(peer: Peer, publisher: Any, count: int) -> None:
    for index in range(count):
        publisher.publish(joint_state(index, ("elbow",), np.array([0.1 * index]), np.empty(0)))


def end_with_messages_waiting(folder: Path, count: int, **parameters: object) -> None:
    """A recorder ends that has not yet looked at the `count` joint states it has received."""
    given = {"output": folder, **parameters}
    rclpy.init(args=["--ros-args", *(item for name, value in given.items() for item in ("-p", f"{name}:={value}"))])
    recorder, peer = BagRecorder(), Peer()
    states = peer.create_publisher(JointState, "joint_states", 1000)
    peer.until(states.get_subscription_count, "the recorder")
    publish(peer, states, count)
    time.sleep(0.2)  # on their way
    recorder.destroy_node()
    peer.destroy_node()
    rclpy.try_shutdown()


def test_what_has_come_when_it_ends_is_in_the_bag(domain: int, tmp_path: Path) -> None:
    """Pins that a recorder which had fallen behind, on a busy machine, lost the end of the run."""
    end_with_messages_waiting(tmp_path / "run", 50)
    assert stamps(tmp_path / "run", "/joint_states") == list(range(50))


def test_a_bag_that_becomes_as_large_as_it_may_while_it_ends_is_whole(domain: int, tmp_path: Path) -> None:
    end_with_messages_waiting(tmp_path / "run", 50, max_size=0.001)
    assert 0 < len(stamps(tmp_path / "run", "/joint_states")) < 50


@pytest.mark.parametrize("exit_on_failure", [False, True])
def test_a_disk_that_is_full_when_it_ends_is_told_once(
    domain: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    exit_on_failure: bool,
) -> None:
    monkeypatch.setattr(BagWriter, "write", Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))))
    end_with_messages_waiting(tmp_path / "run", 50, exit_on_failure=exit_on_failure)
    assert capfd.readouterr().err.count("cannot record into") == 1


def test_topics_are_recorded_from_their_first_message_and_as_they_appear(
    start: Start, peer: Peer, tmp_path: Path
) -> None:
    folder = tmp_path / "bags" / "run"
    recorder = start("bag_recorder_node", output=folder)
    states = peer.create_publisher(JointState, "joint_states", 1000)
    peer.until(states.get_subscription_count, "the recorder, which listens to our topics from its start")
    publish(peer, states, 300)
    best_effort = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    late = peer.create_publisher(Bool, "late", best_effort)
    label = peer.create_publisher(String, "label", LATCHED.profile())
    camera = peer.create_publisher(Pose, "camera_pose", 10)
    label.publish(String(data="before anybody listened"))
    peer.until(lambda: late.get_subscription_count() and label.get_subscription_count(), "topics to be found")
    camera.publish(Pose())
    for _ in range(20):  # a publisher knows of a subscription before that knows of it, and best effort repeats nothing
        late.publish(Bool(data=True))
        peer.serve(0.05)
    peer.listen(DiagnosticArray, "diagnostics")

    def counted() -> dict[str, str]:
        messages = peer.received["diagnostics"]
        return {entry.key: entry.value for entry in messages[-1].status[0].values} if messages else {}

    peer.until(lambda: int(counted().get("messages", 0)) >= 302, "the recorder's count")
    assert counted()["recording"] == "True"
    for publisher in (states, label):  # the count has other topics in it: the recorder's own diagnostics, for one
        assert publisher.wait_for_all_acked(Duration(seconds=PATIENCE))
    assert recorder.interrupt() == 0
    assert "are in" in recorder.output and "Traceback" not in recorder.output

    bag = Bag(folder)
    assert stamps(folder, "/joint_states") == list(range(300))
    assert [recorded.message.data for recorded in bag.messages(["/label"])] == ["before anybody listened"]
    heard = [recorded.message.data for recorded in bag.messages(["/late"])]
    assert 0 < len(heard) <= 20 and all(heard)
    assert "/camera_pose" not in bag.types, "not a type of ours"
    assert "reliability: best_effort" in (folder / "metadata.yaml").read_text()
    assert "durability: transient_local" in (folder / "metadata.yaml").read_text()
    assert not (folder / ".reserve").exists()


def test_chosen_topics_alone_of_whatever_type(start: Start, peer: Peer, tmp_path: Path) -> None:
    states, poses = (
        peer.create_publisher(JointState, "joint_states", 10),
        peer.create_publisher(Pose, "camera_pose", 10),
    )
    recorder = start("bag_recorder_node", output=tmp_path / "run", topics='["camera_pose"]')
    peer.until(poses.get_subscription_count, "the recorder")
    for _ in range(20):  # a publisher knows of a subscription before that knows of it
        poses.publish(Pose())
        peer.serve(0.05)
    publish(peer, states, 1)
    peer.until(lambda: "recording into" in recorder.output, "the recorder's word")
    assert recorder.interrupt() == 0
    assert list(Bag(tmp_path / "run").types) == ["/camera_pose"]


@pytest.mark.parametrize("limit", [{"seconds": 10.0}, {"max_size": 0.05}])
def test_it_ends_when_it_has_enough(start: Start, peer: Peer, tmp_path: Path, limit: dict[str, float]) -> None:
    # The seconds count from the recorder's start, and until it is discovered three of them may pass: participants
    # announce themselves that often.
    recorder = start("bag_recorder_node", output=tmp_path / "run", **limit)
    states = peer.create_publisher(JointState, "joint_states", 1000)
    peer.until(states.get_subscription_count, "the recorder")
    sent = 0
    while not recorder.has_ended:
        publish(peer, states, 100)
        peer.serve(0.05)
        sent += 100
    assert recorder.wait() == 0
    assert 0 < len(stamps(tmp_path / "run", "/joint_states")) <= sent


def test_a_folder_that_exists_is_refused(start: Start, tmp_path: Path) -> None:
    recorder = start("bag_recorder_node", output=tmp_path)
    assert recorder.wait() == 2
    assert "exists already: choose another folder" in recorder.output
    assert len(recorder.output.splitlines()) == 1


def test_where_nothing_can_be_written_the_robots_nodes_go_on(start: Start, peer: Peer, tmp_path: Path) -> None:
    """The recorder says so once, tells it in its diagnostics and stays: a launch ends with a node that fails."""
    (tmp_path / "file").touch()
    recorder = start("bag_recorder_node", output=tmp_path / "file" / "run")
    peer.listen(DiagnosticArray, "diagnostics")

    def problems() -> list[str]:
        return [status.message for message in peer.received["diagnostics"] for status in message.status]

    peer.until(lambda: len(problems()) >= 2, "its diagnostics")
    assert "cannot record into" in problems()[0] and "Not a directory" in problems()[0]
    assert recorder.output.count("cannot record into") == 1
    assert recorder.interrupt() == 0
    assert "Traceback" not in recorder.output

    alone = start("bag_recorder_node", output=tmp_path / "file" / "run", exit_on_failure=True)
    assert alone.wait() == 2
    assert "cannot record into" in alone.output and "Traceback" not in alone.output


@pytest.fixture
def small_disk(tmp_path: Path) -> list[str]:
    """The beginning of a command that runs where `tmp_path / "disk"` is a file system of 7 MB."""
    (tmp_path / "disk").mkdir()
    mount = f"mount -t tmpfs -o size=7m tmpfs {tmp_path}/disk"
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*inside, mount], capture_output=True).returncode:
        pytest.skip("no small file system can be mounted here")
    return [*inside, f'trap : INT; {mount} && "$@" && cp -r {tmp_path}/disk {tmp_path}/kept', "sh"]


def fill(folder: Path) -> None:
    """Write until the disk is full; prints how many messages went well, why no more did, and how many can be read."""
    writer = BagWriter(folder)
    data = bytes(STORE.serialize_cdr(make("std_msgs/msg/String", data="x" * 5000), "std_msgs/msg/String"))
    writer.join("/text", "std_msgs/msg/String", qos(reliable=True, transient_local=False))
    try:
        while True:
            writer.write("/text", writer.messages + 1, data)
    except OSError as error:
        writer.close()
        print(writer.messages, sum(1 for _ in Bag(folder).messages(["/text"])), error.strerror)


def test_a_full_disk_leaves_a_whole_bag(small_disk: list[str], tmp_path: Path) -> None:
    program = f"from pathlib import Path; from {__name__} import fill; fill(Path('{tmp_path}/disk/run'))"
    done = subprocess.run([*small_disk, sys.executable, "-c", program], capture_output=True, text=True, check=True)
    written, readable, reason = done.stdout.split(maxsplit=2)
    assert reason.strip() == "No space left on device"
    assert int(readable) >= int(written) > 100
    assert len(list(Bag(tmp_path / "kept" / "run" / "run.mcap").messages(["/text"]))) == int(readable)


def test_a_disk_that_fills_up_while_recording(small_disk: list[str], peer: Peer, tmp_path: Path) -> None:
    """Said once, in the log and in the diagnostics; what was recorded before can be read; the node goes on."""
    command = [sys.executable, "-m", "rcd_ros.nodes.recorder.bag_recorder_node", "--ros-args", "-p"]
    process = subprocess.Popen(
        [*small_disk, *command, f"output:={tmp_path}/disk/run"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    text = peer.create_publisher(String, "task_completions", 10)
    peer.listen(DiagnosticArray, "diagnostics")
    peer.until(text.get_subscription_count, "the recorder")

    def problems() -> list[str]:
        return [status.message for message in peer.received["diagnostics"] for status in message.status]

    def is_full() -> bool:
        text.publish(String(data="x" * 200_000))
        return any("No space left on device" in problem for problem in problems())

    peer.until(is_full, "the disk to be full")
    before = len(problems())
    peer.until(lambda: len(problems()) > before, "the recorder to be there still")
    os.killpg(process.pid, signal.SIGINT)
    _, log = process.communicate(timeout=60.0)
    assert log.count("No space left on device") == 1 and "Traceback" not in log
    messages = list(Bag(tmp_path / "kept" / "run").messages(["/task_completions"]))
    assert len(messages) > 5 and all(len(recorded.message.data) == 200_000 for recorded in messages)


@pytest.mark.parametrize(
    "parameters",
    [
        {"topics": "['bad topic']"},
        {"topics": "['a//b']"},
        {"topics": "['']"},
        {"seconds": ".inf"},
        {"seconds": 1e300},
        {"seconds": ".nan"},
        {"max_size": -1.0},
    ],
)
def test_a_refused_recording_leaves_no_bag(start: Start, tmp_path: Path, parameters: dict[str, object]) -> None:
    recorder = start("bag_recorder_node", output=tmp_path / "run", **parameters)
    assert recorder.wait() == 2, recorder.output
    assert "Traceback" not in recorder.output
    assert next(iter(parameters)) in recorder.output
    assert not (tmp_path / "run").exists()


def test_a_chosen_topic_on_which_nothing_came_is_named(start: Start, tmp_path: Path) -> None:
    recorder = start("bag_recorder_node", output=tmp_path / "run", topics="['nowhere']", seconds=0.5)
    assert recorder.wait() == 0, recorder.output
    assert "'/nowhere'" in recorder.output


def test_where_episodes_begin_is_in_the_bag(domain: int, start: Start, peer: Peer, tmp_path: Path) -> None:
    """The planner tells of calls of its `begin_episode`, by which bags may be cut; recorded where it is asked for.

    Not otherwise: mcap-ros2-support cannot read a service's events, nor what is behind them.
    """
    write_tiny(tmp_path / "planner")
    events = "/planner/begin_episode/_service_event"
    planner = start("planner_node", checkpoint=tmp_path / "planner")
    recorder = start("bag_recorder_node", output=tmp_path / "run", topics=f"['{events}']")
    client = peer.create_client(Trigger, "planner/begin_episode")
    peer.until(client.service_is_ready, "the planner")
    peer.until(lambda: peer.count_subscribers(events), "the recorder")
    for _ in range(3):
        answer = client.call_async(Trigger.Request())
        peer.until(answer.done, "the answer")
    time.sleep(0.5)
    assert recorder.interrupt() == 0 and planner.interrupt() == 0
    bag = Bag(tmp_path / "run")
    kinds = [recorded.message.info.event_type for recorded in bag.messages([events])]
    assert kinds == [1, 2] * 3, "a request that came, and its answer"
