"""The quality of service of our topics, by what they carry.

Each can be overridden topic by topic, as ROS 2 does it: by the parameter
`qos_overrides./joint_states.subscription.reliability`, for example, with the value `best_effort`.
"""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

OVERRIDABLE = QoSOverridingOptions(
    [QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY, QoSPolicyKind.DURABILITY]
)
"""To be given as `qos_overriding_options` when a publisher or subscription is made."""


@dataclass(frozen=True)
class NamedQos:
    """What holds for a kind of topic; the last `depth` messages are kept."""

    depth: int = 10
    reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE
    durability: DurabilityPolicy = DurabilityPolicy.VOLATILE

    def profile(self) -> QoSProfile:
        """A profile of its own for each publisher and subscription: rclpy writes overrides into it."""
        return QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=self.depth,
            reliability=self.reliability,
            durability=self.durability,
        )


CONTROL = NamedQos()
"""Trajectories: none may be lost on the way; a late subscriber needs none of the old ones."""
STATE = NamedQos()
"""Joint states and odometry. Overridden with best effort, it matches best-effort and reliable publishers."""
LATCHED = NamedQos(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""What holds until the next one, such as a goal."""
DIAGNOSTICS = NamedQos()
"""What nodes report of themselves."""
