"""Quality of service from parameters, named as in ROS 2: `qos_overrides./topic.publisher.reliability`."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from typing_extensions import Self

from rcd_ros.ros.embedded.parameter_owner import ParameterOwner
from rcd_ros.ros.embedded.parameters import InvalidParameterValueException, ParameterDescriptor
from rcd_ros.ros.embedded.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


class QoSPolicyKind(enum.Enum):
    """The policies that parameters may override."""

    HISTORY = "history"
    DEPTH = "depth"
    RELIABILITY = "reliability"
    DURABILITY = "durability"


_CHOICES: dict[QoSPolicyKind, Any] = {
    QoSPolicyKind.HISTORY: HistoryPolicy,
    QoSPolicyKind.RELIABILITY: ReliabilityPolicy,
    QoSPolicyKind.DURABILITY: DurabilityPolicy,
}


class QoSOverridingOptions:
    """Which policies of a publisher or subscription may be overridden."""

    def __init__(self, policy_kinds: Iterable[QoSPolicyKind]) -> None:
        self.policy_kinds = tuple(policy_kinds)

    @classmethod
    def with_default_policies(cls) -> Self:
        """History, depth and reliability, as in ROS 2."""
        return cls((QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY))


def overridden(
    node: ParameterOwner, kind: str, topic: str, qos: QoSProfile, options: QoSOverridingOptions | None
) -> QoSProfile:
    """The profile with what the node's parameters say of it; they are declared here, read-only.

    Args:
        node: whose parameters they are.
        kind: "publisher" or "subscription".
        topic: full name.
        qos: what holds where nothing is given.
        options: which policies may be given; None: none.

    Raises:
        ParameterException: a value is given that no policy has.
    """
    for policy in options.policy_kinds if options is not None else ():
        name = f"qos_overrides.{topic}.{kind}.{policy.value}"
        if not node.has_parameter(name):
            default = getattr(qos, policy.value)
            if policy is not QoSPolicyKind.DEPTH:
                default = default.name.lower()
            descriptor = ParameterDescriptor(description=f"{policy.value} for {kind} '{topic}'", read_only=True)
            node.declare_parameter(name, default, descriptor)
        given = node.get_parameter(name).value
        qos = replace(qos, **{policy.value: _value(policy, name, given)})
    return qos


def _value(policy: QoSPolicyKind, name: str, given: Any) -> Any:
    if policy is QoSPolicyKind.DEPTH:
        if given < 1:
            raise InvalidParameterValueException(f"parameter '{name}' must be at least 1, got {given}")
        return given
    choices = {choice.name.lower(): choice for choice in _CHOICES[policy]}
    if given not in choices:
        raise InvalidParameterValueException(f"parameter '{name}' must be {' or '.join(choices)}, got '{given}'")
    return choices[given]
