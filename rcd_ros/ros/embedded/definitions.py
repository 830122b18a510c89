"""ROS 2's interface definitions: fields, constants, wire names and RIHS01 type hashes.

The texts come from the `rosbags` package's store of ROS 2 Jazzy messages; services are not in that store, so the few
that our nodes use are written here and registered once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from rcd_ros.errors import RcdError

SERVICES: dict[str, tuple[str, str]] = {
    "std_srvs/srv/Empty": ("", ""),
    "std_srvs/srv/Trigger": ("", "bool success\nstring message"),
    "std_srvs/srv/SetBool": ("bool data", "bool success\nstring message"),
    # As released with mujoco_ros2_control 0.0.3.
    "mujoco_ros2_control_msgs/srv/ResetWorld": ("string keyframe", "bool success\nstring message"),
    "mujoco_ros2_control_msgs/srv/SetPause": ("bool paused", "bool success\nstring message"),
    "mujoco_ros2_control_msgs/srv/StepSimulation": ("uint32 steps", "bool success\nstring message"),
    "lifecycle_msgs/srv/ChangeState": ("lifecycle_msgs/Transition transition", "bool success"),
    "lifecycle_msgs/srv/GetAvailableStates": ("", "lifecycle_msgs/State[] available_states"),
    "lifecycle_msgs/srv/GetAvailableTransitions": (
        "",
        "lifecycle_msgs/TransitionDescription[] available_transitions",
    ),
    "lifecycle_msgs/srv/GetState": ("", "lifecycle_msgs/State current_state"),
    "rcl_interfaces/srv/DescribeParameters": (
        "string[] names",
        "rcl_interfaces/ParameterDescriptor[] descriptors",
    ),
    "rcl_interfaces/srv/GetParameterTypes": ("string[] names", "uint8[] types"),
    "rcl_interfaces/srv/GetParameters": ("string[] names", "rcl_interfaces/ParameterValue[] values"),
    "rcl_interfaces/srv/ListParameters": (
        "uint64 DEPTH_RECURSIVE=0\nstring[] prefixes\nuint64 depth",
        "rcl_interfaces/ListParametersResult result",
    ),
    "rcl_interfaces/srv/SetParameters": (
        "rcl_interfaces/Parameter[] parameters",
        "rcl_interfaces/SetParametersResult[] results",
    ),
    "rcl_interfaces/srv/SetParametersAtomically": (
        "rcl_interfaces/Parameter[] parameters",
        "rcl_interfaces/SetParametersResult result",
    ),
}
_EMPTY = "uint8 structure_needs_at_least_one_member"  # what ROS 2 puts into a message without members


@dataclass(frozen=True)
class Field:
    """One member of a message: a base type (`float64`) or another message, alone, in an array or in a sequence."""

    name: str
    base: str
    is_message: bool
    array_length: int | None = None
    is_sequence: bool = False
    sequence_bound: int = 0


@lru_cache(maxsize=1)
def _store() -> Any:
    store = get_typestore(Stores.ROS2_JAZZY)
    for name, texts in SERVICES.items():
        for part, text in zip(("Request", "Response"), texts, strict=True):
            (parsed,) = get_types_from_msg(text or _EMPTY, part).values()
            store.register({f"{name}_{part}": parsed})
    return store


def constants(type_name: str) -> dict[str, Any]:
    """Constants of a message, as written in its definition (`byte` constants as one-byte `bytes`, as in rclpy)."""
    return {name: bytes([value]) if base == "byte" else value for name, base, value in _definition(type_name)[0]}


def fields(type_name: str) -> list[Field]:
    """Members of a message in wire order; raises `RcdError` for a type that is not in the store."""
    return [_field(name, node) for name, node in _definition(type_name)[1]]


def type_hash(type_name: str) -> str:
    """The RIHS01 hash (REP-2016) that ROS 2 exchanges in discovery, e.g. `RIHS01_df66...`."""
    _definition(type_name)
    return str(_store().hash_rihs01(type_name))


def dds_type_name(type_name: str) -> str:
    """Wire name of a type: `sensor_msgs/msg/JointState` -> `sensor_msgs::msg::dds_::JointState_`."""
    package, kind, name = type_name.split("/")
    return f"{package}::{kind}::dds_::{name}_"


def _definition(type_name: str) -> tuple[list[tuple[str, str, Any]], list[tuple[str, Any]]]:
    definition = _store().fielddefs.get(type_name)
    if definition is None:
        raise RcdError(f"the embedded runtime has no definition of '{type_name}'; it knows ROS 2 Jazzy's standard ones")
    constant_list, members = definition
    return constant_list, members


def _field(name: str, node: tuple[Nodetype, Any]) -> Field:
    kind, detail = node
    if kind == Nodetype.BASE:
        return Field(name, detail[0], is_message=False)
    if kind == Nodetype.NAME:
        return Field(name, detail, is_message=True)
    element, size = detail
    inner = _field(name, element)
    if kind == Nodetype.ARRAY:
        return Field(name, inner.base, inner.is_message, array_length=size)
    return Field(name, inner.base, inner.is_message, is_sequence=True, sequence_bound=size)
