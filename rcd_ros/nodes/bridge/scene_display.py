"""What people see of a simulated scene: transforms, the robot as URDF, planned paths, camera images, a window."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.node import Node
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.camera import CameraPublisher
from rcd_ros.nodes.bridge.plan_markers import PlanMarkers
from rcd_ros.nodes.bridge.transforms import TransformsPublisher
from rcd_ros.nodes.ros.parameters import declare
from rcd_ros.nodes.ros.qos import LATCHED
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.drawing.rendering import PassiveViewer
from rcd_ros.simulation.drawing.robot_description import robot_description
from rcd_ros.simulation.interface import MeshFiles, MujocoScene


class SceneDisplay:
    """Shows a MuJoCo scene as its parameters ask for; each part costs next to nothing while nobody listens to it."""

    def __init__(self, node: Node, scene: MujocoScene, spec: TaskSpec, told: Sequence[str] = ()) -> None:
        """Declare the parameters and make the parts; frames that are `told` by others are not shown as transforms.

        Raises:
            RcdError: the model has no such camera or end effector.
        """
        shows_transforms = declare(node, "publish_tf", True, "transforms of the bodies on /tf and /tf_static")
        describes = declare(node, "publish_description", True, "the model as URDF on robot_description")
        shows_plan = declare(node, "publish_plan", True, "where plans lead the end effector on planned_path")
        end_effector = declare(node, "end_effector", "", "its site or body, empty: a site called tip, or the last body")
        camera = declare(node, "camera", "", "camera of the model to publish images of, free, or none")
        rate = declare(node, "camera_rate", 10.0, "images a second of simulated time", _positive, "above 0 (Hz)")
        width = declare(node, "camera_width", 320, "of an image, pixels", _positive, "above 0")
        height = declare(node, "camera_height", 240, "of an image, pixels", _positive, "above 0")
        headless = declare(node, "headless", True, "no window with MuJoCo's viewer")

        self._plan = PlanMarkers(node, scene, spec, end_effector) if shows_plan else None
        self._camera = CameraPublisher(node, scene, camera, rate, (width, height)) if camera else None
        self._viewer = None if headless else _viewer(node, scene)
        self._transforms = _transforms(node, scene, told) if shows_transforms else None
        if describes:
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
        """Show where a trajectory that was accepted leads."""
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


def _transforms(node: Node, scene: MujocoScene, told: Sequence[str]) -> TransformsPublisher | None:
    try:
        return TransformsPublisher(node, scene, told)
    except ImportError as error:
        node.get_logger().info(f"/tf and /tf_static are not published: {error}")
        return None


def _viewer(node: Node, scene: MujocoScene) -> PassiveViewer | None:
    try:
        return PassiveViewer(scene.model, scene.data)
    except RcdError as error:
        node.get_logger().warning(f"{error}; going on without a window")
        return None


def _positive(value: float) -> bool:
    return value > 0
