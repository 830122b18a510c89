"""Publishes what a camera of the model sees, where this machine can draw."""

from __future__ import annotations

from array import array

from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.messages import time_message
from rcd_ros.simulation.drawing.rendering import SceneRenderer
from rcd_ros.simulation.interface import MujocoScene

FREE = "free"
"""Stands for the camera that the model itself suggests."""


class CameraPublisher:
    """Images on `camera/image_raw` at a rate of simulated time, drawn only when somebody listens."""

    def __init__(self, node: Node, scene: MujocoScene, camera: str, rate: float, size: tuple[int, int]) -> None:
        """Look through a camera.

        Args:
            node: that publishes.
            scene: what is looked at.
            camera: a name of the model's, or `FREE`.
            rate: images a second of simulated time.
            size: width and height of an image in pixels.

        Raises:
            RcdError: the model has no such camera.
        """
        self._node, self._scene, self._camera = node, scene, camera
        self._interval = round(1e9 / rate)
        self._next = 0
        self._publisher = node.create_publisher(Image, "camera/image_raw", qos_profile_sensor_data)
        self._renderer: SceneRenderer | None = None
        try:
            self._renderer = SceneRenderer(scene.model, None if camera == FREE else camera, *size)
        except RcdError as error:
            if "cannot render" not in str(error):
                raise
            node.get_logger().warning(f"no camera images: {error}")

    def publish(self, stamp: int) -> None:
        """Publish an image of the present state, taken at `stamp` (ns), if one is due and anybody listens."""
        if self._renderer is None or stamp < self._next or not self._publisher.get_subscription_count():
            return
        self._next = stamp + self._interval
        frame = self._renderer.draw(self._scene.data)
        height, width, channels = frame.shape
        image = Image(
            header=Header(stamp=time_message(stamp), frame_id=self._camera),
            height=height,
            width=width,
            encoding="rgb8",
            step=width * channels,
            data=array("B", frame.tobytes()),
        )
        self._publisher.publish(image)

    def close(self) -> None:
        """Let the OpenGL context go."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
