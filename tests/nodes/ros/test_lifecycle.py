"""Managed nodes: how others drive them, what goes wrong in a transition, and how their processes end."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from lifecycle_msgs.msg import TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.managed_node import ManagedNode

Start = Callable[..., "subprocess.Popen[str]"]
SpinUntil = Callable[[Node, Callable[[], bool]], None]
SUCCESS, FAILURE, ERROR = (
    TransitionCallbackReturn.SUCCESS,
    TransitionCallbackReturn.FAILURE,
    TransitionCallbackReturn.ERROR,
)


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert any("ready" in line for line in process.stderr)


class Remote:
    """Drives a managed node in another process by its services."""

    def __init__(self, node: Node, spin_until: SpinUntil) -> None:
        self.node, self.spin_until = node, spin_until

    def call(self, service_type: Any, name: str, **request: Any) -> Any:
        client = self.node.create_client(service_type, f"/managed/{name}")
        assert client.wait_for_service(timeout_sec=10.0)
        future = client.call_async(service_type.Request(**request))
        self.spin_until(self.node, future.done)
        return future.result()

    def change(self, number: int = 0, label: str = "") -> bool:
        request = ChangeState.Request()
        request.transition.id, request.transition.label = number, label
        return self.call(ChangeState, "change_state", transition=request.transition).success

    def state(self) -> tuple[int, str]:
        current = self.call(GetState, "get_state").current_state
        return current.id, current.label


def test_a_node_is_driven_from_another_process_and_tells_everyone(
    ros: None, start: Start, spin_until: SpinUntil
) -> None:
    process = start("managed", "--ros-args", "-p", "autostart:=false")
    node = Node("manager")
    events: list[tuple[str, str]] = []
    node.create_subscription(
        TransitionEvent,
        "/managed/transition_event",
        lambda event: events.append((event.start_state.label, event.goal_state.label)),
        10,
    )
    wait_until_ready(process)
    spin_until(node, lambda: node.count_publishers("/managed/transition_event") == 1)
    remote = Remote(node, spin_until)
    assert remote.state() == (1, "unconfigured")
    assert not remote.change(3)  # rclpy alone would end the node
    assert not remote.change(label="dance")
    assert remote.change(label="configure")
    assert remote.change(3)
    assert remote.state() == (3, "active")
    spin_until(node, lambda: len(events) == 4)
    assert events == [
        ("unconfigured", "configuring"),
        ("configuring", "inactive"),
        ("inactive", "activating"),
        ("activating", "active"),
    ]
    states = remote.call(GetAvailableStates, "get_available_states").available_states
    assert [state.label for state in states][:5] == ["unknown", "unconfigured", "inactive", "active", "finalized"]
    assert {state.id for state in states} == {0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 15}
    here = remote.call(GetAvailableTransitions, "get_available_transitions").available_transitions
    assert [(item.transition.id, item.transition.label, item.goal_state.label) for item in here] == [
        (4, "deactivate", "deactivating"),
        (7, "shutdown", "shuttingdown"),
    ]
    graph = remote.call(GetAvailableTransitions, "get_transition_graph").available_transitions
    assert len({item.transition.id for item in graph}) == len(graph) == 25


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_node_starts_itself_and_has_a_last_word_when_a_signal_ends_it(
    ros: None, start: Start, spin_until: SpinUntil, number: signal.Signals
) -> None:
    process = start("managed")
    node = Node("listener")
    heard: list[str] = []
    node.create_subscription(JointState, "beat", lambda message: heard.extend(message.name), 10)
    spin_until(node, lambda: "beat" in heard)
    process.send_signal(number)
    process.send_signal(number)  # a terminal's and a launcher's
    spin_until(node, lambda: "rest" in heard)
    _, errors = process.communicate(timeout=60.0)
    assert (process.returncode, heard[-1]) == (0, "rest")
    assert "Traceback" not in errors


def test_a_launcher_that_repeats_a_signal_late_does_not_cut_off_the_last_word(
    ros: None, start: Start, spin_until: SpinUntil
) -> None:
    """Pins: `ros2 launch` on a busy machine passed Ctrl-C on after a second, and the planner died while it ended."""
    process = start("managed", "--ros-args", "-p", "fault:=slow")
    node = Node("listener")
    heard: list[str] = []
    node.create_subscription(JointState, "beat", lambda message: heard.extend(message.name), 10)
    spin_until(node, lambda: "beat" in heard)
    process.send_signal(signal.SIGINT)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    spin_until(node, lambda: "rest" in heard)
    assert process.wait(timeout=60.0) == 0


@pytest.mark.parametrize(
    ("fault", "sentence"), [("input", "'nowhere' does not exist"), ("bug", "configure failed with ZeroDivisionError")]
)
def test_a_start_that_fails_ends_the_process_with_one_sentence_and_code_2(
    start: Start, fault: str, sentence: str
) -> None:
    process = start("managed", "--ros-args", "-p", f"fault:={fault}")
    _, errors = process.communicate(timeout=60.0)
    assert process.returncode == 2
    assert errors.count(sentence) == 1
    assert "Traceback" not in errors


class Recorded(ManagedNode):
    """Notes its steps; `faults` are raised by the steps of those names."""

    def __init__(self, faults: dict[str, Exception] | None = None) -> None:
        overrides = [Parameter("autostart", value=False)]
        super().__init__("recorded", parameter_overrides=overrides)
        self.faults, self.steps = faults or {}, []
        self.output = self.create_lifecycle_publisher(JointState, "a", 10)

    def note(self, name: str) -> None:
        self.steps.append((name, self.output.is_activated))
        if name in self.faults:
            raise self.faults[name]

    def configure(self) -> None:
        self.note("configure")

    def activate(self) -> None:
        self.note("activate")

    def deactivate(self) -> None:
        self.note("deactivate")

    def cleanup(self) -> None:
        self.note("cleanup")


def test_steps_run_in_order_with_the_publishers_on_while_there_is_something_to_say(ros: None) -> None:
    node = Recorded()
    for transition in ("configure", "activate", "deactivate", "cleanup"):
        getattr(node, f"trigger_{transition}")()
    assert node.steps == [("configure", False), ("activate", True), ("deactivate", True), ("cleanup", False)]


@pytest.mark.parametrize(
    ("faults", "transitions", "end", "steps"),
    [
        ({"configure": RcdError("no file")}, ["configure"], "unconfigured", ["configure", "cleanup"]),
        ({"configure": OSError("no file")}, ["configure"], "unconfigured", ["configure", "cleanup"]),
        ({"activate": RcdError("no file")}, ["configure", "activate"], "inactive", ["configure", "activate"]),
        (
            {"activate": OSError("no file")},
            ["configure", "activate"],
            "unconfigured",
            ["configure", "activate", "cleanup"],
        ),
        (
            {"configure": OSError("no file"), "cleanup": ValueError("later")},
            ["configure"],
            "finalized",
            ["configure", "cleanup"],
        ),
    ],
)
def test_a_step_that_fails_leaves_a_clean_state_silent_publishers_and_the_first_reason(
    ros: None, faults: dict[str, Exception], transitions: list[str], end: str, steps: list[str]
) -> None:
    node = Recorded(faults)
    for transition in transitions:
        getattr(node, f"trigger_{transition}")()
    assert (node.state, [name for name, _ in node.steps]) == (end, steps)
    assert "no file" in node.problem
    assert not node.output.is_activated


def test_a_failed_transition_can_be_tried_again(ros: None) -> None:
    node = Recorded({"configure": RcdError("no file")})
    node.trigger_configure()
    node.faults = {}
    assert node.trigger_configure() == SUCCESS
    assert (node.state, node.problem) == ("inactive", "")


def test_an_active_node_that_is_destroyed_is_deactivated_and_cleaned_up_first(ros: None) -> None:
    node = Recorded()
    node.trigger_configure()
    node.trigger_activate()
    node.destroy_node()
    assert node.steps[2:] == [("deactivate", True), ("cleanup", False)]
