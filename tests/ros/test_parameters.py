"""Parameters of a node, here and over the wire. These hold under rclpy, too."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from rcd_ros.ros import RUNTIME, Node, Parameter, ParameterDescriptor, ParameterException, SetParametersResult
from rcd_ros.ros.messages import (
    DescribeParameters,
    FloatingPointRange,
    GetParameters,
    GetParameterTypes,
    IntegerRange,
    ListParameters,
    ParameterEvent,
    SetParameters,
    SetParametersAtomically,
)

Start = Callable[..., "subprocess.Popen[str]"]
SpinUntil = Callable[[Node, Callable[[], bool]], None]


@pytest.fixture
def node(ros: None) -> Node:
    return Node("tuned")


def value_of(node: Node, name: str) -> Any:
    return node.get_parameter(name).value


@pytest.mark.parametrize(
    ("value", "accepted"),
    [(0.0, True), (10.0, True), (2.5, True), (2.6, False), (-0.5, False), (10.5, False), (float("nan"), False)],
)
def test_a_float_stays_in_its_range_and_on_its_steps(node: Node, value: float, accepted: bool) -> None:
    span = FloatingPointRange(from_value=0.0, to_value=10.0, step=0.5)
    node.declare_parameter("rate", 1.0, ParameterDescriptor(floating_point_range=[span]))
    result = node.set_parameters([Parameter("rate", value=value)])[0]
    assert result.successful == accepted
    assert value_of(node, "rate") == (value if accepted else 1.0)
    assert accepted or "rate" in result.reason


@pytest.mark.parametrize(("value", "accepted"), [(1, True), (9, True), (10, True), (4, False), (11, False)])
def test_an_integer_stays_in_its_range_and_on_its_steps(node: Node, value: int, accepted: bool) -> None:
    span = IntegerRange(from_value=1, to_value=10, step=2)  # the upper end always counts, as in rclpy
    node.declare_parameter("count", 1, ParameterDescriptor(integer_range=[span]))
    assert node.set_parameters([Parameter("count", value=value)])[0].successful == accepted


def test_types_are_kept_and_what_is_read_only_is_given_at_start_alone(ros: None) -> None:
    node = Node("tuned", parameter_overrides=[Parameter("engine", value="openvino")])
    fixed = ParameterDescriptor(read_only=True)
    assert node.declare_parameter("engine", "auto", fixed).value == "openvino"
    node.declare_parameter("rate", 1.0)
    node.declare_parameter("free", 1.0, ParameterDescriptor(dynamic_typing=True))
    assert not node.set_parameters([Parameter("engine", value="auto")])[0].successful
    assert not node.set_parameters([Parameter("rate", value=2)])[0].successful
    assert node.set_parameters([Parameter("free", value="text")])[0].successful
    assert (value_of(node, "engine"), value_of(node, "rate"), value_of(node, "free")) == ("openvino", 1.0, "text")


def test_changes_are_made_together_or_not_at_all(node: Node) -> None:
    node.declare_parameter("low", 1.0)
    node.declare_parameter("high", 2.0, ParameterDescriptor(read_only=True))
    node.declare_parameter("other", 3.0)
    result = node.set_parameters_atomically([Parameter("low", value=5.0), Parameter("high", value=6.0)])
    assert not result.successful
    assert value_of(node, "low") == 1.0
    with pytest.raises(ParameterException):
        node.set_parameters_atomically([Parameter("low", value=5.0), Parameter("nowhere", value=6.0)])
    assert value_of(node, "low") == 1.0
    assert node.set_parameters_atomically([Parameter("low", value=5.0), Parameter("other", value=6.0)]).successful
    assert (value_of(node, "low"), value_of(node, "other")) == (5.0, 6.0)


def test_callbacks_replace_refuse_and_follow_a_change(node: Node) -> None:
    log: list[tuple[str, Any]] = []

    def replace(changes: list[Parameter]) -> list[Parameter]:
        return [Parameter(change.name, value=min(change.value, 5.0)) for change in changes]

    def judge(changes: list[Parameter]) -> Any:
        log.append(("asked", changes[0].value))
        return SetParametersResult(successful=changes[0].value >= 0.0, reason="not below zero")

    node.declare_parameter("rate", 1.0)
    node.add_pre_set_parameters_callback(replace)
    node.add_on_set_parameters_callback(judge)
    node.add_post_set_parameters_callback(lambda changes: log.append(("told", value_of(node, changes[0].name))))
    assert node.set_parameters([Parameter("rate", value=9.0)])[0].successful
    refused = node.set_parameters([Parameter("rate", value=-1.0)])[0]
    assert (refused.successful, refused.reason) == (False, "not below zero")
    assert log == [("asked", 5.0), ("told", 5.0), ("asked", -1.0)]
    assert value_of(node, "rate") == 5.0
    node.remove_on_set_parameters_callback(judge)
    assert node.set_parameters([Parameter("rate", value=-1.0)])[0].successful


def test_a_parameter_declared_by_its_type_alone_must_be_given(ros: None) -> None:
    node = Node("tuned", parameter_overrides=[Parameter("given", value=[1.0])])
    assert node.declare_parameter("given", Parameter.Type.DOUBLE_ARRAY).value == [1.0]
    node.declare_parameter("missing", Parameter.Type.STRING)
    with pytest.raises(ParameterException, match="missing"):
        node.get_parameter("missing")
    assert node.set_parameters([Parameter("missing", value="here")])[0].successful
    assert value_of(node, "missing") == "here"


def test_sim_time_refused_together_with_something_else_is_not_followed(node: Node) -> None:
    node.declare_parameter("rate", 1.0)
    changes = [Parameter("use_sim_time", value=True), Parameter("rate", value="fast")]
    assert not node.set_parameters_atomically(changes).successful
    assert node.get_clock().now().nanoseconds > 0


def test_parameters_are_listed_described_and_set_from_another_process(
    ros: None, start: Start, spin_until: SpinUntil
) -> None:
    process = start("managed", "--ros-args", "-p", "autostart:=false")
    node = Node("tester")
    events: list[ParameterEvent] = []
    node.create_subscription(
        ParameterEvent,
        "/parameter_events",
        lambda event: events.append(event) if event.node == "/managed" else None,
        10,
    )
    assert process.stderr is not None and any("ready" in line for line in process.stderr)

    def call(service_type: Any, name: str, **request: Any) -> Any:
        client = node.create_client(service_type, f"/managed/{name}")
        assert client.wait_for_service(timeout_sec=10.0)
        future = client.call_async(service_type.Request(**request))
        spin_until(node, future.done)
        return future.result()

    def change(name: str, value: Any) -> Any:
        return Parameter(name, value=value).to_parameter_msg()

    everything = call(ListParameters, "list_parameters").result
    assert {"rate", "autostart", "limits.velocity", "use_sim_time"} <= set(everything.names)
    assert list(everything.prefixes) == ["limits"]
    assert list(call(ListParameters, "list_parameters", prefixes=["limits"]).result.names) == ["limits.velocity"]
    assert "limits.velocity" not in call(ListParameters, "list_parameters", depth=1).result.names

    rate, autostart = call(DescribeParameters, "describe_parameters", names=["rate", "autostart"]).descriptors
    assert (rate.type, rate.description, rate.read_only) == (3, "a rate (Hz)", False)
    assert (rate.floating_point_range[0].to_value, rate.floating_point_range[0].step) == (10.0, 0.5)
    assert autostart.read_only
    assert list(call(GetParameterTypes, "get_parameter_types", names=["rate", "fault"]).types) == [3, 4]
    for service_type, name, answer in (
        (DescribeParameters, "describe_parameters", "descriptors"),
        (GetParameterTypes, "get_parameter_types", "types"),
        (GetParameters, "get_parameters", "values"),
    ):
        assert not getattr(call(service_type, name, names=["rate", "nowhere"]), answer)

    spin_until(node, lambda: node.count_publishers("/parameter_events") >= 2)
    results = call(
        SetParameters,
        "set_parameters",
        parameters=[change("rate", 2.5), change("nowhere", 1.0), change("rate", 2.6)],
    ).results
    assert [result.successful for result in results] == [True, False, False]
    assert results[1].reason and "step" in results[2].reason
    together = [change("fault", "bug"), change("rate", 99.0)]
    assert not call(SetParametersAtomically, "set_parameters_atomically", parameters=together).result.successful
    rate, fault = call(GetParameters, "get_parameters", names=["rate", "fault"]).values
    assert (rate.double_value, fault.string_value) == (2.5, "")
    spin_until(node, lambda: any(event.changed_parameters for event in events))
    (changed,) = [event for event in events if event.changed_parameters]
    assert [(item.name, item.value.double_value) for item in changed.changed_parameters] == [("rate", 2.5)]


@pytest.mark.skipif(RUNTIME != "embedded", reason="rclpy ends the node")
def test_a_value_of_a_type_that_ros_2_does_not_have_is_refused(ros: None, spin_until: SpinUntil) -> None:
    node = Node("tuned")
    node.declare_parameter("rate", 1.0)
    message = Parameter("rate", value=2.0).to_parameter_msg()
    message.value.type = 99
    client = node.create_client(SetParameters, "~/set_parameters")
    assert client.wait_for_service(timeout_sec=10.0)
    future = client.call_async(SetParameters.Request(parameters=[message]))
    spin_until(node, future.done)
    (result,) = future.result().results
    assert (result.successful, "99" in result.reason, value_of(node, "rate")) == (False, True, 1.0)
