"""A probe that records what is planned, executed, measured and reported while faults are injected."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.nodes.ros.messages import nanoseconds
from rcd_ros.planning.execution.follower import TrajectoryFollower
from rcd_ros.planning.execution.received_plan import ReceivedPlan, trajectory_plan
from rcd_ros.planning.limits import CommandLimits
from rcd_ros.planning.spec import TaskSpec

QUEUE = 1000
RECENT_PLANS = 40
"""Plans in which an executed command is looked up."""
AT_REST = 0.05
"""rad/s or m/s; an arm whose joints are slower is at rest."""
CLOSE = 1e-6
"""rad/s and the like; commands that differ by no more are the same."""


@dataclass(frozen=True)
class Report:
    """A node's diagnostics: when they arrived (s, monotonic), the worst level with its message, and all values."""

    moment: float
    level: int
    message: str
    values: dict[str, str]

    def count(self, key: str) -> int:
        """The value of a counter; 0 when it is missing or no whole number."""
        text = self.values.get(key, "0")
        return int(text) if text.isdigit() else 0


@dataclass
class Seen:
    """All that was seen since `Probe.forget`.

    Attributes:
        stamps: of the executed commands, ns.
        commands: executed, each (n_cmd,).
        plans: as the planner published them.
        plan_moments: when they arrived (s, monotonic).
        speeds: fastest commanded joint as measured at each observation, rad/s or m/s.
        rested_at: when the arm was at rest for the first time (s, monotonic); None: never.
        reports: diagnostics by node.
    """

    stamps: list[int] = field(default_factory=list)
    commands: list[NDArray[np.float64]] = field(default_factory=list)
    plans: list[ReceivedPlan] = field(default_factory=list)
    plan_moments: list[float] = field(default_factory=list)
    speeds: list[float] = field(default_factory=list)
    rested_at: float | None = None
    reports: dict[str, list[Report]] = field(default_factory=dict)

    def first_plans(self) -> list[float]:
        """When plans arrived, each once: a planner repeats the plan for an observation that is published again."""
        moments: dict[int, float] = {}
        for plan, moment in zip(self.plans, self.plan_moments, strict=True):
            moments.setdefault(plan.stamp, moment)
        return list(moments.values())


class Probe:
    """Subscribes to the plans, commands, joint states and diagnostics of planner and bridge."""

    def __init__(self, node: Node, spec: TaskSpec, planned: str, measured: str, executed: str) -> None:
        """Subscribe.

        Args:
            node: that subscribes.
            spec: of the task.
            planned: topic of the planner's trajectories.
            measured: topic of the commanded joints' states.
            executed: topic of the commands that the bridge executes.
        """
        self.seen = Seen()
        self.last_report: dict[str, Report] = {}
        self.robot_time = 0
        """Stamp of the last executed command, ns."""
        self._channel = spec.command
        self._period = round(spec.control_period * 1e9)
        self._limits = CommandLimits(spec.command)
        self._rows: list[NDArray[np.float64]] = []
        node.create_subscription(JointTrajectory, planned, self._on_plan, QUEUE)
        node.create_subscription(JointState, measured, self._on_state, QUEUE)
        node.create_subscription(JointState, executed, self._on_command, QUEUE)
        node.create_subscription(DiagnosticArray, "diagnostics", self._on_diagnostics, QUEUE)

    def forget(self) -> None:
        """Begin an empty `seen`."""
        self.seen = Seen()

    def follows(self, count: int = 5) -> bool:
        """Whether the last `count` executed commands, all since `forget`, are points of recent plans."""
        commands = self.seen.commands[-count:]
        if len(commands) < count or not self._rows:
            return False
        rows = np.concatenate(self._rows)
        return all((np.abs(rows - command).max(axis=1) <= CLOSE).any() for command in commands)

    def moves(self) -> bool:
        """Whether the last executed command moves a joint at a tenth of its range or more."""
        return bool(self.seen.commands) and bool(
            (np.abs(self.seen.commands[-1]) > 0.1 * self._limits.range / 2.0).any()
        )

    @property
    def speed(self) -> float:
        """Of the fastest commanded joint at the last two observations, rad/s or m/s."""
        return max(self.seen.speeds[-2:], default=0.0)

    def rests(self) -> bool:
        """Whether the arm is at rest."""
        return self.speed < AT_REST

    def problem_of(self, plan: ReceivedPlan) -> str:
        """Why a receiver would refuse a plan that arrives in time; empty when it would not."""
        return TrajectoryFollower(self._channel, self._period).accept(plan, plan.stamp) or ""

    def reported_since(self, moment: float) -> Callable[[str], bool]:
        """Whether a node has published diagnostics after `moment` (s, monotonic)."""
        return lambda name: name in self.last_report and self.last_report[name].moment > moment

    def _on_plan(self, message: JointTrajectory) -> None:
        plan = trajectory_plan(message, dict.fromkeys(self._channel.joints, self._channel.interface))
        self.seen.plans.append(plan)
        self.seen.plan_moments.append(time.monotonic())
        if not self.problem_of(plan):
            order = [list(plan.names).index(joint) for joint in self._channel.joints]
            rows = self._limits.clamp(np.asarray(plan.commands, np.float64)[:, order])
            self._rows = [*self._rows[1 - RECENT_PLANS :], rows]

    def _on_state(self, message: JointState) -> None:
        speeds = [
            abs(speed)
            for joint, speed in zip(message.name, message.velocity, strict=False)
            if joint in self._channel.joints
        ]
        self.seen.speeds.append(max(speeds, default=0.0))
        if self.seen.rested_at is None and self.rests():
            self.seen.rested_at = time.monotonic()

    def _on_command(self, message: JointState) -> None:
        self.robot_time = nanoseconds(message.header.stamp)
        self.seen.stamps.append(self.robot_time)
        self.seen.commands.append(np.asarray(getattr(message, self._channel.interface), np.float64))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        statuses: dict[str, list[DiagnosticStatus]] = {}
        for status in message.status:
            name = status.name.partition(":")[0].strip().rpartition("/")[2]
            statuses.setdefault(name, []).append(status)
        for name, parts in statuses.items():
            worst = max(parts, key=lambda status: int.from_bytes(status.level, "little"))
            values = {entry.key: entry.value for status in parts for entry in status.values}
            report = Report(time.monotonic(), int.from_bytes(worst.level, "little"), worst.message, values)
            self.last_report[name] = report
            self.seen.reports.setdefault(name, []).append(report)
