"""Faults of checkpoints and parameters: missing, damaged, of another robot, out of range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rcd_ros.faults.catalogue.copies import damaged_copy, foreign_copy, torn_copy
from rcd_ros.faults.checks import counts, exits, in_one_line, plans_on, reports, says
from rcd_ros.faults.fault import Action, Fault
from rcd_ros.faults.stage import Stage
from rcd_ros.planning.spec import TaskSpec

GROUP = "checkpoints"
GUEST = "guest"
"""The planner that is started with something wrong, beside the one that drives the robot."""


def checkpoint_faults(spec: TaskSpec) -> list[Fault]:
    """Faults of what a planner is started with."""

    def refused(name: str, parameters: Callable[[Stage], dict[str, Any]], sentence: str, quick: bool = False) -> Fault:
        expected = f"the planner ends with code 2 and one line, '... {sentence} ...'; the one that drives goes on"
        checks = (exits(GUEST, 2), says(sentence, GUEST), in_one_line(GUEST), plans_on)
        return Fault(name, GROUP, expected, _starts(parameters), checks, seconds=0.0, ends=(GUEST,), quick=quick)

    return [
        refused(
            "a damaged checkpoint at start",
            lambda stage: {"checkpoint": str(damaged_copy(stage))},
            "does not match its SHA-256",
            quick=True,
        ),
        refused(
            "a checkpoint that is not there",
            lambda stage: {"checkpoint": str(stage.folder / "nowhere")},
            "there is no checkpoint folder",
        ),
        refused(
            "a checkpoint without its manifest",
            lambda stage: {"checkpoint": str(torn_copy(stage))},
            "holds no manifest",
        ),
        refused("a parameter out of range at start", lambda stage: {"rate": -1.0}, "0 or more"),
        refused("a parameter of the wrong type at start", lambda stage: {"seed": "many"}, "parameter 'seed'"),
        refused("an engine that does not exist", lambda stage: {"engine": "abacus"}, "unknown engine 'abacus'"),
        Fault(
            "a checkpoint of another robot",
            GROUP,
            "the planner says in its diagnostics which joints it misses and plans nothing; the one that drives goes on",
            _starts_for_another_robot,
            (reports("missing ['other_", GUEST), counts("dropped: other joints", node=GUEST), plans_on),
        ),
    ]


def _starts(parameters: Callable[[Stage], dict[str, Any]]) -> Action:
    """Starts a planner beside the one that drives, and waits for its end."""

    def begin(stage: Stage) -> None:
        stage.start(stage.planner(GUEST, **parameters(stage)))
        stage.wait(lambda: stage.processes.exit_code(GUEST) is not None)

    return begin


def _starts_for_another_robot(stage: Stage) -> None:
    stage.witness.last_report.pop(GUEST, None)
    stage.start(stage.planner(GUEST, checkpoint=str(foreign_copy(stage))))
    stage.wait(lambda: GUEST in stage.witness.last_report)
