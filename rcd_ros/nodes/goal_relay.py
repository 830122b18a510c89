"""Tells everybody the goal of each episode, and lets everybody move it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.nodes.messages import time_message
from rcd_ros.ros import DurabilityPolicy, Node, QoSProfile
from rcd_ros.ros.messages import Header, Point, Pose, PoseStamped, Quaternion
from rcd_ros.simulation.simulation import GoalDirected

TOPIC = "goal_pose"
FRAME = "world"


class GoalRelay:
    """Publishes an episode's goal when it begins (latched: whoever comes later hears it too) and takes new ones.

    A goal that the simulation cannot have is refused in the log, and the one that holds is told again.
    """

    def __init__(self, node: Node, simulation: GoalDirected, depth: int) -> None:
        """Relay the goals of `simulation` through `node`."""
        self._node, self._simulation = node, simulation
        self._stamp = 0
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._publisher = node.create_publisher(PoseStamped, TOPIC, latched)
        node.create_subscription(PoseStamped, TOPIC, self._on_goal, depth)

    def announce(self, stamp: int) -> None:
        """Tell the present goal, which holds from `stamp` (ns)."""
        self._stamp = stamp
        x, y, z, *orientation = self._simulation.goal.tolist()
        w, qx, qy, qz = orientation
        pose = Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(w=w, x=qx, y=qy, z=qz))
        self._publisher.publish(PoseStamped(header=Header(stamp=time_message(stamp), frame_id=FRAME), pose=pose))

    def _on_goal(self, message: PoseStamped) -> None:
        goal = _pose(message)
        if np.array_equal(goal, self._simulation.goal):
            return  # our own word, heard again
        try:
            if message.header.frame_id not in ("", FRAME):
                raise RcdError(f"it is given in the frame '{message.header.frame_id}', not in '{FRAME}'")
            if not np.isfinite(goal).all():
                raise RcdError("it is not finite")
            self._simulation.set_goal(goal)
        except RcdError as error:
            self._node.get_logger().warning(f"a goal was refused: {error}")
            self.announce(self._stamp)
        else:
            self._node.get_logger().info(f"the goal is now at ({goal[0]:.3g}, {goal[1]:.3g}, {goal[2]:.3g})")


def _pose(message: PoseStamped) -> NDArray[np.float64]:
    position, orientation = message.pose.position, message.pose.orientation
    return np.array(
        [position.x, position.y, position.z, orientation.w, orientation.x, orientation.y, orientation.z], np.float64
    )
