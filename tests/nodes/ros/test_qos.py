"""Quality of service by parameters, named as ROS 2 names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rclpy.exceptions import ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String

from rcd_ros.nodes.ros.qos import LATCHED, OVERRIDABLE, STATE

SpinUntil = Callable[[Node, Callable[[], bool]], None]
TOPIC = "qos_overrides./words.publisher"


def speaker(**given: Any) -> Node:
    overrides = [Parameter(f"{TOPIC}.{policy}", value=value) for policy, value in given.items()]
    return Node("speaker", parameter_overrides=overrides)


def test_what_a_latched_topic_has_said_is_heard_by_who_comes_later(ros: None, spin_until: SpinUntil) -> None:
    node, listener, heard = speaker(), Node("listener"), []
    node.create_publisher(String, "words", LATCHED.profile()).publish(String(data="before"))
    listener.create_subscription(String, "words", lambda message: heard.append(message.data), LATCHED.profile())
    spin_until(listener, lambda: heard == ["before"])


def test_parameters_override_a_profile_and_say_what_holds(ros: None, spin_until: SpinUntil) -> None:
    node, listener, heard = speaker(durability="transient_local", depth=3), Node("listener"), []
    publisher = node.create_publisher(String, "words", STATE.profile(), qos_overriding_options=OVERRIDABLE)
    for word in ("a", "b", "c", "d"):
        publisher.publish(String(data=word))
    listener.create_subscription(String, "words", lambda message: heard.append(message.data), LATCHED.profile())
    spin_until(listener, lambda: bool(heard))
    values = {policy: node.get_parameter(f"{TOPIC}.{policy}").value for policy in ("reliability", "depth", "history")}
    assert values == {"reliability": "reliable", "depth": 3, "history": "keep_last"}
    assert node.describe_parameter(f"{TOPIC}.depth").read_only
    assert STATE.durability == DurabilityPolicy.VOLATILE, "the profile itself stays as it was"
    node.create_publisher(String, "words", STATE.profile(), qos_overriding_options=OVERRIDABLE)


def test_a_profile_without_a_depth_is_refused_as_under_rclpy() -> None:
    with pytest.raises(Exception, match="depth"):
        QoSProfile(durability=DurabilityPolicy.TRANSIENT_LOCAL)


def test_what_no_policy_is_called_is_refused(ros: None) -> None:
    node = speaker(reliability="perfect")
    with pytest.raises((ParameterException, RuntimeError), match="perfect"):  # the latter is rclpy's
        node.create_publisher(String, "words", STATE.profile(), qos_overriding_options=OVERRIDABLE)
