"""Nodes in processes of their own, talking over loopback. These tests hold under rclpy, too."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rcl_interfaces.srv import GetParameters
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

Start = Callable[..., "subprocess.Popen[str]"]
SpinUntil = Callable[[Node, Callable[[], bool]], None]


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert any("ready" in line for line in process.stderr)


def test_messages_and_services_cross_processes_under_a_namespace_and_remappings(
    ros: None, start: Start, spin_until: SpinUntil
) -> None:
    process = start(
        "echo", "--ros-args", "-p", "gain:=2.0", "-r", "__node:=mirror", "-r", "__ns:=/left", "-r", "pong:=out"
    )
    node = Node("tester")
    received: list[JointState] = []
    node.create_subscription(JointState, "/left/out", received.append, 10)
    publisher = node.create_publisher(JointState, "/left/ping", 10)
    client = node.create_client(SetBool, "/left/mirror/negate")
    wait_until_ready(process)
    spin_until(node, lambda: publisher.get_subscription_count() == 1 and node.count_publishers("/left/out") == 1)

    sent = JointState(name=["a", "b"], position=[0.25, -3.0])
    sent.header.stamp.sec, sent.header.frame_id = 7, "world"
    # The peer may discover us later than we discover it, so the message is repeated until it is answered.
    node.create_timer(0.1, lambda: publisher.publish(sent))
    spin_until(node, lambda: bool(received))
    assert list(received[0].position) == [0.5, -6.0]
    assert (list(received[0].name), received[0].header.stamp.sec) == (["a", "b"], 7)

    assert client.wait_for_service(timeout_sec=10.0)
    future = client.call_async(SetBool.Request(data=False))
    spin_until(node, future.done)
    assert (future.result().success, future.result().message) == (True, "/left/mirror")


def test_parameters_come_from_files_and_the_command_line_in_the_order_given(
    ros: None, start: Start, spin_until: SpinUntil, tmp_path: Path
) -> None:
    everyone, mine = tmp_path / "everyone.yaml", tmp_path / "mine.yaml"
    everyone.write_text("/**:\n  ros__parameters:\n    gain: 3.0\n    labels: [all]\n")
    mine.write_text(
        "/arm/echo:\n  ros__parameters:\n    labels: [left, right]\n/arm/other:\n  ros__parameters:\n    gain: 9.0\n"
    )
    files = ("--params-file", str(everyone), "--params-file", str(mine))
    process = start("echo", "--ros-args", "-r", "__ns:=/arm", *files, "-p", "gain:=4.5")
    wait_until_ready(process)
    node = Node("tester")
    client = node.create_client(GetParameters, "/arm/echo/get_parameters")
    assert client.wait_for_service(timeout_sec=10.0)
    future = client.call_async(GetParameters.Request(names=["gain", "labels", "use_sim_time"]))
    spin_until(node, future.done)
    gain, labels, use_sim_time = future.result().values
    assert gain.double_value == 4.5
    assert list(labels.string_array_value) == ["left", "right"]
    assert use_sim_time.bool_value is False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_spinning_node_with_code_0_and_without_a_traceback(
    start: Start, number: signal.Signals
) -> None:
    process = start("echo")
    wait_until_ready(process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60.0)
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_what_fails_in_a_node_that_is_asked_to_end_while_it_starts_is_no_error(start: Start) -> None:
    process = start("interrupted")
    _, errors = process.communicate(timeout=60.0)
    assert process.returncode == 0
    assert "cannot be loaded" not in errors


def test_bad_input_ends_a_node_with_one_line_and_code_2(start: Start) -> None:
    _, errors = start("refusing").communicate(timeout=60.0)
    assert "the checkpoint 'nowhere' does not exist" in errors
    process = start("echo", "--ros-args", "-p", "gain:=loud")
    _, errors = process.communicate(timeout=60.0)
    assert process.returncode == 2
    assert "gain" in errors and "Traceback" not in errors
