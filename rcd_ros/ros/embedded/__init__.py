"""A small ROS 2 runtime over Cyclone DDS, with rclpy's names and meanings, for machines without ROS 2.

Real processes and real messages with ROS 2's wire names and types, so that both kinds of machine talk to each other.
It has what our nodes need and no more. Node code never imports it: `rcd_ros.ros` chooses.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rcd_ros.ros.embedded.clock import Clock
from rcd_ros.ros.embedded.context import Context, ExternalShutdownException, get_default_context
from rcd_ros.ros.embedded.executor import SingleThreadedExecutor
from rcd_ros.ros.embedded.future import Future
from rcd_ros.ros.embedded.lifecycle import LifecycleNode
from rcd_ros.ros.embedded.lifecycle_entities import (
    LifecyclePublisher,
    LifecycleState,
    ManagedEntity,
    SimpleManagedEntity,
)
from rcd_ros.ros.embedded.lifecycle_machine import TransitionCallbackReturn
from rcd_ros.ros.embedded.node import Node
from rcd_ros.ros.embedded.parameters import Parameter, ParameterDescriptor, ParameterException, SetParametersResult
from rcd_ros.ros.embedded.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)
from rcd_ros.ros.embedded.qos_overrides import QoSOverridingOptions, QoSPolicyKind
from rcd_ros.ros.embedded.sources import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rcd_ros.ros.embedded.time import ClockType, Duration, Time

__all__ = [
    "Clock",
    "ClockType",
    "Context",
    "DurabilityPolicy",
    "Duration",
    "ExternalShutdownException",
    "Future",
    "HistoryPolicy",
    "LifecycleNode",
    "LifecyclePublisher",
    "LifecycleState",
    "ManagedEntity",
    "MutuallyExclusiveCallbackGroup",
    "Node",
    "Parameter",
    "ParameterDescriptor",
    "ParameterException",
    "QoSOverridingOptions",
    "QoSPolicyKind",
    "QoSProfile",
    "ReentrantCallbackGroup",
    "ReliabilityPolicy",
    "SetParametersResult",
    "SimpleManagedEntity",
    "SingleThreadedExecutor",
    "Time",
    "TransitionCallbackReturn",
    "get_default_context",
    "init",
    "ok",
    "qos_profile_sensor_data",
    "shutdown",
    "spin",
    "spin_once",
    "spin_until_future_complete",
    "try_shutdown",
]


def init(*, args: Sequence[str] | None = None, domain_id: int | None = None) -> None:
    """Start the runtime: read `--ros-args`, join the domain, catch SIGINT and SIGTERM."""
    get_default_context().init(args, domain_id=domain_id)


def ok() -> bool:
    """Whether the runtime is started and not shut down."""
    return get_default_context().ok()


def shutdown() -> None:
    """End the runtime; raises `RuntimeError` when it is not running."""
    get_default_context().shutdown()


def try_shutdown() -> None:
    """End the runtime if it is running."""
    get_default_context().try_shutdown()


def spin(node: Node, executor: SingleThreadedExecutor | None = None) -> None:
    """Run a node's callbacks until the runtime is shut down; raises `ExternalShutdownException` when it is."""
    with _serving(node, executor) as serving:
        serving.spin()


def spin_once(node: Node, *, executor: SingleThreadedExecutor | None = None, timeout_sec: float | None = None) -> None:
    """Run one callback of a node, waiting for it at most `timeout_sec`."""
    with _serving(node, executor) as serving:
        serving.spin_once(timeout_sec)


def spin_until_future_complete(
    node: Node, future: Future, executor: SingleThreadedExecutor | None = None, timeout_sec: float | None = None
) -> None:
    """Run a node's callbacks until the future is done or the timeout has passed."""
    with _serving(node, executor) as serving:
        serving.spin_until_future_complete(future, timeout_sec)


@contextmanager
def _serving(node: Node, executor: SingleThreadedExecutor | None) -> Iterator[SingleThreadedExecutor]:
    """The executor of a call that spins: the given one, or one made for this call, which takes the node from its own.

    That a node is taken from the executor that it was added to, whose other nodes are not served then, is as in rclpy.
    """
    if executor is not None:
        executor.add_node(node)
        yield executor
        return
    temporary = SingleThreadedExecutor(context=node.context)
    temporary.add_node(node)
    try:
        yield temporary
    finally:
        temporary.shutdown()
