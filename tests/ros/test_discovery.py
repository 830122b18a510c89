"""What a recorder asks of the runtime: which topics there are, and their messages as raw bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rosbags.typesys import Stores, get_typestore

from rcd_ros.ros import DurabilityPolicy, Node, QoSProfile, ReliabilityPolicy
from rcd_ros.ros.messages import JointState, String
from rcd_ros.ros.raw import serialize, subscribe_raw

SpinUntil = Callable[[Node, Callable[[], bool]], None]


def test_topics_come_and_go_with_their_types_and_qos(ros: None, spin_until: SpinUntil) -> None:
    watcher, talker = Node("watcher"), Node("talker", namespace="left")
    latched = QoSProfile(
        depth=1, reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.TRANSIENT_LOCAL
    )
    talker.create_publisher(JointState, "joint_states", 10)
    publisher = talker.create_publisher(String, "label", latched)
    watcher.create_subscription(String, "heard", print, 10)

    def topics() -> dict[str, list[str]]:
        return dict(watcher.get_topic_names_and_types())

    spin_until(watcher, lambda: "/left/label" in topics())
    assert topics()["/left/joint_states"] == ["sensor_msgs/msg/JointState"]
    assert topics()["/heard"] == ["std_msgs/msg/String"], "a topic that is only listened to is one, too"
    assert not any("describe_parameters" in name for name in topics()), "services are no topics"
    (label,) = watcher.get_publishers_info_by_topic("/left/label")
    assert (label.topic_type, label.qos_profile.reliability) == ("std_msgs/msg/String", ReliabilityPolicy.BEST_EFFORT)
    assert label.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
    (states,) = watcher.get_publishers_info_by_topic("/left/joint_states")
    assert states.qos_profile.reliability == ReliabilityPolicy.RELIABLE

    talker.destroy_publisher(publisher)
    spin_until(watcher, lambda: "/left/label" not in topics())
    assert watcher.get_publishers_info_by_topic("/left/label") == []


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
    assert data == serialize(message) and parsed == [message]
    assert before <= sent <= after, "the time is that of sending, not of taking"
    store: Any = get_typestore(Stores.ROS2_JAZZY)
    assert store.deserialize_cdr(data, "sensor_msgs/msg/JointState").name == ["elbow"], "as other readers understand it"

    node.destroy_publisher(publisher)  # the notice of it broke readers of raw messages once
    spin_until(node, lambda: not node.get_publishers_info_by_topic("joint_states"))
    again = node.create_publisher(JointState, "joint_states", 10)
    spin_until(node, lambda: again.get_subscription_count() == 2)
    again.publish(message)
    spin_until(node, lambda: len(raw) == 2)
