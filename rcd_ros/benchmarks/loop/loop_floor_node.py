"""The floor of `rcd bench loop`: a plain rclpy node in the planner's place, which answers without planning.

It is written as ROS 2's tutorials write nodes: subscriptions with messages, one executor, one publisher. What a planner
node takes longer than this one is the planner's doing; what it takes less is won against plain rclpy.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import numpy as np
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.nodes.planner.observation_reader import reader_type
from rcd_ros.nodes.ros.messages import joint_trajectory, nanoseconds
from rcd_ros.nodes.ros.parameters import NodeParameters, parameter, read_parameters
from rcd_ros.nodes.ros.run import run_node
from rcd_ros.planning.checkpoint import verify
from rcd_ros.planning.execution.trajectory import TrajectoryPoints

QUEUE = 10


class FloorParameters(NodeParameters):
    """Whose planner is stood in for."""

    checkpoint: str = parameter("", "whose task to answer", required="a checkpoint folder")


class LoopFloor(Node):
    """Answers each complete observation with a trajectory as long as the planner's."""

    def __init__(self) -> None:
        """Subscribe to what the checkpoint's task observes.

        Raises:
            RcdError: a parameter or the checkpoint cannot be used.
        """
        super().__init__("planner")
        manifest = verify(read_parameters(self, FloorParameters).checkpoint)
        command, steps = manifest.task.command, manifest.horizon
        period = round(manifest.task.control_period * 1e9)
        still = np.zeros((steps, command.size))
        points = TrajectoryPoints(np.arange(steps) * period, still, still, np.empty((steps, 0)))
        self._answer: JointTrajectory = joint_trajectory(0, command.joints, points)
        kinds = {channel.topic: reader_type(channel).message_type for channel in manifest.task.observations}
        self._awaited = set(kinds)
        self._arrived: dict[int, set[str]] = {}
        self._publisher = self.create_publisher(JointTrajectory, command.topic, QUEUE)
        for topic, kind in kinds.items():
            self.create_subscription(kind, topic, partial(self._on_message, topic), QUEUE)

    def _on_message(self, topic: str, message: Any) -> None:
        stamp = nanoseconds(message.header.stamp)
        arrived = self._arrived.setdefault(stamp, set())
        arrived.add(topic)
        if arrived == self._awaited:
            self._arrived.clear()
            self._answer.header.stamp = message.header.stamp
            self._publisher.publish(self._answer)


def main(args: list[str] | None = None) -> int:
    """Entry point of the `loop_floor_node` executable."""
    return run_node(LoopFloor, args)


if __name__ == "__main__":
    sys.exit(main())
