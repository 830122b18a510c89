"""Goals of episodes, told and moved over a topic."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from numpy.typing import ArrayLike
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.goal_relay import GoalRelay
from rcd_ros.nodes.ros.messages import nanoseconds
from rcd_ros.planning.channels import ObservationChannel
from tests.nodes.conftest import Peer

CHANNEL = ObservationChannel.model_construct(
    name="goal", kind="goal_position", topic="goal_pose", joints=("x", "y"), units=("m", "m"), columns=(3, 4)
)


class Maze:
    def __init__(self) -> None:
        self.goal = np.array([1.0, 2.0])

    def move_goal(self, goal: ArrayLike) -> None:
        goal = np.asarray(goal)
        if goal[0] > 5.0:
            raise RcdError("there is a wall")
        self.goal = goal


@pytest.fixture
def executor(peer: Peer) -> Iterator[SingleThreadedExecutor]:
    executor = SingleThreadedExecutor()
    executor.add_node(peer)
    yield executor
    executor.shutdown()


def goal(x: float, frame: str = "world") -> PoseStamped:
    message = PoseStamped()
    message.header.frame_id = frame
    message.pose.position.x, message.pose.orientation.w = x, 1.0
    return message


def test_a_goal_is_told_moved_and_told_again_where_it_cannot_be(peer: Peer, executor: SingleThreadedExecutor) -> None:
    node, maze = Node("bridge"), Maze()
    executor.add_node(node)
    relay = GoalRelay(node, CHANNEL, maze, 10)
    peer.listen(PoseStamped, "goal_pose")
    publisher = peer.create_publisher(PoseStamped, "goal_pose", 10)
    peer.until(lambda: publisher.get_subscription_count() == 2, "the relay")
    heard = peer.received["goal_pose"]

    relay.announce(70, np.array([0.0, 0.0, 0.0, 1.0, 2.0]))
    peer.until(lambda: heard, "the goal")
    assert (heard[0].pose.position.y, heard[0].header.frame_id, nanoseconds(heard[0].header.stamp)) == (
        2.0,
        "world",
        70,
    )
    publisher.publish(goal(3.0))
    peer.until(lambda: maze.goal[0] == 3.0, "the moved goal")
    for refused in (goal(9.0), goal(float("nan")), goal(4.0, frame="map")):
        heard.clear()
        publisher.publish(refused)
        peer.until(lambda: any(message.pose.position.x == 3.0 for message in heard), "the goal that holds")
        assert maze.goal[0] == 3.0
