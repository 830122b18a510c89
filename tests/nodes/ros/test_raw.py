"""Messages as raw bytes with the time at which they were sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import JointState

from rcd_ros.nodes.ros.cdr import end_of_message
from rcd_ros.nodes.ros.raw import deserialize, subscribe_raw

SpinUntil = Callable[[Node, Callable[[], bool]], None]


def test_raw_messages_are_the_bytes_that_were_sent(ros: None, spin_until: SpinUntil) -> None:
    """Beside an ordinary subscription of the same topic in the same process."""
    node = Node("both")
    raw: list[tuple[bytes, int]] = []
    parsed: list[JointState] = []
    subscribe_raw(node, JointState, "joint_states", lambda data, sent: raw.append((data, sent)), QoSProfile(depth=10))
    node.create_subscription(JointState, "joint_states", parsed.append, 10)
    publisher = node.create_publisher(JointState, "joint_states", 10)
    spin_until(node, lambda: publisher.get_subscription_count() == 2)
    before = time.time_ns()
    message = JointState(name=["elbow"], position=[0.25])
    publisher.publish(message)
    after = time.time_ns()
    time.sleep(0.05)
    spin_until(node, lambda: bool(raw and parsed))
    ((data, sent),) = raw
    assert deserialize(JointState, data) == message and parsed == [message]
    assert before <= sent <= after, "the time is that of sending, not of taking"
    store: Any = get_typestore(Stores.ROS2_JAZZY)
    data = data[: end_of_message(JointState, data)]
    assert store.deserialize_cdr(data, "sensor_msgs/msg/JointState").name == ["elbow"], "as other readers understand it"

    node.destroy_publisher(publisher)  # the notice of it broke readers of raw messages once
    spin_until(node, lambda: not node.get_publishers_info_by_topic("joint_states"))
    again = node.create_publisher(JointState, "joint_states", 10)
    spin_until(node, lambda: again.get_subscription_count() == 2)
    again.publish(message)
    spin_until(node, lambda: len(raw) == 2)


def test_messages_that_are_taken_late_have_the_time_of_sending(ros: None, spin_until: SpinUntil) -> None:
    """Fails if messages that waited too long for a busy recorder were put behind those that followed them."""
    node = Node("late")
    sent_at: list[int] = []
    subscribe_raw(node, JointState, "joint_states", lambda _, sent: sent_at.append(sent), QoSProfile(depth=100))
    publisher = node.create_publisher(JointState, "joint_states", 100)
    spin_until(node, lambda: publisher.get_subscription_count() == 1)
    begin = time.time_ns()
    for _ in range(20):
        publisher.publish(JointState())
        time.sleep(0.05)
    taken = time.time_ns()
    spin_until(node, lambda: len(sent_at) == 20)
    assert begin <= sent_at[0] < taken and sent_at == sorted(sent_at)
