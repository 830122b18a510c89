"""Images of a simulated scene, where this machine can draw: a camera's topic, and a film."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path

from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.messages import time_message
from rcd_ros.simulation.drawing.rendering import SceneRenderer
from rcd_ros.simulation.drawing.video import VideoWriter
from rcd_ros.simulation.interface import MujocoScene, Simulation

FREE = "free"
"""The camera that the model itself suggests."""


class CameraPublisher:
    """Images on `camera/image_raw` at a rate of simulated time, drawn only while the topic has subscribers."""

    def __init__(self, node: Node, scene: MujocoScene, camera: str, rate: float, size: tuple[int, int]) -> None:
        """Make the publisher.

        Args:
            node: that publishes.
            scene: to draw.
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
        """Publish an image (height, width, rgb8) of the present state, taken at `stamp` (ns), if one is due."""
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
        """Free the OpenGL context."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


class Film:
    """One frame a control period, played at the simulated speed. Where this machine cannot draw, it warns once."""

    def __init__(self, simulation: Simulation, path: Path, warn: Callable[[str], object]) -> None:
        """Film `simulation` into `path`, replacing it; `warn` takes the reason why there is no film."""
        self._simulation = simulation
        self._warn = warn
        self._video: VideoWriter | None = VideoWriter(path, 1.0 / simulation.spec.control_period)

    def add_frame(self) -> None:
        """Add the simulation's present state."""
        if self._video is None:
            return
        try:
            self._video.append(self._simulation.render())
        except RcdError as error:
            self._video = None
            self._warn(f"no video: {error}")

    def close(self) -> None:
        """Complete the file."""
        if self._video is not None:
            self._video.close()
            self._video = None
