"""The messages and services that our nodes speak, from ROS 2's packages or the embedded runtime's generator.

`from rcd_ros.ros.messages import JointState`; each class is made or imported when it is first asked for.
Fields are assigned as ROS 2's own classes want them: lists (not NumPy arrays) of Python floats, one-byte `bytes` for
`DiagnosticStatus.level`. Received sequences may be lists or `array.array`.
"""

from __future__ import annotations

import importlib
from typing import Any

from rcd_ros.ros.choice import RUNTIME

_TYPES = {
    "Bool": "std_msgs/msg/Bool",
    "ClockMessage": "rosgraph_msgs/msg/Clock",
    "ColorRGBA": "std_msgs/msg/ColorRGBA",
    "DiagnosticArray": "diagnostic_msgs/msg/DiagnosticArray",
    "DiagnosticStatus": "diagnostic_msgs/msg/DiagnosticStatus",
    "DurationMessage": "builtin_interfaces/msg/Duration",
    "Float64": "std_msgs/msg/Float64",
    "Float64MultiArray": "std_msgs/msg/Float64MultiArray",
    "FloatingPointRange": "rcl_interfaces/msg/FloatingPointRange",
    "Header": "std_msgs/msg/Header",
    "Image": "sensor_msgs/msg/Image",
    "IntegerRange": "rcl_interfaces/msg/IntegerRange",
    "JointState": "sensor_msgs/msg/JointState",
    "JointTrajectory": "trajectory_msgs/msg/JointTrajectory",
    "JointTrajectoryPoint": "trajectory_msgs/msg/JointTrajectoryPoint",
    "KeyValue": "diagnostic_msgs/msg/KeyValue",
    "LifecycleStateMessage": "lifecycle_msgs/msg/State",
    "Marker": "visualization_msgs/msg/Marker",
    "MarkerArray": "visualization_msgs/msg/MarkerArray",
    "Odometry": "nav_msgs/msg/Odometry",
    "ParameterEvent": "rcl_interfaces/msg/ParameterEvent",
    "ParameterMessage": "rcl_interfaces/msg/Parameter",
    "ParameterValue": "rcl_interfaces/msg/ParameterValue",
    "Path": "nav_msgs/msg/Path",
    "Point": "geometry_msgs/msg/Point",
    "Pose": "geometry_msgs/msg/Pose",
    "PoseStamped": "geometry_msgs/msg/PoseStamped",
    "Quaternion": "geometry_msgs/msg/Quaternion",
    "String": "std_msgs/msg/String",
    "TFMessage": "tf2_msgs/msg/TFMessage",
    "TimeMessage": "builtin_interfaces/msg/Time",
    "Transform": "geometry_msgs/msg/Transform",
    "TransformStamped": "geometry_msgs/msg/TransformStamped",
    "Transition": "lifecycle_msgs/msg/Transition",
    "TransitionEvent": "lifecycle_msgs/msg/TransitionEvent",
    "Twist": "geometry_msgs/msg/Twist",
    "Vector3": "geometry_msgs/msg/Vector3",
    "ChangeState": "lifecycle_msgs/srv/ChangeState",
    "DescribeParameters": "rcl_interfaces/srv/DescribeParameters",
    "Empty": "std_srvs/srv/Empty",
    "GetAvailableStates": "lifecycle_msgs/srv/GetAvailableStates",
    "GetAvailableTransitions": "lifecycle_msgs/srv/GetAvailableTransitions",
    "GetParameterTypes": "rcl_interfaces/srv/GetParameterTypes",
    "GetParameters": "rcl_interfaces/srv/GetParameters",
    "GetState": "lifecycle_msgs/srv/GetState",
    "ListParameters": "rcl_interfaces/srv/ListParameters",
    "ResetWorld": "mujoco_ros2_control_msgs/srv/ResetWorld",
    "SetBool": "std_srvs/srv/SetBool",
    "SetParameters": "rcl_interfaces/srv/SetParameters",
    "SetParametersAtomically": "rcl_interfaces/srv/SetParametersAtomically",
    "SetPause": "mujoco_ros2_control_msgs/srv/SetPause",
    "StepSimulation": "mujoco_ros2_control_msgs/srv/StepSimulation",
    "Trigger": "std_srvs/srv/Trigger",
}


def __getattr__(name: str) -> Any:
    if name not in _TYPES:
        raise AttributeError(f"rcd_ros.ros.messages has no '{name}'; it has: {', '.join(_TYPES)}")
    loaded = load_interface(_TYPES[name])
    globals()[name] = loaded
    return loaded


def __dir__() -> list[str]:
    return sorted(_TYPES)


def load_interface(type_name: str) -> Any:
    """The class of any message or service by its full name, such as `sensor_msgs/msg/JointState`.

    Raises:
        ImportError: ROS 2 has no such package here (or `AttributeError`: it has, but no such type).
        RcdError: the embedded runtime has no definition of it.
    """
    package, kind, name = type_name.split("/")
    if RUNTIME == "rclpy":
        return getattr(importlib.import_module(f"{package}.{kind}"), name)
    from rcd_ros.ros.embedded.messages import message_class, service_class

    return message_class(type_name) if kind == "msg" else service_class(type_name)
