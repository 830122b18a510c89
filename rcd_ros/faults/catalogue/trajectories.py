"""Faults of what the robot is told: plans spoilt on the way, and others who command it."""

from __future__ import annotations

from typing import Any

import numpy as np

from rcd_ros.faults import changes
from rcd_ros.faults.checks import counts, plans_on
from rcd_ros.faults.fault import Action, Check, Fault, tampers
from rcd_ros.faults.stage import Stage
from rcd_ros.faults.wire import Change, Tampering
from rcd_ros.nodes.ros.messages import joint_trajectory
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.planning.trajectory import TrajectoryPoints

GROUP = "trajectories"
BEYOND = 1.5
"""Times the largest admissible command."""


def trajectory_faults(spec: TaskSpec) -> list[Fault]:
    """Faults of the command topic."""
    plans, robot = (spec.command.topic,), f"{spec.name}_bridge"
    horizon_s = 40.0 * spec.control_period

    def refused(name: str, change: Change, reason: str, quick: bool = False) -> Fault:
        expected = f"refused as '{reason}' and counted, the arm comes to rest, and follows the next good plan"
        checks: tuple[Check, ...] = (counts(f"refused: {reason}", node=robot),)
        return Fault(
            f"plans with {name}", GROUP, expected, tampers(Tampering(plans, change)), checks, rests=True, quick=quick
        )

    return [
        refused("NaN", changes.one_command(changes.NOT_A_NUMBER), "not finite", quick=True),
        refused("infinity", changes.one_command(changes.INFINITE), "not finite"),
        refused("other joints", changes.with_other_joints, "joint names differ"),
        refused("decreasing times", changes.with_times_reversed, "times do not increase"),
        refused(
            "a command beyond the limits", changes.one_command(BEYOND * spec.command.upper[0]), "outside the limits"
        ),
        refused("no points", changes.without_points, "wrong shape"),
        refused("stamps from the future", changes.shifted(100.0), "from the future"),
        refused("stamps from long ago", changes.shifted(-horizon_s), "stale"),
        Fault(
            "plans among which others are garbage",
            GROUP,
            "each is dropped, and the good plan that comes with it is followed",
            tampers(Tampering(plans, _with_garbage)),
            (plans_on,),
        ),
        Fault(
            "30 % of all plans lost",
            GROUP,
            "the plan in hand bridges the gaps",
            tampers(Tampering(plans, changes.lost(0.3))),
            (plans_on,),
            seconds=6.0,
        ),
        Fault(
            "every plan twice",
            GROUP,
            "the second changes nothing",
            tampers(Tampering(plans, changes.repeated(2))),
            (plans_on,),
        ),
        Fault(
            "all plans lost",
            GROUP,
            "the plan in hand is followed to its end, the arm comes to rest",
            tampers(Tampering(plans, changes.swallowed)),
            rests=True,
        ),
        Fault(
            "a second publisher on the command topic",
            GROUP,
            "what it sends is judged like every plan: the motion stays inside its limits",
            _second_publisher(spec),
            (plans_on,),
            end=_silence_second_publisher,
            seconds=6.0,
        ),
    ]


def _with_garbage(message: Any) -> tuple[Any, ...]:
    return (*changes.garbled(message), message)


def _second_publisher(spec: TaskSpec) -> Action:
    """Somebody who wants the robot to stand still at the same time."""

    def begin(stage: Stage) -> None:
        rival = stage.rival()
        periods = 8
        nothing = np.empty((periods, 0))
        standing = np.zeros((periods, spec.command.size))
        ends = np.arange(1, periods + 1, dtype=np.int64) * round(spec.control_period * 1e9)
        by_interface = {
            "velocity": TrajectoryPoints(ends, nothing, standing, nothing),
            "position": TrajectoryPoints(ends, standing, nothing, nothing),
            "effort": TrajectoryPoints(ends, nothing, nothing, standing),
        }
        for _ in range(10):
            points = by_interface[spec.command.interface]
            rival.publish(joint_trajectory(stage.witness.robot_time, spec.command.joints, points))
            stage.sleep(0.2)

    return begin


def _silence_second_publisher(stage: Stage) -> None:
    stage.dismiss_rival()
