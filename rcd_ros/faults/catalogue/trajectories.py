"""Faults of the command topic: plans that are changed on their way, and other publishers."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.faults import message_changes as changes
from rcd_ros.faults.checks import counts, plans_on
from rcd_ros.faults.fault import Fault, inject
from rcd_ros.faults.harness import Harness
from rcd_ros.faults.message_changes import Change, Passed
from rcd_ros.faults.proxy import Injection
from rcd_ros.nodes.ros.messages import joint_trajectory
from rcd_ros.planning.execution.trajectory import TrajectoryPoints
from rcd_ros.planning.spec import TaskSpec

GROUP = "trajectories"
BEYOND = 1.5
"""Times the largest admissible command."""


def trajectory_faults(spec: TaskSpec) -> list[Fault]:
    """Faults of the command topic."""
    plans, robot = (spec.command.topic,), f"{spec.name}_bridge"
    horizon_s = 40.0 * spec.control_period
    too_large = changes.one_command(BEYOND * spec.command.upper[0])
    rival = _SecondPublisher(spec)

    def refused(name: str, change: Change, reason: str, quick: bool = False) -> Fault:
        expected = f"refused as '{reason}' and counted, the arm comes to rest, and follows the next good plan"
        checks = (counts(f"refused: {reason}", node=robot),)
        begin = inject(Injection(plans, change))
        return Fault(f"plans with {name}", GROUP, expected, begin, checks, rests=True, quick=quick)

    def harmless(name: str, expected: str, change: Change, seconds: float = 3.0) -> Fault:
        return Fault(name, GROUP, expected, inject(Injection(plans, change)), (plans_on,), seconds=seconds)

    return [
        refused("NaN", changes.one_command(math.nan), "not finite", quick=True),
        refused("infinity", changes.one_command(math.inf), "not finite"),
        refused("other joints", changes.with_other_joints, "joint names differ"),
        refused("decreasing times", changes.with_times_reversed, "times do not increase"),
        refused("a command beyond the limits", too_large, "outside the limits"),
        refused("no points", changes.without_points, "wrong shape"),
        refused("stamps from the future", changes.shifted(100.0), "from the future"),
        refused("stamps from long ago", changes.shifted(-horizon_s), "stale"),
        harmless(
            "plans among which others are garbage",
            "each is dropped, and the good plan that comes with it is followed",
            _with_garbage,
        ),
        harmless("30 % of all plans lost", "the plan in hand bridges the gaps", changes.lost(0.3), seconds=6.0),
        harmless("every plan twice", "the second changes nothing", changes.repeated(2)),
        Fault(
            "all plans lost",
            GROUP,
            "the plan in hand is followed to its end, the arm comes to rest",
            inject(Injection(plans, changes.dropped)),
            rests=True,
        ),
        Fault(
            "a second publisher on the command topic",
            GROUP,
            "what it sends is judged like every plan: the motion stays inside its limits",
            rival.begin,
            (plans_on,),
            end=rival.end,
            seconds=6.0,
        ),
    ]


def _with_garbage(message: JointTrajectory) -> Iterable[Passed]:
    return (*changes.garbled(message), message)


class _SecondPublisher:
    """Commands the robot to stand still while the planner moves it."""

    PERIODS = 8

    def __init__(self, spec: TaskSpec) -> None:
        nothing, standing = np.empty((self.PERIODS, 0)), np.zeros((self.PERIODS, spec.command.size))
        ends = np.arange(1, self.PERIODS + 1, dtype=np.int64) * round(spec.control_period * 1e9)
        columns = {"position": nothing, "velocity": nothing, "effort": nothing, spec.command.interface: standing}
        self._points = TrajectoryPoints(ends, columns["position"], columns["velocity"], columns["effort"])
        self._command = spec.command

    def begin(self, harness: Harness) -> None:
        """Publish ten trajectories in two seconds."""
        self._publisher = harness.proxy.create_publisher(JointTrajectory, self._command.topic, 10)
        for _ in range(10):
            stamp = harness.probe.robot_time
            self._publisher.publish(joint_trajectory(stamp, self._command.joints, self._points))
            harness.sleep(0.2)

    def end(self, harness: Harness) -> None:
        """Leave the topic to the planner."""
        harness.proxy.destroy_publisher(self._publisher)
