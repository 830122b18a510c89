"""Connects a bridge's `TrajectoryReceiver` to the topics of its controllers, to diagnostics and to the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.messages import joint_command
from rcd_ros.nodes.ros.qos import OVERRIDABLE
from rcd_ros.nodes.ros.unreceived import why_unreceived
from rcd_ros.planning.channels import CommandMessage as CommandType
from rcd_ros.planning.channels import Interface
from rcd_ros.planning.execution.received_plan import CommandReader, ReceivedPlan
from rcd_ros.planning.execution.receiver import TrajectoryReceiver
from rcd_ros.planning.spec import TaskSpec

QUEUE = 10
CommandMessage: TypeAlias = JointTrajectory | Float64MultiArray | JointState
_TYPES: dict[CommandType, type[CommandMessage]] = {
    "JointTrajectory": JointTrajectory,
    "Float64MultiArray": Float64MultiArray,
    "JointState": JointState,
}
QUIET_S = 10.0
"""Shortest time between two log messages about holds; the diagnostics count all holds."""


class CommandIntake:
    """The command of each control period, and statistics of the received trajectories: the watchdog of a bridge.

    Attributes:
        receiver: decides which command is executed; its `timeout` and `enforces_limits` may change at any time.
        holds: number of holds since the start.
        recoveries: number of holds that ended with a new trajectory.
        accepted: number of accepted trajectories.
        last_refusal: why the newest refused trajectory was refused.
        unreceived: why messages of controllers that are published are not received, a sentence each.
    """

    def __init__(
        self,
        node: Node,
        spec: TaskSpec,
        execute: int = 1,
        interfaces: Sequence[Interface] | None = None,
        zero_is_now: bool = False,
        ticks: int = 1,
    ) -> None:
        """Take commands for `spec` on behalf of `node`.

        Args:
            node: owns the publisher and the log.
            spec: of the task.
            execute: control periods that a plan is followed.
            interfaces: of each commanded joint, where they differ.
            zero_is_now: whether a trajectory without a stamp begins when it arrives, as in joint_trajectory_controller.
            ticks: how often in a control period `due` is called.

        Raises:
            RcdError: `execute` is above 1 for a task with several controllers.
        """
        if execute > 1 and len(spec.command.controllers) > 1:
            raise RcdError(
                f"execute is {execute}: each controller of '{spec.name}' follows the newest command; let the planner "
                f"keep its plans instead (mode: chunk, execute: {execute})"
            )
        self.holds = self.recoveries = self.accepted = 0
        self._node, self._spec, self._zero_is_now = node, spec, zero_is_now
        self.receiver = TrajectoryReceiver(spec, execute, interfaces, ticks=ticks)
        self._interfaces = self.receiver.interfaces
        by_joint = dict(zip(spec.command.joints, self._interfaces, strict=True))
        period = round(spec.control_period * 1e9)
        self._controllers = {output.topic: output for output in spec.command.controllers}
        self._readers = {topic: CommandReader(output, by_joint, period) for topic, output in self._controllers.items()}
        self._planned: dict[str, int] = {}
        """Joint -> stamp (ns) of the newest plan that was accepted for it."""
        self._executed = node.create_publisher(JointState, "~/command", QUEUE)
        self._warned: set[str] = set()
        self.last_refusal = ""
        self._subscriptions: dict[str, Subscription[CommandMessage]] = {}
        self.unreceived: list[str] = []
        self._rivals: dict[str, int] = {}
        self._following = self._holding = False

    @property
    def refused(self) -> Counter[str]:
        """How many trajectories were refused, by reason."""
        return self.receiver.refused

    @property
    def topics(self) -> list[str]:
        """Topics of the controllers, by their full names."""
        return [self._node.resolve_topic_name(topic) for topic in self._controllers]

    def listen(self, receive: Callable[[str, CommandMessage], None]) -> None:
        """Subscribe to the controllers' topics; `receive(topic, message)` is called with each message."""
        for topic, output in self._controllers.items():
            self._subscriptions[topic] = self._node.create_subscription(
                _TYPES[output.message], topic, partial(receive, topic), QUEUE, qos_overriding_options=OVERRIDABLE
            )

    def can_be_shown(self, topic: str) -> bool:
        """Whether the messages of a controller are trajectories of the task's own joint names and units."""
        output = self._controllers[topic]
        foreign = output.names or output.topic_scale or output.topic_offset
        return output.message == "JointTrajectory" and not foreign

    def answers(self, stamp: int) -> bool:
        """Whether every controller has a plan for the observation of this stamp (ns)."""
        if len(self._controllers) == 1:
            return stamp in self._planned.values()
        return all(self._planned.get(joint) == stamp for joint in self._spec.command.joints)

    def reset(self) -> None:
        """An episode begins: discard the trajectory that is followed."""
        self.receiver.reset()
        self._planned.clear()
        self._following = self._holding = False

    def receive(
        self, message: CommandMessage, now: int, topic: str = "", observation: NDArray[np.float64] | None = None
    ) -> ReceivedPlan | None:
        """Take a message of a controller that arrives at `now` (ns of simulated time).

        Args:
            message: of the controller's type.
            now: ns.
            topic: of the controller, as the task names it; empty: the first one's.
            observation: (n_obs,) the newest one: where waypoints begin on a robot that has had no command yet.

        Returns:
            None when the message is refused, or has none of the controller's joints.
        """
        plan = self._readers[topic or next(iter(self._readers))].read(message, now)
        if plan is None:
            return None
        if self._zero_is_now and plan.stamp == 0:
            plan = replace(plan, stamp=now)
        problem = self.receiver.accept(plan, now, observation)
        if problem is not None:
            self._warn_of_refusal(problem)
            return None
        self.accepted += 1
        self._planned.update(dict.fromkeys(plan.names, plan.stamp))
        return plan

    def due(self, now: int, observation: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
        """The command (n_cmd,) of the period that begins at `now` (ns), and whether it only holds the robot.

        Also publishes it on `~/command`, since the measured motion differs from the command.

        Args:
            now: ns.
            observation: (n_obs,) the newest one, in physical units.
        """
        command, holds = self.receiver.execute(now, observation)
        if holds:
            self._begin_hold()
        else:
            self._end_hold()
        self._executed.publish(joint_command(now, self._spec.command.joints, self._interfaces, command))
        return command, holds

    def look_at_publishers(self) -> None:
        """Count the publishers of each controller's topic, warn of more than one, and note those not received."""
        reasons = (
            why_unreceived(self._node, topic, subscription.msg_type, subscription.qos_profile)
            for topic, subscription in self._subscriptions.items()
        )
        self.unreceived = [reason for reason in reasons if reason]
        for topic in self._controllers:
            count = len(self._node.get_publishers_info_by_topic(topic))
            if count > 1 and count != self._rivals.get(topic):
                self._node.get_logger().warning(
                    f"{self._rivalry(topic, count)}: the robot follows the newest command of any of them"
                )
            self._rivals[topic] = count

    def problem(self, now: int) -> str:
        """The problem with the commands at `now` (ns) as a sentence; empty when there is none."""
        problems = [self._rivalry(topic, count) for topic, count in self._rivals.items() if count > 1]
        problems += self.unreceived
        if self._holding:
            problems.append(f"holding: no command for {(now - self.receiver.accepted_at) * 1e-9:.3g} s")
        return "; ".join(problems)

    def values(self) -> dict[str, object]:
        """Keys and values for a diagnostic status."""
        return {
            "publishers": max(self._rivals.values(), default=0),
            "accepted": self.accepted,
            "refused": sum(self.refused.values()),
            **{f"refused: {reason}": count for reason, count in sorted(self.refused.items())},
            "limited": self.receiver.limited,
            "holding": self._holding,
            "holds": self.holds,
            "recoveries": self.recoveries,
        }

    def _begin_hold(self) -> None:
        if self._following and not self._holding:
            self._holding = True
            self.holds += 1
            self._node.get_logger().warning(
                f"no command is due: nothing new arrived on '{' and '.join(self.topics)}'; the robot comes to rest and "
                "holds",
                throttle_duration_sec=QUIET_S,
            )

    def _end_hold(self) -> None:
        if self._holding:
            self.recoveries += 1
            self._node.get_logger().info("commands arrive again", throttle_duration_sec=QUIET_S)
        self._following, self._holding = True, False

    def _rivalry(self, topic: str, count: int) -> str:
        return f"{count} nodes publish '{self._node.resolve_topic_name(topic)}'"

    def _warn_of_refusal(self, problem: str) -> None:
        """Log each reason once; diagnostics and results have the counts."""
        self.last_refusal = problem
        kind = problem.split(":")[0]
        if kind not in self._warned:
            self._node.get_logger().warning(f"a plan was refused: {problem}")
        self._warned.add(kind)
