"""What a planner says of its own pace: a slow planner and fast observations are two things."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rcd_ros.nodes.planner.parameters import PlannerParameters
from rcd_ros.nodes.planner.status import PlannerStatus
from rcd_ros.nodes.planner.timing import Period, PeriodTimes
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.planner import Planner
from tests.planning.tiny import write_tiny

MS = 1_000_000


@pytest.fixture
def planner(tmp_path: Path) -> Planner:
    """One that is to plan ten times a second."""
    write_tiny(tmp_path / "planner")
    return Planner.load(tmp_path / "planner", engine="onnxruntime")


def told(
    planner: Planner, period_ms: float, planning_ms: float, overtaken: int, **parameters: Any
) -> tuple[list[str], Any]:
    """What is logged, and the status of planning, after 100 plans and `overtaken` observations that had none."""
    times, said = PeriodTimes(deadline=0.1), list[str]()
    for count in range(100):
        stamp, span = round(count * period_ms * MS), round(planning_ms * MS)
        times.planned(Period(stamp, stamp, stamp, stamp + span, span, 0))
    for _ in range(overtaken):
        times.overtaken()
    runner: Any = SimpleNamespace(
        planner=planner,
        plans=100,
        held_for="",
        after_lead=0,
        dropped=Counter[str](),
        exchanges=0,
        last=None,
        guard=SimpleNamespace(report=list),
    )
    waiting = SimpleNamespace(another_robot=False)
    assembler = ObservationAssembler(planner.spec, planner.history)
    intake: Any = SimpleNamespace(stale="", standstill="", waiting=waiting, assembler=assembler, values=dict)
    status = PlannerStatus(runner, intake, times, said.append)
    planning, _ = status.statuses("active", "planner", PlannerParameters(checkpoint="planner", **parameters), {}, [])
    return said, planning


def test_a_planner_that_is_too_slow_is_told_so(planner: Planner) -> None:
    (said,), status = told(planner, period_ms=200.0, planning_ms=180.0, overtaken=100)
    assert "10 plans a second cannot be held: 5 are reached" in said
    assert "observations had no plan" in status.message


def test_observations_that_come_faster_than_planned_are_no_slow_planner(planner: Planner) -> None:
    """Pins: "20 plans a second cannot be held: 82.3 are reached"."""
    (said,), status = told(planner, period_ms=12.0, planning_ms=8.0, overtaken=20)
    assert "cannot be held" not in said
    assert "observations come faster than the 10 plans a second" in said
    assert "observations had no plan" in status.message


def test_a_planner_that_is_in_time_says_nothing(planner: Planner) -> None:
    said, status = told(planner, period_ms=100.0, planning_ms=8.0, overtaken=0)
    assert (said, status.message) == ([], "OK")


def test_a_planner_that_keeps_its_plans_makes_fewer(planner: Planner) -> None:
    said, status = told(planner, period_ms=400.0, planning_ms=8.0, overtaken=0, mode="chunk", execute=4)
    assert (said, status.message, status.values["rate_asked_hz"]) == ([], "OK", 2.5)


def test_plans_that_are_late_at_the_expected_rate_are_not_blamed_on_observations(planner: Planner) -> None:
    (said,), status = told(planner, period_ms=100.0, planning_ms=8.0, overtaken=20)
    assert "faster than" not in said and "busy" in said
    assert "observations had no plan" in status.message
