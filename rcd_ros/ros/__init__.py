"""The seam: ROS 2's own Python names where ROS 2 is installed, the embedded runtime's where it is not.

Node code imports ROS names from here, messages and services from `rcd_ros.ros.messages`, and nothing else of ROS.
`RCD_ROS_RUNTIME=embedded` chooses the embedded runtime even where `rclpy` can be imported.

All of these names are in Humble's rclpy and in Jazzy's. Humble's nodes lack pre-set and post-set parameter callbacks;
`rcd_ros.nodes.live_parameters` does without them there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rcd_ros.ros.choice import RUNTIME

if TYPE_CHECKING or RUNTIME == "embedded":
    from rcd_ros.ros.embedded import (
        Clock,
        ClockType,
        DurabilityPolicy,
        Duration,
        ExternalShutdownException,
        Future,
        HistoryPolicy,
        LifecycleNode,
        LifecyclePublisher,
        LifecycleState,
        ManagedEntity,
        MutuallyExclusiveCallbackGroup,
        Node,
        Parameter,
        ParameterDescriptor,
        ParameterException,
        QoSOverridingOptions,
        QoSPolicyKind,
        QoSProfile,
        ReentrantCallbackGroup,
        ReliabilityPolicy,
        SetParametersResult,
        SimpleManagedEntity,
        SingleThreadedExecutor,
        Time,
        TransitionCallbackReturn,
        init,
        ok,
        qos_profile_sensor_data,
        shutdown,
        spin,
        spin_once,
        spin_until_future_complete,
        try_shutdown,
    )
else:
    from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
    from rclpy import init, ok, shutdown, spin, spin_once, spin_until_future_complete, try_shutdown
    from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
    from rclpy.clock import Clock, ClockType
    from rclpy.duration import Duration
    from rclpy.exceptions import ParameterException
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
    from rclpy.lifecycle import (
        LifecycleNode,
        LifecyclePublisher,
        LifecycleState,
        ManagedEntity,
        SimpleManagedEntity,
        TransitionCallbackReturn,
    )
    from rclpy.node import Node
    from rclpy.parameter import Parameter
    from rclpy.qos import (
        DurabilityPolicy,
        HistoryPolicy,
        QoSPolicyKind,
        QoSProfile,
        ReliabilityPolicy,
        qos_profile_sensor_data,
    )
    from rclpy.qos_overriding_options import QoSOverridingOptions
    from rclpy.task import Future
    from rclpy.time import Time

from rcd_ros.ros.run import run_node

__all__ = [
    "RUNTIME",
    "Clock",
    "ClockType",
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
    "init",
    "ok",
    "qos_profile_sensor_data",
    "run_node",
    "shutdown",
    "spin",
    "spin_once",
    "spin_until_future_complete",
    "try_shutdown",
]
