from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from pydantic import model_validator
from rclpy import init, try_shutdown
from rclpy.node import Node
from rclpy.parameter import Parameter

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.live_parameters import LiveParameters
from rcd_ros.nodes.ros.parameters import NodeParameters, parameter


class ArmParameters(NodeParameters):
    rate: float = parameter(0.0, "plans a second", unit="Hz", minimum=0.0)
    threads: int = parameter(1, "threads", minimum=1, maximum=8)
    mode: Literal["chunk", "splice"] = parameter("chunk", "how a chunk is executed")
    engine: str = parameter("auto", "inference engine", read_only=True)
    low: float = parameter(-1.0, "lower limit", unit="rad")
    high: float = parameter(1.0, "upper limit", unit="rad")
    velocity: tuple[float, ...] = parameter((), "velocity limits", unit="rad/s", name="limits.velocity")

    @model_validator(mode="after")
    def _ordered(self) -> ArmParameters:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        return self


class ArmNode(Node):
    def __init__(self, check: Callable[[ArmParameters], None] = lambda parameters: None, **given: Any) -> None:
        overrides = [Parameter(name.replace("__", "."), value=value) for name, value in given.items()]
        super().__init__("arm", parameter_overrides=overrides)
        self.applied: list[ArmParameters] = []
        self.live = LiveParameters(self, ArmParameters, self.applied.append, check)

    def change(self, **changes: Any) -> Any:
        parameters = [Parameter(name.replace("__", "."), value=value) for name, value in changes.items()]
        return self.set_parameters_atomically(parameters)


@pytest.fixture(autouse=True)
def ros(domain: int) -> Iterator[None]:
    init(args=[])
    yield
    try_shutdown()


def test_what_is_given_at_start_is_read_with_its_type() -> None:
    node = ArmNode(rate=2, threads=3, limits__velocity=[1.5, 2.5])
    current = node.live.current
    assert (current.rate, current.threads, current.velocity) == (2.0, 3, (1.5, 2.5))
    assert isinstance(current.rate, float)
    assert node.applied == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rate": -1.0}, ["rate", "must be 0 or more", "-1.0"]),
        ({"rate": "fast"}, ["rate", "number", "fast"]),
        ({"rate": float("nan")}, ["rate", "finite"]),
        ({"threads": 9}, ["threads", "9"]),
        ({"threads": True}, []),
        ({"mode": "dance"}, ["mode", "chunk", "splice", "dance"]),
        ({"low": 2.0}, ["low (2) must be below high (1)"]),
        ({"limits__velocity": ["a"]}, ["limits.velocity"]),
    ],
)
def test_what_cannot_be_used_is_refused_at_start_and_later_with_the_reason(
    given: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(RcdError) as refusal:
        ArmNode(**given)
    node = ArmNode()
    before = node.live.current
    result = node.change(**given)
    assert not result.successful
    for word in ("arm", *words):
        assert word in str(refusal.value)
    for word in words:
        assert word in result.reason
    assert node.live.current is before and node.applied == []


def test_a_change_is_judged_as_a_whole_and_applied_once() -> None:
    node = ArmNode()
    assert not node.change(low=3.0).successful
    assert node.change(low=3.0, high=4.0, rate=5).successful
    assert [(p.low, p.high, p.rate) for p in node.applied] == [(3.0, 4.0, 5.0)]
    assert node.live.current is node.applied[-1]
    assert not node.change(rate=6.0, low=9.0).successful
    assert (node.live.current.rate, node.get_parameter("rate").value) == (5.0, 5)


def test_what_the_node_cannot_use_at_present_is_refused_by_its_own_check() -> None:
    def only_two_joints(parameters: ArmParameters) -> None:
        if len(parameters.velocity) not in (0, 2):
            raise RcdError(f"limits.velocity must have 2 values, got {len(parameters.velocity)}")

    node = ArmNode(only_two_joints)
    result = node.change(limits__velocity=[1.0])
    assert (result.successful, result.reason) == (False, "limits.velocity must have 2 values, got 1")
    assert node.change(limits__velocity=[1.0, 2.0]).successful
    assert node.live.current.velocity == (1.0, 2.0)


def test_read_only_parameters_and_those_of_others_are_left_alone() -> None:
    node = ArmNode()
    node.declare_parameter("other", 1)
    assert node.change(other=2).successful
    assert not node.change(engine="openvino").successful
    assert node.applied == []


def test_descriptors_say_what_a_parameter_is() -> None:
    node = ArmNode()
    rate, threads, mode = (node.describe_parameter(name) for name in ("rate", "threads", "mode"))
    assert (rate.description, rate.additional_constraints) == ("plans a second (Hz)", "at least 0")
    assert (threads.integer_range[0].from_value, threads.integer_range[0].to_value) == (1, 8)
    assert mode.additional_constraints == "chunk or splice"
    assert node.describe_parameter("engine").read_only


def test_without_post_set_callbacks_as_in_humble_a_change_is_applied_all_the_same() -> None:
    class HumbleNode(ArmNode):
        def __getattribute__(self, name: str) -> Any:
            if name == "add_post_set_parameters_callback" and hasattr(self, "applied"):  # rclpy's own use comes before
                raise AttributeError(name)
            return super().__getattribute__(name)

    node = HumbleNode()
    assert node.change(rate=2.0).successful
    assert not node.change(rate=-2.0).successful
    assert [parameters.rate for parameters in node.applied] == [2.0]
