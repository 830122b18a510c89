"""Records the messages of topics into a bag (MCAP), until it ends or the disk is full.

Messages are stored as serialised. The topics of our nodes are subscribed to from the start, so that their first
messages are recorded; others are added as they are discovered.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from rosbags.interfaces import Qos

from rcd_ros.data.bags.writer import BagWriter, check_new_bag, qos, typestore
from rcd_ros.errors import RcdError
from rcd_ros.nodes.recorder import RECORDER
from rcd_ros.nodes.ros.cdr import end_of_message
from rcd_ros.nodes.ros.installation import load_interface, ros_versions
from rcd_ros.nodes.ros.messages import diagnostics
from rcd_ros.nodes.ros.parameters import NodeParameters, parameter, read_parameters
from rcd_ros.nodes.ros.raw import subscribe_raw, what_waits
from rcd_ros.nodes.ros.run import run_node

OUR_TOPICS: Mapping[str, str] = {
    "clock": "rosgraph_msgs/msg/Clock",
    "diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
    "joint_states": "sensor_msgs/msg/JointState",
    "joint_trajectory": "trajectory_msgs/msg/JointTrajectory",
    "object_states": "sensor_msgs/msg/JointState",
    "task_completions": "std_msgs/msg/String",
}
"""Relative names and types: subscribed to before they are published."""

OUR_TYPES = frozenset(OUR_TOPICS.values()) | {
    "geometry_msgs/msg/PoseStamped",
    "lifecycle_msgs/msg/TransitionEvent",
    "nav_msgs/msg/Odometry",
    "nav_msgs/msg/Path",
    "rcl_interfaces/msg/Log",
    "std_msgs/msg/Bool",
    "std_msgs/msg/Float64",
    "std_msgs/msg/Float64MultiArray",
    "tf2_msgs/msg/TFMessage",
    "visualization_msgs/msg/Marker",
    "visualization_msgs/msg/MarkerArray",
}
"""Topics of these types are recorded unless the parameters say otherwise: those of our nodes, and no images."""

LONGEST_S = 1e9
"""Longest recording (s); rclpy's timers cannot be longer than ten times that."""
LOOK_S = 0.2
"""How often to look for new topics (s)."""
DEPTH = 2000
"""Queue of each subscription; the oldest messages are lost first, so that a slow disk never slows a robot down."""


class RecorderParameters(NodeParameters):
    """What is recorded, where to, and how long."""

    output: str = parameter("", "new folder of the bag", required="a folder")
    topics: tuple[str, ...] = parameter((), "topics to record, none: those of our nodes' types")
    all: bool = parameter(False, "record every topic, of whatever type")
    seconds: float = parameter(
        0.0, "how long to record, 0: until it is ended", unit="s", minimum=0.0, maximum=LONGEST_S
    )
    max_size: float = parameter(0.0, "size at which to end, 0: none", unit="MB", minimum=0.0)
    exit_on_failure: bool = parameter(False, "end when the disk is full")


class BagRecorder(Node):
    """Subscribes to topics and writes what they carry; it publishes nothing but its diagnostics.

    When the disk is full or cannot be written, it logs one error, saves what it can, and stays without recording: a
    launch would end with it (`exit_on_failure` ends it instead).
    """

    def __init__(self) -> None:
        """Make the bag.

        Raises:
            RcdError: a parameter cannot be used, or the bag's folder exists.
        """
        super().__init__(RECORDER)
        given = read_parameters(self, RecorderParameters)
        self._folder = Path(given.output)
        self._chosen = {self._full_name(topic): topic for topic in given.topics}
        self._all, self._exit_on_failure = given.all, given.exit_on_failure
        check_new_bag(self._folder)

        self.problem = ""
        """Why nothing is recorded any more; empty while all is well."""
        self._max_bytes = given.max_size * 1e6
        self._writer: BagWriter | None = None
        self._subscriptions_of: dict[str, tuple[QoSProfile, Subscription[Any]]] = {}
        self._unknown: set[str] = set()
        self._wall = Clock(clock_type=ClockType.STEADY_TIME)
        self._diagnostics = self.create_publisher(DiagnosticArray, "diagnostics", 10)
        self.create_timer(1.0, self._report, clock=self._wall)
        # The last of what may refuse to record: a refusal leaves no bag.
        try:
            self._writer = BagWriter(self._folder, ros_versions())
        except OSError as error:
            self._fail(error)
            return
        if not self._chosen:
            for topic, type_name in OUR_TOPICS.items():
                self._listen(self.resolve_topic_name(topic), type_name, _matching([]))
        self.create_timer(LOOK_S, self._look, clock=self._wall)
        if given.seconds:
            self.create_timer(given.seconds, self._finish, clock=self._wall)
        self.get_logger().info(f"recording into '{self._folder}'")

    def destroy_node(self) -> None:
        """Complete the bag."""
        self._record_what_waits()
        self._close()
        super().destroy_node()

    def _full_name(self, topic: str) -> str:
        try:
            return self.resolve_topic_name(topic)
        # rcl's error is of a private type, without a common base with the one that rclpy documents.
        except Exception as error:
            reason = str(error).removeprefix("failed to resolve name: ").partition(", at ")[0]
            raise RcdError(
                f"parameter 'topics' of {self.get_name()}: '{topic}' is no topic's name: {reason}"
            ) from error

    def _look(self) -> None:
        """Listen to topics that are new, and again to those whose publishers turn out to have another QoS."""
        if self._writer is None:
            return
        for topic, types in self.get_topic_names_and_types():
            if self._is_wanted(topic, types):
                offered = [publisher.qos_profile for publisher in self.get_publishers_info_by_topic(topic)]
                profile = _matching(offered)
                if topic not in self._subscriptions_of or self._subscriptions_of[topic][0] != profile:
                    self._listen(topic, types[0], profile)
                if topic in self._subscriptions_of and offered:
                    self._writer.join(topic, types[0], _offered(profile))

    def _is_wanted(self, topic: str, types: list[str]) -> bool:
        if topic in self._unknown:
            return False
        if self._chosen:
            return topic in self._chosen
        return self._all or types[0] in OUR_TYPES

    def _listen(self, topic: str, type_name: str, profile: QoSProfile) -> None:
        try:
            message_type = load_interface(type_name)
            typestore().hash_rihs01(type_name)
        except (ImportError, KeyError):
            self._unknown.add(topic)
            self.get_logger().warning(f"'{topic}' is not recorded: there is no definition of {type_name} here")
            return
        if topic in self._subscriptions_of:
            self.destroy_subscription(self._subscriptions_of[topic][1])
        callback = partial(self._on_message, topic, type_name, message_type, _offered(profile))
        self._subscriptions_of[topic] = profile, subscribe_raw(self, message_type, topic, callback, profile)

    def _on_message(self, topic: str, type_name: str, message_type: type, offered: Qos, data: bytes, sent: int) -> None:
        if self._writer is None:
            return
        with suppress(ValueError):  # what is no message of its type is recorded as it came
            data = data[: end_of_message(message_type, data)]  # Fast CDR appends bytes, which strict readers refuse
        try:
            self._writer.join(topic, type_name, offered)
            self._writer.write(topic, sent, data)
        except OSError as error:
            self._fail(error)
            return
        if self._max_bytes and self._writer.size >= self._max_bytes:
            self.get_logger().info(f"the bag has reached {self._max_bytes / 1e6:g} MB")
            self._finish()

    def _record_what_waits(self) -> None:
        """On a busy machine that may be a second of a run."""
        calls = [call for _, subscription in self._subscriptions_of.values() for call in what_waits(subscription)]
        try:
            for call in calls:
                call()
        except SystemExit:
            pass  # the bag has reached its size; it ends anyway
        except RcdError as error:
            self.get_logger().error(str(error))

    def _finish(self) -> None:
        """All that was asked for is recorded."""
        self._close()
        raise SystemExit(2 if self.problem else 0)

    def _fail(self, error: OSError) -> None:
        """Nothing more can be written."""
        self._close(error)
        if self._exit_on_failure:
            raise RcdError(self.problem)
        self.get_logger().error(self.problem)
        self._stop_listening()

    def _close(self, failure: OSError | None = None) -> None:
        """End the bag, after a `failure` as far as that goes."""
        writer, self._writer = self._writer, None
        kept = ""
        if writer is not None:
            try:
                writer.close()
            except OSError as error:
                failure = failure or error
                kept = f"; the bag's beginning is there, without an index ({error.strerror or error})"
            else:
                kept = f"; {_summary(writer)}"
        if failure is not None:
            self.problem = f"cannot record into '{self._folder}' ({failure.strerror or failure}): not recording{kept}"
        elif writer is not None:
            self.get_logger().info(_summary(writer))
            for topic in sorted(self._chosen.keys() - {topic for topic, count in writer.counts.items() if count}):
                self.get_logger().warning(f"no message arrived on '{topic}': is its name right, and is it published?")

    def _stop_listening(self) -> None:
        for _, subscription in self._subscriptions_of.values():
            self.destroy_subscription(subscription)
        self._subscriptions_of.clear()

    def _report(self) -> None:
        writer = self._writer
        values = {
            "recording": writer is not None,
            "folder": self._folder,
            "topics": len(writer.counts) if writer else 0,
            "messages": writer.messages if writer else 0,
            "megabytes": round(writer.size / 1e6, 3) if writer else 0.0,
        }
        self._diagnostics.publish(diagnostics(time.time_ns(), self.get_fully_qualified_name(), self.problem, values))


def _summary(writer: BagWriter) -> str:
    kept = f"{writer.messages} messages of {len(writer.counts)} topics, {writer.size / 1e6:.2f} MB"
    return f"{kept}, are in '{writer.folder}'"


def _matching(offered: Sequence[QoSProfile]) -> QoSProfile:
    """What receives from all publishers that offer these, as much as they all do."""
    reliable = all(profile.reliability != ReliabilityPolicy.BEST_EFFORT for profile in offered)
    latched = bool(offered) and all(profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for profile in offered)
    return QoSProfile(
        depth=DEPTH,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _offered(profile: QoSProfile) -> Qos:
    """The quality of service that the bag states for a topic."""
    reliable = profile.reliability == ReliabilityPolicy.RELIABLE
    return qos(reliable, profile.durability == DurabilityPolicy.TRANSIENT_LOCAL)


def main(args: list[str] | None = None) -> int:
    """Entry point of the `bag_recorder_node` executable."""
    return run_node(BagRecorder, args)


if __name__ == "__main__":
    sys.exit(main())
