"""Faults of checkpoints and parameters: missing, damaged, of another robot, out of range."""

from __future__ import annotations

from collections.abc import Callable

from rcd_ros.faults.catalogue.copies import damaged_copy, foreign_copy, incomplete_copy
from rcd_ros.faults.checks import counts, exits, in_one_line, plans_on, reports, writes
from rcd_ros.faults.fault import Fault
from rcd_ros.faults.harness import Harness
from rcd_ros.planning.spec import TaskSpec

GROUP = "checkpoints"
GUEST = "guest"
"""The planner that is started with a fault, beside the one that drives the robot."""


def checkpoint_faults(spec: TaskSpec) -> list[Fault]:
    """Faults of what a planner is started with."""
    return [
        _refused(
            "a damaged checkpoint at start",
            "does not match its SHA-256",
            lambda harness: {"checkpoint": str(damaged_copy(harness))},
            quick=True,
        ),
        _refused(
            "a checkpoint that is not there",
            "there is no checkpoint folder",
            lambda harness: {"checkpoint": str(harness.folder / "nowhere")},
        ),
        _refused(
            "a checkpoint without its manifest",
            "holds no manifest",
            lambda harness: {"checkpoint": str(incomplete_copy(harness))},
        ),
        _refused("a parameter out of range at start", "0 or more", lambda harness: {"rate": -1.0}),
        _refused("a parameter of the wrong type at start", "parameter 'seed'", lambda harness: {"seed": "many"}),
        _refused("an engine that does not exist", "unknown engine 'abacus'", lambda harness: {"engine": "abacus"}),
        Fault(
            "a checkpoint of another robot",
            GROUP,
            "the planner reports in its diagnostics which joints are missing and makes no plan; the other one goes on",
            _start_for_another_robot,
            (reports("missing ['other_", GUEST), counts("dropped: other joints", node=GUEST), plans_on),
        ),
    ]


def _refused(
    name: str, sentence: str, parameters: Callable[[Harness], dict[str, object]], quick: bool = False
) -> Fault:
    """A second planner with these parameters ends with the reason."""
    expected = f"the planner ends with code 2 and one line, '... {sentence} ...'; the one that drives goes on"
    checks = (exits(GUEST, 2), writes(sentence, GUEST), in_one_line(GUEST), plans_on)

    def begin(harness: Harness) -> None:
        harness.start(harness.planner(GUEST, parameters(harness)))
        harness.wait(lambda: harness.processes.exit_code(GUEST) is not None)

    return Fault(name, GROUP, expected, begin, checks, seconds=0.0, ends=(GUEST,), quick=quick)


def _start_for_another_robot(harness: Harness) -> None:
    harness.probe.last_report.pop(GUEST, None)
    harness.start(harness.planner(GUEST, {"checkpoint": str(foreign_copy(harness))}))
    harness.wait(lambda: GUEST in harness.probe.last_report)
