"""Bags written by rosbags alone, of the tiny task's messages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from rosbags.rosbag2 import StoragePlugin, Writer

from rcd_ros.data.bags.writer import definition, typestore

STORE: Any = typestore()
PERIOD = 100_000_000
ARM = ("elbow", "wrist")
Event = tuple[int, str, str, Any]
"""Time (ns), topic, type, message."""


def make(type_name: str, **fields: Any) -> Any:
    return STORE.types[type_name](**fields)


def header(stamp: int, frame: str = "") -> Any:
    time = make("builtin_interfaces/msg/Time", sec=stamp // 10**9, nanosec=stamp % 10**9)
    return make("std_msgs/msg/Header", stamp=time, frame_id=frame)


def joint_state(stamp: int, names: Sequence[str], positions: ArrayLike, velocities: ArrayLike) -> Any:
    arrays = [np.asarray(values, np.float64) for values in (positions, velocities)]
    return make(
        "sensor_msgs/msg/JointState",
        header=header(stamp),
        name=list(names),
        position=arrays[0],
        velocity=arrays[1],
        effort=np.empty(0),
    )


def observe(
    time: int, stamp: int, values: Sequence[float], namespace: str = "", backwards: bool = False
) -> list[Event]:
    """The tiny task's observation as it comes from a robot, whose joints may stand in another order."""
    order = [1, 0] if backwards else [0, 1]
    arm = joint_state(stamp, [ARM[i] for i in order], [values[i] for i in order], [values[2 + i] for i in order])
    door = joint_state(stamp, ["door"], values[4:], [0.0])
    kind = "sensor_msgs/msg/JointState"
    return [(time, f"{namespace}/joint_states", kind, arm), (time + 1, f"{namespace}/object_states", kind, door)]


def trajectory(
    time: int,
    stamp: int,
    velocities: ArrayLike,
    positions: ArrayLike | None = None,
    namespace: str = "",
    ends: Sequence[int] | None = None,
) -> Event:
    """A plan of the tiny task's two joints; each point lasts one period unless `ends` (ns) says otherwise."""
    rows = np.asarray(velocities, np.float64)
    since = ends or [(i + 1) * PERIOD for i in range(len(rows))]
    places = np.zeros((len(rows), 0)) if positions is None else np.asarray(positions, np.float64)
    message = _trajectory(stamp, ARM, since, places, rows)
    return time, f"{namespace}/joint_trajectory", "trajectory_msgs/msg/JointTrajectory", message


def array(values: Sequence[float]) -> Any:
    layout = make("std_msgs/msg/MultiArrayLayout", dim=[], data_offset=0)
    return make("std_msgs/msg/Float64MultiArray", layout=layout, data=np.asarray(values, np.float64))


def pose(stamp: int, place: Sequence[float], frame: str = "", turn: Sequence[float] = (0.0, 0.0, 0.0, 1.0)) -> Any:
    """A PoseStamped; `turn` is x, y, z, w."""
    point = make("geometry_msgs/msg/Point", **dict(zip("xyz", map(float, place), strict=True)))
    rotation = make("geometry_msgs/msg/Quaternion", **dict(zip("xyzw", map(float, turn), strict=True)))
    inside = make("geometry_msgs/msg/Pose", position=point, orientation=rotation)
    return make("geometry_msgs/msg/PoseStamped", header=header(stamp, frame), pose=inside)


def points(
    stamp: int,
    names: Sequence[str],
    ends: Sequence[int],
    positions: ArrayLike,
    velocities: ArrayLike | None = None,
) -> Any:
    """A JointTrajectory of positions, with velocities or without; `ends` in ns."""
    rows = np.asarray(positions, np.float64)
    rates = np.zeros((len(rows), 0)) if velocities is None else np.asarray(velocities, np.float64)
    return _trajectory(stamp, names, ends, rows, rates)


def _trajectory(
    stamp: int, names: Sequence[str], ends: Sequence[int], positions: ArrayLike, velocities: ArrayLike
) -> Any:
    rows, rates = np.asarray(positions), np.asarray(velocities)
    made = [
        make(
            "trajectory_msgs/msg/JointTrajectoryPoint",
            positions=rows[i],
            velocities=rates[i],
            accelerations=np.empty(0),
            effort=np.empty(0),
            time_from_start=make("builtin_interfaces/msg/Duration", sec=end // 10**9, nanosec=end % 10**9),
        )
        for i, end in enumerate(ends)
    ]
    kind = "trajectory_msgs/msg/JointTrajectory"
    return make(kind, header=header(stamp), joint_names=list(names), points=made)


def completed(time: int, goal: str) -> Event:
    return time, "/task_completions", "std_msgs/msg/String", make("std_msgs/msg/String", data=goal)


def report(time: int, **values: object) -> Event:
    """A status on `diagnostics`."""
    entries = [make("diagnostic_msgs/msg/KeyValue", key=key, value=str(value)) for key, value in values.items()]
    status = make("diagnostic_msgs/msg/DiagnosticStatus", level=0, name="n", message="", hardware_id="", values=entries)
    kind = "diagnostic_msgs/msg/DiagnosticArray"
    return time, "/diagnostics", kind, make(kind, header=header(0), status=[status])


def write_bag(folder: Path, events: Sequence[Event], storage: StoragePlugin = StoragePlugin.MCAP) -> Path:
    """A bag of these messages, written in the given order."""
    with Writer(folder, version=9, storage_plugin=storage) as writer:
        connections: dict[str, Any] = {}
        for time, topic, kind, message in events:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, **definition(kind))
            writer.write(connections[topic], time, STORE.serialize_cdr(message, kind))
    return folder
