"""Quality of service, with rclpy's names, and its translation to Cyclone DDS."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cyclonedds.core import Policy, Qos
from cyclonedds.util import duration

_DEPTH = 10  # of ROS 2's default profile


class ReliabilityPolicy(enum.IntEnum):
    """Whether lost samples are sent again."""

    SYSTEM_DEFAULT = 0
    RELIABLE = 1
    BEST_EFFORT = 2


class DurabilityPolicy(enum.IntEnum):
    """Whether a late subscriber receives earlier samples."""

    SYSTEM_DEFAULT = 0
    TRANSIENT_LOCAL = 1
    VOLATILE = 2


class HistoryPolicy(enum.IntEnum):
    """How many samples are kept."""

    SYSTEM_DEFAULT = 0
    KEEP_LAST = 1
    KEEP_ALL = 2


class InvalidQoSProfileException(Exception):
    """A profile that says nothing of its history."""

    def __init__(self, reason: str) -> None:
        super().__init__("Invalid QoSProfile", reason)


@dataclass(frozen=True, kw_only=True)
class QoSProfile:
    """The QoS of one publisher or subscription; the defaults are ROS 2's.

    Raises:
        InvalidQoSProfileException: it is to keep the last samples, and there is no depth.
    """

    depth: int = -1  # none was given
    history: HistoryPolicy = HistoryPolicy.KEEP_LAST
    reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE
    durability: DurabilityPolicy = DurabilityPolicy.VOLATILE

    def __post_init__(self) -> None:
        if self.depth < 0:
            if self.history == HistoryPolicy.KEEP_LAST:
                raise InvalidQoSProfileException("History set to KEEP_LAST without a depth setting.")
            object.__setattr__(self, "depth", _DEPTH)

    @classmethod
    def of(cls, profile_or_depth: QoSProfile | int) -> QoSProfile:
        """A profile from what rclpy accepts wherever it wants one: a profile, or a depth alone."""
        return profile_or_depth if isinstance(profile_or_depth, QoSProfile) else cls(depth=profile_or_depth)

    def to_dds(self, user_data: str) -> Qos:
        """The DDS policies; `user_data` is what ROS 2 exchanges in discovery (`typehash=...;`)."""
        history = (
            Policy.History.KeepAll if self.history == HistoryPolicy.KEEP_ALL else Policy.History.KeepLast(self.depth)
        )
        policies = [
            history,
            Policy.Reliability.BestEffort
            if self.reliability == ReliabilityPolicy.BEST_EFFORT
            else Policy.Reliability.Reliable(duration(infinite=True)),
            Policy.DataRepresentation(use_cdrv0_representation=True, use_xcdrv2_representation=False),
            Policy.WriterDataLifecycle(autodispose=False),
            Policy.Userdata(user_data.encode()),
        ]
        if self.durability == DurabilityPolicy.TRANSIENT_LOCAL:
            unlimited = -1
            policies += [
                Policy.Durability.TransientLocal,
                Policy.DurabilityService(0, history, unlimited, unlimited, unlimited),
            ]
        else:
            policies.append(Policy.Durability.Volatile)
        return Qos(*policies)


qos_profile_sensor_data = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
qos_profile_services_default = QoSProfile(depth=10)
qos_profile_parameter_services = QoSProfile(depth=1000)
