"""What a bridge does with the trajectories that arrive: checks them, follows them, and holds when they stop coming."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.nodes.messages import joint_command, received_plan
from rcd_ros.planning.change_limiter import ChangeLimiter
from rcd_ros.planning.execution import ReceivedPlan, TrajectoryFollower
from rcd_ros.planning.hold import PositionHold
from rcd_ros.planning.spec import Interface, TaskSpec

QUEUE = 10
QUIET_S = 10.0
"""How often, at most, the log tells that a hold began or ended; the diagnostics count them all."""


class CommandIntake:
    """The command in each control period, and what became of the trajectories: the watchdog of a bridge.

    The robot holds while no point of a trajectory is due, or when none has been accepted for `timeout` s: it comes to
    rest and stays (`PositionHold`). The next acceptable trajectory is followed again.
    """

    def __init__(
        self,
        node: Node,
        spec: TaskSpec,
        execute: int = 1,
        interfaces: Sequence[Interface] | None = None,
        zero_is_now: bool = False,
    ) -> None:
        """Take commands for `spec` on behalf of `node`.

        Args:
            node: where the topic is looked at and the log is written.
            spec: of the task.
            execute: control periods that a plan is followed.
            interfaces: of each commanded joint, where they differ.
            zero_is_now: a trajectory without a stamp begins when it arrives, as joint_trajectory_controller has it.
        """
        self.timeout = 0.0
        """s after the newest accepted trajectory until the robot holds; 0: until its last point has passed."""
        self.enforces_limits = False
        """Whether commands change no faster than the motion limits allow (`ChangeLimiter`)."""
        self.holds = self.recoveries = self.accepted = 0
        self._node, self._spec, self._zero_is_now = node, spec, zero_is_now
        self._interfaces = interfaces or (spec.command.interface,) * len(spec.command.joints)
        self._follower = TrajectoryFollower(spec.command, round(spec.control_period * 1e9), execute)
        self._hold = PositionHold(spec, self._interfaces)
        self._limiter = ChangeLimiter(spec, self._interfaces)
        self._executed = node.create_publisher(JointState, "~/command", QUEUE)
        self._warned: set[str] = set()
        self.last_refusal = ""
        self._rivals = 0
        self._heard = 0
        self._following = self._holding = False

    @property
    def refused(self) -> Counter[str]:
        """How many trajectories were refused, by reason."""
        return self._follower.refused

    def reset(self) -> None:
        """An episode begins: forget the plan in hand."""
        self._follower.reset()
        self._hold.release()
        self._limiter.reset()
        self._following = self._holding = False

    def receive(self, message: JointTrajectory, now: int) -> ReceivedPlan | None:
        """Take a trajectory that arrives at `now` (ns of simulated time); None when it is refused."""
        plan = received_plan(message, dict(zip(self._spec.command.joints, self._interfaces, strict=True)))
        if self._zero_is_now and plan.stamp == 0:
            plan = replace(plan, stamp=now)
        problem = self._follower.accept(plan, now)
        if problem is not None:
            self._warn_of_refusal(problem)
            return None
        self.accepted += 1
        self._heard = now
        return plan

    def due(self, now: int, observation: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
        """The command (n_cmd,) of the period that begins `now`, and whether it merely holds; `observation` (n_obs,).

        It is published, too, on `~/command`: what a robot was told is not what it did.
        """
        command, holds = self._decide(now, observation)
        if self.enforces_limits:
            command = self._limiter.limit(command)
        self._executed.publish(joint_command(now, self._spec.command.joints, self._interfaces, command))
        return command, holds

    def look_for_rivals(self) -> None:
        """Count the publishers of the command topic; more than one is worth a warning."""
        count = len(self._node.get_publishers_info_by_topic(self._spec.command.topic))
        if count > 1 and count != self._rivals:
            self._node.get_logger().warning(f"{self._rivalry(count)}: the robot follows whichever was heard last")
        self._rivals = count

    def problem(self, now: int) -> str:
        """What is wrong with the commands at `now`, as a sentence; empty when nothing is."""
        problems = [self._rivalry(self._rivals)] if self._rivals > 1 else []
        if self._holding:
            problems.append(f"holding: no command for {(now - self._heard) * 1e-9:.3g} s")
        return "; ".join(problems)

    def values(self) -> dict[str, object]:
        """Keys and values, for a diagnostic status."""
        return {
            "publishers": self._rivals,
            "accepted": self.accepted,
            "refused": sum(self.refused.values()),
            **{f"refused: {reason}": count for reason, count in sorted(self.refused.items())},
            "limited": self._limiter.limited,
            "holding": self._holding,
            "holds": self.holds,
            "recoveries": self.recoveries,
        }

    def _decide(self, now: int, observation: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
        due = self._follower.due(now)
        silent = self.timeout > 0.0 and now - self._heard > self.timeout * 1e9
        if due is None or silent:
            self._begin_hold()
            return self._hold.command(observation), True
        self._end_hold()
        self._hold.release(due.command)
        return due.command, False

    def _begin_hold(self) -> None:
        if self._following and not self._holding:
            self._holding = True
            self.holds += 1
            topic = self._node.resolve_topic_name(self._spec.command.topic)
            self._node.get_logger().warning(
                f"no command is due: nothing new came on '{topic}'; the robot comes to rest and holds",
                throttle_duration_sec=QUIET_S,
            )

    def _end_hold(self) -> None:
        if self._holding:
            self.recoveries += 1
            self._node.get_logger().info("commands come again", throttle_duration_sec=QUIET_S)
        self._following, self._holding = True, False

    def _rivalry(self, count: int) -> str:
        return f"{count} nodes publish '{self._node.resolve_topic_name(self._spec.command.topic)}'"

    def _warn_of_refusal(self, problem: str) -> None:
        """Say it the first time; the count is in the diagnostics and the results."""
        self.last_refusal = problem
        kind = problem.split(":")[0]
        if kind not in self._warned:
            self._node.get_logger().warning(f"a plan was refused: {problem}")
        self._warned.add(kind)
