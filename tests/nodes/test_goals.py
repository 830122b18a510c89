"""A planner of states over messages: it follows its path to the end, unless a goal comes from outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.nodes.ros.messages import joint_state, nanoseconds
from rcd_ros.nodes.ros.qos import LATCHED
from rcd_ros.planning.planner import Planner
from rcd_ros.resources import find_resource
from rcd_ros.tasks.mazes import BALL_JOINTS, maze_spec
from tests.nodes.conftest import Peer, Process
from tests.planning.tiny import tiny_manifest, write_tiny

PERIOD = 10_000_000
Start = Callable[..., Process]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    manifest = tiny_manifest(maze_spec("maze-umaze"), history=1, horizon=6, execute=4)
    write_tiny(tmp_path / "maze", manifest)
    return tmp_path / "maze"


class Ball:
    """Publishes where a ball is and where it should be."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._states = peer.create_publisher(JointState, "joint_states", 10)
        self._goals = peer.create_publisher(PoseStamped, "goal_pose", LATCHED.profile())
        peer.listen(JointTrajectory, "joint_trajectory")
        peer.until(lambda: self._states.get_subscription_count(), "the planner")
        peer.until(lambda: self._goals.get_subscription_count(), "the planner")
        peer.until(lambda: peer.count_publishers("joint_trajectory"), "the planner's publisher")

    def aim(self, x: float, y: float) -> None:
        goal = PoseStamped()
        goal.pose.position.x, goal.pose.position.y = x, y
        self._goals.publish(goal)

    def show(self, stamp: int, state: list[float]) -> None:
        self._states.publish(joint_state(stamp, BALL_JOINTS, np.array(state[:2]), np.array(state[2:])))

    def plan(self, stamp: int, answers: int = 1) -> np.ndarray:
        """The last of so many trajectories of this stamp, as states (points, 4)."""
        peer = self._peer
        peer.until(lambda: len(peer.trajectories().get(stamp, [])) >= answers, f"the plan for {stamp}")
        points = peer.trajectories()[stamp][-1].points
        return np.array([[*point.positions, *point.velocities] for point in points])


def test_a_path_is_followed_until_a_goal_comes_from_outside(start: Start, peer: Peer, checkpoint: Path) -> None:
    start("planner_node", checkpoint=checkpoint, engine="onnxruntime", use_sim_time=True)
    ball, planner = Ball(peer), Planner.load(checkpoint, "onnxruntime")
    state = [1.0, 1.0, 0.5, 0.0]
    ball.show(PERIOD, state)  # nothing is planned before there is a goal
    ball.aim(-1.0, 1.0)
    first = planner.plan([[*state, -1.0, 1.0]])
    np.testing.assert_array_equal(ball.plan(PERIOD), first)

    ball.show(2 * PERIOD, [1.1, 1.0, 0.5, 0.0])
    np.testing.assert_array_equal(ball.plan(2 * PERIOD), first[1:])  # what remains of it

    ball.aim(1.0, -1.0)
    second = planner.plan([[1.1, 1.0, 0.5, 0.0, 1.0, -1.0]])
    np.testing.assert_array_equal(ball.plan(2 * PERIOD, answers=2), second)

    ball.show(5 * PERIOD, state)
    np.testing.assert_array_equal(ball.plan(5 * PERIOD), second[3:])
    ball.show(6 * PERIOD, state)  # `execute` periods are over
    third = planner.plan([[*state, 1.0, -1.0]])
    np.testing.assert_array_equal(ball.plan(6 * PERIOD), third)


def test_states_are_not_shaped(start: Start, checkpoint: Path) -> None:
    process = start("planner_node", checkpoint=checkpoint, engine="onnxruntime", shape=True)
    assert process.wait() != 0
    assert "plans states, which are followed as they are: set shape to false" in process.output


def test_a_goal_from_outside_is_planned_for_within_a_period(start: Start, peer: Peer) -> None:
    """Shipped planner, bridge and the goal's sender are three processes; one control period after the goal comes."""
    pytest.importorskip("rcd_ros.simulation.worlds.gymnasium_world")
    peer.listen(JointState, "joint_states")
    ball_goals = peer.create_publisher(PoseStamped, "goal_pose", LATCHED.profile())
    peer.listen(JointTrajectory, "joint_trajectory")
    start("planner_node", checkpoint=find_resource("models/maze-umaze"), engine="onnxruntime", use_sim_time=True)
    bridge = start("mujoco_bridge_node", task="maze-umaze", episodes=0, episode_steps=10_000)
    peer.until(lambda: len(peer.received["joint_trajectory"]) > 5, "plans")
    assert peer.call(SetBool, "/mujoco_bridge/pause", data=True).success

    def end_of(message: JointTrajectory) -> np.ndarray:
        return np.array(message.points[-1].positions)

    before = end_of(peer.received["joint_trajectory"][-1])
    wall = PoseStamped()  # the umaze's middle
    ball_goals.publish(wall)
    peer.until(lambda: "a goal was refused: the goal (0, 0) lies inside a wall" in bridge.output, "the refusal")

    benchmark, moved = np.array([-1.0, 1.0]), np.array([-1.0, -1.0])
    goal = PoseStamped()
    goal.pose.position.x, goal.pose.position.y = moved.tolist()
    ball_goals.publish(goal)
    peer.until(lambda: "the goal is now at x = -1, y = -1" in bridge.output, "the bridge's word")

    def now() -> int:
        return nanoseconds(peer.received["joint_states"][-1].header.stamp)

    def is_answered() -> bool:
        plans = peer.trajectories().get(now())
        # The way to the new goal may be longer than a plan: the ball has come some way to the old one, or all of it.
        return plans is not None and bool(np.linalg.norm(end_of(plans[-1]) - before) > 0.5)

    peer.until(is_answered, "the planner's answer to the goal")
    paused_at = now()
    assert peer.call(Trigger, "/mujoco_bridge/step").success
    peer.until(lambda: paused_at + PERIOD in peer.trajectories(), "the plan of the next period")
    end = end_of(peer.trajectories()[paused_at + PERIOD][-1])
    assert np.linalg.norm(end - moved) < np.linalg.norm(end - benchmark)
