"""Faults of processes: killed, stopped, started twice."""

from __future__ import annotations

import signal

from rcd_ros.faults.checks import exits, no_plans, plans_on, says
from rcd_ros.faults.fault import Action, Fault, mend
from rcd_ros.faults.stage import PLANNER_NODE, Stage
from rcd_ros.planning.spec import TaskSpec

GROUP = "processes"


def process_faults(spec: TaskSpec) -> list[Fault]:
    """Faults of planner and bridge as processes."""
    robot = f"{spec.name}_bridge"
    return [
        Fault(
            "the planner is killed",
            GROUP,
            "the arm follows its plan to the end and comes to rest; it follows the planner once that is started again",
            lambda stage: stage.processes.kill(PLANNER_NODE),
            (exits(PLANNER_NODE, -signal.SIGKILL),),
            rests=True,
            end=lambda stage: stage.start(stage.planner()),
            ends=(PLANNER_NODE,),
            quick=True,
        ),
        Fault(
            "the planner is asked to end",
            GROUP,
            "it ends with code 0, the arm comes to rest",
            lambda stage: stage.processes.interrupt(PLANNER_NODE),
            (exits(PLANNER_NODE, 0),),
            rests=True,
            end=lambda stage: stage.start(stage.planner()),
            ends=(PLANNER_NODE,),
        ),
        Fault(
            "the planner hangs",
            GROUP,
            "the arm comes to rest; when the planner wakes it makes no plan of what is stale, and plans on",
            lambda stage: stage.processes.hang(PLANNER_NODE),
            (no_plans,),
            rests=True,
            end=lambda stage: stage.processes.wake(PLANNER_NODE),
        ),
        Fault(
            "the bridge is killed",
            GROUP,
            "the planner falls silent and says so; it plans on, with a new history, once the bridge is there again",
            lambda stage: stage.processes.kill(robot),
            (exits(robot, -signal.SIGKILL), no_plans),
            end=lambda stage: stage.start(stage.bridge()),
            ends=(robot,),
        ),
        Fault(
            "the bridge hangs",
            GROUP,
            "the planner falls silent, and plans on when the bridge wakes",
            lambda stage: stage.processes.hang(robot),
            (no_plans,),
            end=lambda stage: stage.processes.wake(robot),
        ),
        Fault(
            "a second planner",
            GROUP,
            "each plan is judged like every other: the motion stays inside its limits",
            _second_planner,
            (plans_on,),
            end=lambda stage: stage.end_guests(),
            seconds=10.0,
            ends=("rival",),
        ),
        Fault(
            "a second bridge",
            GROUP,
            "it ends with code 2 and one sentence before it has published anything; the first goes on",
            _second_bridge(robot),
            (exits("rival", 2), says("another node publishes", "rival"), plans_on),
            end=mend,
            seconds=0.0,
            ends=("rival",),
        ),
    ]


def _second_planner(stage: Stage) -> None:
    """One with other noise, beside the wire: two publish where the bridge listens."""
    stage.start(stage.planner("rival", seed=1, on_wire=False))
    stage.wait(lambda: "rival" in stage.witness.last_report)


def _second_bridge(robot: str) -> Action:
    def begin(stage: Stage) -> None:
        stage.start(stage.bridge("rival"))
        stage.wait(lambda: stage.processes.exit_code("rival") is not None)

    return begin
