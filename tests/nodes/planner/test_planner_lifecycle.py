"""The planner as a managed node: what it says and does in each state, and where errors lead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.nodes.planner.planner_node import PlannerNode
from rcd_ros.planning.planner import Planner
from tests.nodes.planner.planner_scene import PERIOD, PlannerScene

Make = Callable[..., PlannerScene]
AGELESS = "max_age:=1.0e+10"


def last_velocities(message: JointTrajectory) -> list[float]:
    return list(message.points[-1].velocities)


def test_each_state_does_its_part(planner_scene: Make, tiny: Path) -> None:
    here = planner_scene("autostart:=false", AGELESS)
    here.await_state("unconfigured")
    assert not here.peer.count_publishers("joint_trajectory")

    here.node.trigger_configure()
    here.connect()
    here.show(PERIOD)
    here.until(lambda: here.value("age_s: joint_states", "observations") not in (None, "never heard"), "its ears")
    assert here.value("state") == "inactive"
    assert here.peer.received["joint_trajectory"] == [], "an inactive planner listens and says nothing"

    here.node.trigger_activate()
    here.until(lambda: len(here.peer.received["joint_trajectory"]) == 1, "the plan for what came last meanwhile")
    planned = here.plan(2 * PERIOD)
    assert last_velocities(planned) != [0.0, 0.0]

    here.node.trigger_deactivate()
    here.until(lambda: len(here.peer.received["joint_trajectory"]) == 3, "the trajectory to rest")
    assert last_velocities(here.peer.received["joint_trajectory"][-1]) == [0.0, 0.0]
    here.show(3 * PERIOD)
    here.await_state("inactive")
    here.rest(0.2)
    assert len(here.peer.received["joint_trajectory"]) == 3

    here.node.trigger_activate()
    here.plan(4 * PERIOD)
    here.node.trigger_deactivate()
    here.node.trigger_cleanup()
    here.until(lambda: not here.peer.count_publishers("joint_trajectory"), "the topic to be left")
    here.await_state("unconfigured")


def test_a_checkpoint_that_cannot_be_loaded_leaves_the_node_as_it_was_with_the_reason(
    planner_scene: Make, tiny: Path
) -> None:
    here = planner_scene("autostart:=false", "checkpoint:=nowhere", AGELESS)
    here.node.trigger_configure()
    assert (here.node.state, here.node.problem[:29]) == ("unconfigured", "there is no checkpoint folder")
    here.until(lambda: here.status() and here.status().level == DiagnosticStatus.ERROR, "the diagnostics")
    assert here.status().message == here.node.problem
    assert here.set(checkpoint=str(tiny)).successful
    here.node.trigger_configure()
    here.node.trigger_activate()
    here.connect()
    here.plan(PERIOD)


class FailingNode(PlannerNode):
    """Its planner has a bug that shows when the elbow is at 1.25 rad."""

    def make_planner(self, parameters: Any) -> Any:
        class Failing(Planner):
            def plan(self, history: Any) -> Any:
                if np.asarray(history)[-1, 0] == 1.25:
                    raise ZeroDivisionError("by nothing")
                return super().plan(history)

        return Failing.load(parameters.checkpoint, parameters.engine)


def test_a_planner_with_a_bug_holds_the_robot_and_ends_unconfigured_with_the_reason(
    planner_scene: Make, capfd: Any
) -> None:
    here = planner_scene(AGELESS, make=FailingNode)
    here.connect()
    here.plan(PERIOD)
    here.show(2 * PERIOD, (1.25, 0.2, 0.3, 0.4, 0.5))
    here.until(lambda: here.node.state == "unconfigured", "the error's end")
    here.until(lambda: len(here.peer.received["joint_trajectory"]) == 2, "the trajectory to rest")
    assert last_velocities(here.peer.received["joint_trajectory"][-1]) == [0.0, 0.0]
    here.until(lambda: here.status() and here.status().level == DiagnosticStatus.ERROR, "the diagnostics")
    assert here.status().message == "planning has failed with ZeroDivisionError: by nothing"
    assert capfd.readouterr().err.count("planning has failed") == 1


def test_gripper_joints_go_to_a_topic_of_their_own(planner_scene: Make) -> None:
    here = planner_scene(AGELESS, "gripper_joints:=[wrist]", "gripper_topic:=gripper/joint_trajectory")
    here.peer.listen(JointTrajectory, "gripper/joint_trajectory")
    here.connect()
    arm = here.plan(PERIOD)
    here.until(lambda: here.peer.received["gripper/joint_trajectory"], "the gripper's plan")
    gripper = here.peer.received["gripper/joint_trajectory"][0]
    assert (list(arm.joint_names), list(gripper.joint_names)) == (["elbow"], ["wrist"])
    assert gripper.header == arm.header
    for mine, other in zip(arm.points, gripper.points, strict=True):
        assert len(mine.positions) == len(mine.velocities) == len(other.positions) == len(other.velocities) == 1
        assert mine.time_from_start == other.time_from_start
