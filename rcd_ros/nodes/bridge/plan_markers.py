"""Publishes where a planned motion leads the end effector, as a line in the scene."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Point, Vector3
from numpy.typing import NDArray
from rclpy.node import Node
from std_msgs.msg import ColorRGBA, Header
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import Marker, MarkerArray

from rcd_ros.nodes.ros.messages import nanoseconds, time_message
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.interface import MujocoScene
from rcd_ros.simulation.kinematics import WORLD, PlannedPath

TOPIC = "planned_path"
WIDTH_M = 0.01
COLOR = (0.1, 0.8, 0.2, 0.9)
QUEUE = 10


class PlanMarkers:
    """A marker of each plan that is accepted, if anybody listens: the planner knows no geometry, the bridge does."""

    def __init__(self, node: Node, scene: MujocoScene, spec: TaskSpec, end_effector: str) -> None:
        """Show plans for `spec` in `scene`; raises `RcdError` for an unknown end effector."""
        self._scene, self._spec = scene, spec
        self._path = PlannedPath(scene.model, spec.command.joints, end_effector)
        self._publisher = node.create_publisher(MarkerArray, TOPIC, QUEUE)

    def publish(self, message: JointTrajectory) -> None:
        """Show an accepted trajectory; one of efforts says nothing of where it leads."""
        if not self._publisher.get_subscription_count():
            return
        positions = _positions(message)
        if not positions.size:
            return
        places = self._path.points(self._scene.data, list(message.joint_names), positions)
        line = Marker(
            header=Header(stamp=time_message(nanoseconds(message.header.stamp)), frame_id=WORLD),
            ns="plan",
            type=Marker.LINE_STRIP,
            action=Marker.ADD,
            scale=Vector3(x=WIDTH_M),
            color=ColorRGBA(**dict(zip("rgba", COLOR, strict=True))),
            points=[Point(x=x, y=y, z=z) for x, y, z in places.tolist()],
        )
        line.pose.orientation.w = 1.0
        self._publisher.publish(MarkerArray(markers=[line]))


def _positions(message: JointTrajectory) -> NDArray[np.float64]:
    """Positions (points, joints) of a trajectory; empty where it tells none."""
    rows = [list(point.positions) for point in message.points]
    complete = all(len(row) == len(message.joint_names) for row in rows)
    return np.array(rows, np.float64) if rows and complete else np.empty((0, 0))
