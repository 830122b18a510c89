"""Publishes the goal of each episode, and accepts new goals from other nodes."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray
from rclpy.node import Node
from std_msgs.msg import Header

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.messages import time_message
from rcd_ros.nodes.ros.qos import LATCHED
from rcd_ros.nodes.ros.quiet_log import PERIOD_S, QuietLog
from rcd_ros.planning.channels import ObservationChannel
from rcd_ros.simulation.interface import GoalDirected

FRAME = "world"


class GoalRelay:
    """Publishes an episode's goal when it begins (latched, for later subscribers) and accepts new ones.

    A goal that the simulation cannot have is refused with a warning, and the present one is published again.
    """

    def __init__(self, node: Node, channel: ObservationChannel, simulation: GoalDirected, depth: int) -> None:
        """Relay the goals of `simulation` through `node`; `channel` names the topic and the axes of a position."""
        self._node, self._channel, self._simulation = node, channel, simulation
        self._log = QuietLog(node.get_logger())
        self._columns = list(channel.columns)
        self._stamp = 0
        self._goal = np.empty(0)
        self._publisher = node.create_publisher(PoseStamped, channel.topic, LATCHED.profile())
        node.create_subscription(PoseStamped, channel.topic, self._on_goal, depth)

    def announce(self, stamp: int, observation: NDArray[np.float64]) -> None:
        """Publish the goal in an observation (n_obs,), in the data set's columns, that was taken at `stamp` (ns)."""
        self._stamp, self._goal = stamp, observation[self._columns]
        self._publish()

    def _publish(self) -> None:
        message = PoseStamped(header=Header(stamp=time_message(self._stamp), frame_id=FRAME))
        message.pose.orientation.w = 1.0
        for axis, value in zip(self._channel.joints, self._goal.tolist(), strict=True):
            setattr(message.pose.position, axis, value)
        self._publisher.publish(message)

    def _on_goal(self, message: PoseStamped) -> None:
        goal = np.array([getattr(message.pose.position, axis) for axis in self._channel.joints])
        if np.array_equal(goal, self._goal):
            return  # our own message
        try:
            if message.header.frame_id not in ("", FRAME):
                raise RcdError(f"it is given in the frame '{message.header.frame_id}', not in '{FRAME}'")
            if not np.isfinite(goal).all():
                raise RcdError("it is not finite")
            self._simulation.move_goal(goal)
        except RcdError as error:
            self._log.warning(f"a goal was refused: {error}")
            self._publish()
        else:
            self._goal = goal
            place = ", ".join(f"{axis} = {value:.3g}" for axis, value in zip(self._channel.joints, goal, strict=True))
            self._node.get_logger().info(f"the goal is now at {place}", throttle_duration_sec=PERIOD_S)
