"""Faults of operation: requests that must be refused, and others that come in the middle of the motion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rcd_ros.faults import message_changes as changes
from rcd_ros.faults.catalogue.copies import damaged_copy, foreign_copy
from rcd_ros.faults.checks import answers, counts, never_held, no_plans, state
from rcd_ros.faults.fault import Action, Fault
from rcd_ros.faults.harness import Harness
from rcd_ros.faults.proxy import Injection
from rcd_ros.faults.requests import GRANTED, REFUSED, Value, change_state, load_checkpoint, set_parameters
from rcd_ros.planning.spec import TaskSpec

GROUP = "operation"
GUARD_DEVIATIONS = 20.0
FAR = 50.0
"""rad or m; further from the training data than any guard allows."""


def operation_faults(spec: TaskSpec) -> list[Fault]:
    """Faults in the operation of a planner that drives."""
    arm = (spec.observations[0].topic,)
    return [
        _refused_swap("a damaged checkpoint", "does not match its SHA-256", damaged_copy, quick=True),
        _refused_swap(
            "a missing checkpoint", "there is no checkpoint folder", lambda harness: harness.folder / "nowhere"
        ),
        _refused_swap("a checkpoint of another robot", "other_", foreign_copy),
        Fault(
            "a hot swap in the middle of the motion",
            GROUP,
            "loaded and exchanged between two periods: the robot is never without a command, no jump",
            _load(lambda harness: harness.settings.checkpoint),
            (answers(f"{GRANTED}: planning from"), counts("exchanges"), never_held),
        ),
        _refused_values("a parameter out of range, live", "rate", rate=-1.0),
        _refused_values("a parameter of the wrong type, live", "Wrong parameter type", seed="many"),  # rclpy names none
        _refused_values("one bad parameter among good ones, live", "rate", max_age=0.5, rate=-1.0),
        _refused_values("motion limits of the wrong number, live", "acceleration", limits__acceleration=[1.0, 2.0]),
        _refused_values("a read-only parameter, live", "keep_awake", keep_awake=True),
        Fault(
            "the planner is deactivated in the middle of the motion",
            GROUP,
            "it leaves a trajectory that ends at rest and plans no more; activated again, it plans on",
            lambda harness: change_state(harness, "deactivate"),
            (answers(f"{GRANTED}: deactivate"), no_plans, state("inactive")),
            end=lambda harness: change_state(harness, "activate"),
            rests=True,
            quick=True,
        ),
        Fault(
            "the planner is cleaned up and configured anew",
            GROUP,
            "at rest meanwhile; activated again, it plans on",
            lambda harness: change_state(harness, "deactivate", "cleanup"),
            (answers(f"{GRANTED}: cleanup"), no_plans, state("unconfigured")),
            end=lambda harness: change_state(harness, "configure", "activate"),
            rests=True,
        ),
        Fault(
            "a transition that is not possible",
            GROUP,
            "refused, planning goes on",
            lambda harness: change_state(harness, "configure"),
            (answers(f"{REFUSED}: configure"), never_held),
        ),
        Fault(
            "observations far outside the training range, with the guard on",
            GROUP,
            "counted as out of range, the arm is braked to rest and held; planning goes on when they are inside again",
            _guard_against(Injection(arm, changes.moved(FAR))),
            (counts("dropped: out of range"), state("held"), no_plans),
            end=_clear_and_lower_guard,
            rests=True,
        ),
    ]


def _refused_swap(name: str, sentence: str, folder: Callable[[Harness], Path], quick: bool = False) -> Fault:
    expected = "refused with the reason, nothing has changed: the robot is never without a command"
    checks = (answers(f"{REFUSED}: not loaded, nothing has changed"), answers(sentence), never_held)
    begin, end = _load(folder), _set_checkpoint
    return Fault(f"{name} during hot swap", GROUP, expected, begin, checks, end=end, quick=quick)


def _refused_values(name: str, sentence: str, **values: Value) -> Fault:
    expected = "refused with the reason, none of the parameters has changed, planning goes on"
    checks = (answers(REFUSED), answers(sentence), never_held)
    return Fault(name, GROUP, expected, lambda harness: set_parameters(harness, **values), checks)


def _load(folder: Callable[[Harness], Path]) -> Action:
    return lambda harness: load_checkpoint(harness, folder(harness))


def _set_checkpoint(harness: Harness) -> None:
    set_parameters(harness, checkpoint=str(harness.settings.checkpoint))


def _guard_against(injection: Injection) -> Action:
    def begin(harness: Harness) -> None:
        set_parameters(harness, range_hold=GUARD_DEVIATIONS)
        harness.proxy.inject(injection)

    return begin


def _clear_and_lower_guard(harness: Harness) -> None:
    harness.proxy.clear()
    set_parameters(harness, range_hold=0.0)
