"""A planner node and a peer that plays robot and operator, in one process and served by one executor."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.nodes.planner.planner_node import PlannerNode
from rcd_ros.nodes.ros.messages import joint_state
from tests.nodes.conftest import Peer

PERIOD = 100_000_000
ARM = ("elbow", "wrist")
Values = tuple[float, float, float, float, float]
HOME: Values = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Positions and velocities of the arm (2 each), and the door's position."""


class PlannerScene:
    """The node under test with its robot."""

    def __init__(self, checkpoint: Path | str, *arguments: str, make: Callable[[], Any] = PlannerNode) -> None:
        self.checkpoint = checkpoint
        given = [f"checkpoint:={checkpoint}", "engine:=onnxruntime", *arguments]
        rclpy.init(args=["--ros-args", *(item for argument in given for item in ("-p", argument))])
        self.node, self.peer = make(), Peer()
        self.node.start()
        self.executor = SingleThreadedExecutor()
        for node in (self.node, self.peer):
            self.executor.add_node(node)
        self.arm = self.peer.create_publisher(JointState, "joint_states", 10)
        self.door = self.peer.create_publisher(JointState, "object_states", 10)
        self.loading = self.peer.create_client(Trigger, "planner/load_checkpoint")
        self.peer.listen(JointTrajectory, "joint_trajectory")
        self.peer.listen(DiagnosticArray, "diagnostics")

    def connect(self) -> None:
        """Wait until a configured node and the peer hear each other."""
        self.until(lambda: self.arm.get_subscription_count() and self.door.get_subscription_count(), "the planner")
        self.until(lambda: self.peer.count_publishers("joint_trajectory"), "the planner's publisher")

    def show(self, stamp: int | None = None, values: Values = HOME) -> int:
        """An observation; returns its stamp (ns), the time now unless it is given."""
        stamp = time.time_ns() if stamp is None else stamp
        arm = np.array(values)
        self.arm.publish(joint_state(stamp, ARM, arm[:2], arm[2:4]))
        self.door.publish(joint_state(stamp, ("door",), arm[4:], np.zeros(1)))
        return stamp

    def plan(self, stamp: int | None = None, values: Values = HOME) -> JointTrajectory:
        """Show an observation and wait for its plan."""
        shown = self.show(stamp, values)
        self.until(lambda: shown in self.peer.trajectories(), f"the plan for {shown}")
        return self.peer.trajectories()[shown][-1]

    def load(self) -> Any:
        """Ask for the checkpoint of the parameter to be loaded; the future answer."""
        self.until(self.loading.service_is_ready, "the service")
        return self.loading.call_async(Trigger.Request())

    def answer(self, future: Any) -> tuple[bool, str]:
        """What a call was answered."""
        self.until(future.done, "the answer")
        return future.result().success, future.result().message

    def set(self, **values: Any) -> Any:
        """Set parameters together; "__" in a name stands for a dot."""
        changes = [Parameter(name.replace("__", "."), value=value) for name, value in values.items()]
        return self.node.set_parameters_atomically(changes)

    def until(self, condition: Callable[[], object], what: str) -> None:
        self.peer.until(condition, what)

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.peer.serve(0.01)

    def status(self, topic: str = "planning") -> Any:
        """A status of the newest diagnostics; None before there are any."""
        messages = self.peer.received["diagnostics"]
        found = [status for message in messages[-1:] for status in message.status if status.name == f"planner: {topic}"]
        return found[0] if found else None

    def value(self, key: str, topic: str = "planning") -> str | None:
        """What the newest diagnostics say under a key."""
        status = self.status(topic)
        return {entry.key: entry.value for entry in status.values}.get(key) if status else None

    def await_state(self, state: str) -> None:
        """Wait until the diagnostics say so."""
        self.until(lambda: self.value("state") == state, f"state {state}")

    def end(self) -> None:
        """Leave."""
        self.node.destroy_node()
        self.peer.destroy_node()
