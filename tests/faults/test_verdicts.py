"""What counts as a fault that was borne, and what does not; and the catalogue of faults itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from rcd_ros.evaluation.motion_audit import MotionAudit
from rcd_ros.faults.catalogue import all_faults
from rcd_ros.faults.checks import (
    answers,
    counts,
    exits,
    in_one_line,
    never_held,
    no_plans,
    plans_on,
    reports,
    state,
    writes,
)
from rcd_ros.faults.evidence import Evidence
from rcd_ros.faults.fault import Check
from rcd_ros.tasks.kitchen import kitchen_spec
from tests.planning.tiny import tiny_spec

BORNE = Evidence(
    seconds=2.0,
    plans=3,
    unplanned=0,
    late_plans=0,
    speed=0.01,
    rested=True,
    rests=True,
    counts={"planner": {"dropped: not finite": 20}, "kitchen_bridge": {"accepted": 5}},
    states={"planner": frozenset({"planning", "stale"})},
    messages={"planner": ("no new observation for 2 s",)},
    logs={"planner": "[WARN] a joint is NaN\n", "guest": "[FATAL] damaged\n"},
    exit_codes={"planner": None, "guest": 2},
    ends=("guest",),
    answers=("refused: damaged",),
    recovered_s=0.2,
    recovers=True,
    motion=MotionAudit(50, 0.5, ()),
    bad_plans=(),
)


def test_a_fault_that_was_borne_has_no_problems() -> None:
    assert BORNE.problems() == []
    told = BORNE.describe()
    assert "guest ended (exit code 2)" in told
    assert "dropped: not finite +20; bridge: accepted +5; refused: damaged; 3 plans in 2.0 s; arm at rest" in told
    assert told.endswith("largest change 50 % of the limit; followed again after 0.2 s")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"logs": {"planner": "Traceback (most recent call last):"}}, "planner wrote a traceback"),
        ({"exit_codes": {"planner": -11}}, "planner ended (SIGSEGV)"),
        ({"motion": MotionAudit(50, 2.0, ("elbow jumped",))}, "elbow jumped"),
        ({"bad_plans": ("not finite: a command is NaN",)}, "a plan that cannot be executed: not finite"),
        ({"recovered_s": None}, "the robot did not follow the planner again"),
        ({"rested": False, "speed": 0.5}, "the arm did not come to rest: a joint moved at 0.5 rad/s"),
    ],
)
def test_what_is_never_right(change: dict[str, object], problem: str) -> None:
    problems = replace(BORNE, **change).problems()  # type: ignore[arg-type]
    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize(
    ("check", "change"),
    [
        (counts("dropped: not"), {"counts": {}}),
        (counts("accepted", node="kitchen_bridge"), {"counts": {"planner": {"accepted": 1}}}),
        (writes("is NaN", "planner"), {"logs": {}}),
        (reports("no new observation", "planner"), {"messages": {}}),
        (state("stale"), {"states": {"planner": frozenset({"planning"})}}),
        (in_one_line("guest"), {"logs": {"guest": "one\ntwo\n"}}),
        (exits("guest", 2), {"exit_codes": {"guest": None}}),
        (answers("refused"), {"answers": ("granted",)}),
        (no_plans, {"late_plans": 4}),
        (never_held, {"counts": {"kitchen_bridge": {"holds": 1}}}),
    ],
)
def test_each_check_passes_and_fails(check: Check, change: dict[str, object]) -> None:
    assert check(BORNE) == ""
    assert check(replace(BORNE, **change)) != ""  # type: ignore[arg-type]


def test_planning_on_is_checked_too() -> None:
    assert plans_on(BORNE) != ""
    assert plans_on(replace(BORNE, late_plans=1)) == ""


def test_the_catalogue() -> None:
    faults = all_faults(kitchen_spec())
    assert len(faults) >= 60
    assert Counter(fault.name for fault in faults).most_common(1)[0][1] == 1
    assert 4 <= sum(fault.quick for fault in faults) <= 6
    assert {fault.group for fault in faults} >= {"observations", "time", "trajectories", "processes", "checkpoints"}
    assert all(fault.expected and not fault.expected.endswith(".") for fault in faults)


def test_a_task_without_bodies_has_no_faults_of_bodies() -> None:
    assert not any("orientation" in fault.name for fault in all_faults(tiny_spec()))
