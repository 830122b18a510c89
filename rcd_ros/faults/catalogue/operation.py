"""Faults of operation: requests that cannot be granted, and those that can, in the middle of the motion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rcd_ros.faults import changes
from rcd_ros.faults.catalogue.copies import damaged_copy, foreign_copy
from rcd_ros.faults.checks import answers, counts, never_held, no_plans, state
from rcd_ros.faults.fault import Action, Check, Fault
from rcd_ros.faults.requests import GRANTED, REFUSED, change_state, load_checkpoint, set_parameters
from rcd_ros.faults.stage import Stage
from rcd_ros.faults.wire import Tampering
from rcd_ros.planning.spec import TaskSpec

GROUP = "operation"
GUARD_DEVIATIONS = 20.0
FAR = 50.0
"""rad or m; further from the training data than any guard allows."""


def operation_faults(spec: TaskSpec) -> list[Fault]:
    """Faults of those who operate a planner that drives."""
    arm = (spec.observations[0].topic,)

    def swap(name: str, folder: Callable[[Stage], Path], sentence: str, quick: bool = False) -> Fault:
        expected = "refused with the reason, nothing has changed: the robot is never without a command"
        checks: tuple[Check, ...] = (
            answers(f"{REFUSED}: not loaded, nothing has changed"),
            answers(sentence),
            never_held,
        )
        return Fault(
            f"{name} during hot swap", GROUP, expected, _loads(folder), checks, end=_restores_checkpoint, quick=quick
        )

    def refused(name: str, sentence: str, **values: Any) -> Fault:
        expected = "refused with the reason, none of the parameters has changed, planning goes on"
        return Fault(name, GROUP, expected, _sets(**values), (answers(REFUSED), answers(sentence), never_held))

    return [
        swap("a damaged checkpoint", damaged_copy, "does not match its SHA-256", quick=True),
        swap("a missing checkpoint", lambda stage: stage.folder / "nowhere", "there is no checkpoint folder"),
        swap("a checkpoint of another robot", foreign_copy, "other_"),
        Fault(
            "a hot swap in the middle of the motion",
            GROUP,
            "loaded and exchanged between two periods: the robot is never without a command, no jump",
            _loads(lambda stage: stage.settings.checkpoint),
            (answers(f"{GRANTED}: planning from"), counts("exchanges"), never_held),
        ),
        refused("a parameter out of range, live", "rate", rate=-1.0),
        refused("a parameter of the wrong type, live", "Wrong parameter type", seed="many"),  # rclpy names none
        refused("one bad parameter among good ones, live", "rate", max_age=0.5, rate=-1.0),
        refused("motion limits of the wrong number, live", "acceleration", limits__acceleration=[1.0, 2.0]),
        refused("a read-only parameter, live", "keep_awake", keep_awake=True),
        Fault(
            "the planner is deactivated in the middle of the motion",
            GROUP,
            "it leaves a trajectory that ends at rest and plans no more; activated again, it plans on",
            lambda stage: change_state(stage, "deactivate"),
            (answers(f"{GRANTED}: deactivate"), no_plans, state("inactive")),
            end=lambda stage: change_state(stage, "activate"),
            rests=True,
            quick=True,
        ),
        Fault(
            "the planner is cleaned up and configured anew",
            GROUP,
            "at rest meanwhile; activated again, it plans on",
            lambda stage: change_state(stage, "deactivate", "cleanup"),
            (answers(f"{GRANTED}: cleanup"), no_plans, state("unconfigured")),
            end=lambda stage: change_state(stage, "configure", "activate"),
            rests=True,
        ),
        Fault(
            "a transition that is not possible",
            GROUP,
            "refused, planning goes on",
            lambda stage: change_state(stage, "configure"),
            (answers(f"{REFUSED}: configure"), never_held),
        ),
        Fault(
            "observations far outside the training range, with the guard on",
            GROUP,
            "counted as out of range, the arm is braked to rest and held; planning goes on when they are inside again",
            _guards_against(Tampering(arm, changes.moved(FAR))),
            (counts("dropped: out of range"), state("held"), no_plans),
            end=_lowers_guard,
            rests=True,
        ),
    ]


def _loads(folder: Callable[[Stage], Path]) -> Action:
    return lambda stage: load_checkpoint(stage, folder(stage))


def _restores_checkpoint(stage: Stage) -> None:
    set_parameters(stage, checkpoint=str(stage.settings.checkpoint))


def _sets(**values: Any) -> Action:
    return lambda stage: set_parameters(stage, **values)


def _guards_against(tampering: Tampering) -> Action:
    def begin(stage: Stage) -> None:
        set_parameters(stage, range_hold=GUARD_DEVIATIONS)
        stage.wire.tamper(tampering)

    return begin


def _lowers_guard(stage: Stage) -> None:
    stage.wire.mend()
    set_parameters(stage, range_hold=0.0)
