"""What people see of a simulated scene: transforms, the robot as URDF, planned paths, camera images, a window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from geometry_msgs.msg import Point, Quaternion, Transform, TransformStamped, Vector3
from numpy.typing import NDArray
from rclpy.node import Node
from std_msgs.msg import ColorRGBA, Header, String
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import Marker, MarkerArray

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.camera import CameraPublisher
from rcd_ros.nodes.bridge.parameters import DisplayParameters
from rcd_ros.nodes.ros.installation import load_interface
from rcd_ros.nodes.ros.messages import nanoseconds, time_message
from rcd_ros.nodes.ros.parameters import read_parameters
from rcd_ros.nodes.ros.qos import LATCHED
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.drawing.rendering import PassiveViewer
from rcd_ros.simulation.drawing.robot_description import robot_description
from rcd_ros.simulation.interface import MeshFiles, MujocoScene
from rcd_ros.simulation.kinematics import WORLD, BodyFrames, BodyPoses, PlannedPath

PLAN_TOPIC = "planned_path"
PLAN_WIDTH_M = 0.01
PLAN_COLOR = (0.1, 0.8, 0.2, 0.9)
PLAN_QUEUE = 10
TF_QUEUE = 100
"""The depth of tf2's broadcasters."""


class SceneDisplay:
    """Shows a MuJoCo scene as `DisplayParameters` say; a part without subscribers does no work."""

    def __init__(self, node: Node, scene: MujocoScene, spec: TaskSpec, published: Sequence[str] = ()) -> None:
        """Declare the parameters and make the parts.

        Args:
            node: that publishes.
            scene: to show.
            spec: of the task.
            published: frames that are on /tf already.

        Raises:
            RcdError: the model has no such camera or end effector.
        """
        wanted = read_parameters(node, DisplayParameters)
        size = (wanted.camera_width, wanted.camera_height)
        self._plan = PlanMarkers(node, scene, spec, wanted.end_effector) if wanted.publish_plan else None
        self._camera = CameraPublisher(node, scene, wanted.camera, wanted.camera_rate, size) if wanted.camera else None
        self._viewer = None if wanted.headless else _viewer(node, scene)
        self._transforms = _transforms(node, scene, published) if wanted.publish_tf else None
        if wanted.publish_description:
            self._describe(node, scene)

    def show(self, stamp: int) -> None:
        """Show the scene as it is at `stamp` (ns)."""
        if self._transforms is not None:
            self._transforms.publish(stamp)
        if self._camera is not None:
            self._camera.publish(stamp)
        if self._viewer is not None:
            self._viewer.show()

    def show_plan(self, message: JointTrajectory) -> None:
        """Show where an accepted trajectory leads the end effector."""
        if self._plan is not None:
            self._plan.publish(message)

    def close(self) -> None:
        """Close window and camera."""
        if self._camera is not None:
            self._camera.close()
        if self._viewer is not None:
            self._viewer.close()

    def _describe(self, node: Node, scene: MujocoScene) -> None:
        self._description = node.create_publisher(String, "robot_description", LATCHED.profile())
        folders = scene.mesh_folders if isinstance(scene, MeshFiles) else ()
        self._description.publish(String(data=robot_description(scene.model, folders)))


def _transforms(node: Node, scene: MujocoScene, published: Sequence[str]) -> TransformsPublisher | None:
    try:
        return TransformsPublisher(node, scene, published)
    except ImportError as error:
        node.get_logger().info(f"/tf and /tf_static are not published: {error}")
        return None


def _viewer(node: Node, scene: MujocoScene) -> PassiveViewer | None:
    try:
        return PassiveViewer(scene.model, scene.data)
    except RcdError as error:
        node.get_logger().warning(f"{error}; going on without a window")
        return None


class TransformsPublisher:
    """`/tf` for bodies that move in relation to their parents, `/tf_static` for the others, once."""

    def __init__(self, node: Node, scene: MujocoScene, without: Sequence[str] = ()) -> None:
        """Publish the bodies of `scene` through `node`, but those in `without`.

        Raises:
            ImportError: `tf2_msgs` is not installed; there is no wheel of it.
        """
        self._message_type = load_interface("tf2_msgs/msg/TFMessage")
        self._scene = scene
        self._frames = BodyFrames(scene.model)
        self._without = set(without)
        self._still_is_published = False
        self._moving = node.create_publisher(self._message_type, "/tf", TF_QUEUE)
        self._still = node.create_publisher(self._message_type, "/tf_static", LATCHED.profile())

    def publish(self, stamp: int) -> None:
        """Publish the present state, taken at `stamp` (ns), while the topic has subscribers."""
        if not self._still_is_published:
            self._still_is_published = True
            self._still.publish(self._message_type(transforms=self._messages(stamp, self._frames.still())))
        if self._moving.get_subscription_count():
            moving = self._frames.moving(self._scene.data)
            self._moving.publish(self._message_type(transforms=self._messages(stamp, moving)))

    def _messages(self, stamp: int, poses: BodyPoses) -> list[TransformStamped]:
        return [message for message in _messages_of(stamp, poses) if message.child_frame_id not in self._without]


def _messages_of(stamp: int, poses: BodyPoses) -> list[TransformStamped]:
    when = time_message(stamp)
    rows = zip(poses.parents, poses.bodies, poses.positions.tolist(), poses.orientations.tolist(), strict=True)
    return [
        TransformStamped(
            header=Header(stamp=when, frame_id=parent),
            child_frame_id=body,
            transform=Transform(
                translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(w=w, x=turn_x, y=turn_y, z=turn_z)
            ),
        )
        for parent, body, (x, y, z), (w, turn_x, turn_y, turn_z) in rows
    ]


class PlanMarkers:
    """A line for each accepted plan, while the topic has subscribers; the planner does not know the geometry."""

    def __init__(self, node: Node, scene: MujocoScene, spec: TaskSpec, end_effector: str) -> None:
        """Show plans for `spec` in `scene`; raises `RcdError` for an unknown end effector."""
        self._scene, self._spec = scene, spec
        self._path = PlannedPath(scene.model, spec.command.joints, end_effector)
        self._publisher = node.create_publisher(MarkerArray, PLAN_TOPIC, PLAN_QUEUE)

    def publish(self, message: JointTrajectory) -> None:
        """Show an accepted trajectory, if it has positions."""
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
            scale=Vector3(x=PLAN_WIDTH_M),
            color=ColorRGBA(**dict(zip("rgba", PLAN_COLOR, strict=True))),
            points=[Point(x=x, y=y, z=z) for x, y, z in places.tolist()],
        )
        line.pose.orientation.w = 1.0
        self._publisher.publish(MarkerArray(markers=[line]))


def _positions(message: JointTrajectory) -> NDArray[np.float64]:
    """Positions (points, joints) of a trajectory; empty where it has none."""
    rows = [list(point.positions) for point in message.points]
    complete = all(len(row) == len(message.joint_names) for row in rows)
    return np.array(rows, np.float64) if rows and complete else np.empty((0, 0))
