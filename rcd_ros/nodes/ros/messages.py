"""Between ROS messages and plain numbers: stamps, joint states, odometry, trajectories, diagnostics."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Duration as DurationMessage
from builtin_interfaces.msg import Time as TimeMessage
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Pose, PoseStamped
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from rcd_ros.planning.channels import Interface
from rcd_ros.planning.execution.trajectory import TrajectoryPoints
from rcd_ros.planning.transforms import to_body


def nanoseconds(stamp: TimeMessage | DurationMessage) -> int:
    """A `builtin_interfaces` Time or Duration in ns."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def time_message(stamp: int) -> TimeMessage:
    """A stamp in ns as `builtin_interfaces/Time`."""
    seconds, rest = divmod(stamp, 1_000_000_000)
    return TimeMessage(sec=seconds, nanosec=rest)


def joint_state(
    stamp: int, names: Sequence[str], positions: NDArray[np.float64], velocities: NDArray[np.float64]
) -> JointState:
    """A `sensor_msgs/JointState`; either array may be empty."""
    return JointState(
        header=Header(stamp=time_message(stamp)),
        name=list(names),
        position=_doubles(positions),
        velocity=_doubles(velocities),
    )


def joint_command(
    stamp: int, joints: Sequence[str], interfaces: Sequence[Interface], command: NDArray[np.float64]
) -> JointState:
    """The command (n_cmd,) of the control period that begins at `stamp` (ns), each value in its interface's field.

    Where the interfaces differ, a joint's other fields are NaN. States fill two fields.
    """
    if "state" in interfaces:
        return joint_state(stamp, joints, *np.split(command, 2))
    message = JointState(header=Header(stamp=time_message(stamp)), name=list(joints))
    for interface in set(interfaces):
        mine = np.array([kind == interface for kind in interfaces])
        setattr(message, interface, _doubles(np.where(mine, command, np.nan)))
    return message


def odometry(
    stamp: int, body: str, pose: NDArray[np.float64], twist: NDArray[np.float64], frame: str = "world"
) -> Odometry:
    """A `nav_msgs/Odometry` from MuJoCo's free joint: pose (7: m, w x y z), twist (6: m/s world, rad/s body)."""
    message = Odometry(header=Header(stamp=time_message(stamp), frame_id=frame), child_frame_id=body)
    _fill_pose(message.pose.pose, pose)
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    linear.x, linear.y, linear.z = to_body(pose[3:], twist[:3]).tolist()
    angular.x, angular.y, angular.z = twist[3:].tolist()
    return message


def pose_stamped(stamp: int, frame: str, pose: NDArray[np.float64]) -> PoseStamped:
    """A `geometry_msgs/PoseStamped` from a pose (7: m, w x y z) in `frame`."""
    message = PoseStamped(header=Header(stamp=time_message(stamp), frame_id=frame))
    _fill_pose(message.pose, pose)
    return message


def joint_trajectory(stamp: int, names: tuple[str, ...], points: TrajectoryPoints) -> JointTrajectory:
    """A `trajectory_msgs/JointTrajectory` that starts at the observation's stamp (ns)."""
    rows = zip(
        _rows(points.positions),
        _rows(points.velocities),
        _rows(points.efforts),
        points.time_from_start.tolist(),
        strict=True,
    )
    return JointTrajectory(
        header=Header(stamp=time_message(stamp)),
        joint_names=list(names),
        points=[
            JointTrajectoryPoint(
                positions=positions, velocities=velocities, effort=effort, time_from_start=_duration(end)
            )
            for positions, velocities, effort, end in rows
        ],
    )


@dataclass(frozen=True)
class Status:
    """One diagnostic status; `topic` is what diagnostic_updater adds to the node's name."""

    topic: str
    level: bytes
    message: str
    values: Mapping[str, object]

    @classmethod
    def judged(cls, topic: str, problem: str, values: Mapping[str, object]) -> Status:
        """WARN with `problem`, or OK when that is empty."""
        return cls(topic, DiagnosticStatus.WARN if problem else DiagnosticStatus.OK, problem or "OK", values)


def diagnostic_array(stamp: int, node_name: str, hardware: str, statuses: Sequence[Status]) -> DiagnosticArray:
    """The message; `hardware` is what the statuses are about."""
    node = node_name.removeprefix("/")
    return _array(stamp, [_status(f"{node}: {status.topic}", hardware, status) for status in statuses])


def diagnostics(stamp: int, name: str, problem: str, values: Mapping[str, object]) -> DiagnosticArray:
    """One status: WARN with `problem`, or OK when that is empty."""
    return _array(stamp, [_status(name, name, Status.judged("", problem, values))])


def _array(stamp: int, statuses: list[DiagnosticStatus]) -> DiagnosticArray:
    return DiagnosticArray(header=Header(stamp=time_message(stamp)), status=statuses)


def _status(name: str, hardware: str, status: Status) -> DiagnosticStatus:
    entries = [KeyValue(key=key, value=str(value)) for key, value in status.values.items()]
    return DiagnosticStatus(level=status.level, name=name, message=status.message, hardware_id=hardware, values=entries)


def _fill_pose(message: Pose, pose: NDArray[np.float64]) -> None:
    position, orientation = message.position, message.orientation
    position.x, position.y, position.z = pose[:3].tolist()
    orientation.w, orientation.x, orientation.y, orientation.z = pose[3:].tolist()


def _duration(span: int) -> DurationMessage:
    seconds, rest = divmod(span, 1_000_000_000)
    return DurationMessage(sec=seconds, nanosec=rest)


def _doubles(values: NDArray[np.float64]) -> array[float]:
    """The one form that rclpy takes without looking at each number."""
    return array("d", values.astype(np.float64, copy=False).tobytes())


def _rows(values: NDArray[np.float64]) -> list[array[float]]:
    every, width = _doubles(values), values.shape[1]
    return [every[row * width : (row + 1) * width] for row in range(len(values))]
