"""A planner's report crosses the diagnostics unharmed; whatever else is said there is passed over."""

from __future__ import annotations

import math
from types import SimpleNamespace

from rcd_ros.nodes.planner.report import PlannerReport
from rcd_ros.nodes.planner.timing import Period, PeriodTimes
from rcd_ros.nodes.ros.messages import diagnostics

PLANNER = SimpleNamespace(sha256="ab12", engine=SimpleNamespace(name="onnxruntime"), nfe=1, seed=3)


def report(*plan_ms: float, deadline: float = 1.0) -> PlannerReport:
    times = PeriodTimes(deadline)
    for milliseconds in plan_ms:
        span = round(1e6 * milliseconds)
        times.planned(Period(0, 0, 0, span + 500_000, span, 500_000))
    return PlannerReport.of(PLANNER, len(plan_ms), times.missed, times.summary())


def test_what_a_planner_tells_is_what_a_bridge_reads() -> None:
    told = report(1.0, 2.0, 3.0, deadline=0.003)
    assert (told.plan_ms_p50, told.plan_ms_p99, told.plan_ms_max) == (2.0, 2.98, 3.0)
    assert (told.total_ms_p50, told.total_ms_max) == (2.5, 3.5)
    assert (told.plans, told.nfe, told.deadlines_missed) == (3, 1, 1)
    assert PlannerReport.from_message(diagnostics(0, "/planner", "", told.values() | {"dropped": 2})) == told


def test_others_and_planners_without_a_plan_are_passed_over() -> None:
    nothing_yet = report()
    assert math.isnan(nothing_yet.plan_ms_p50)
    assert PlannerReport.from_message(diagnostics(0, "/planner", "no plan yet", nothing_yet.values())) is None
    assert PlannerReport.from_message(diagnostics(0, "/kitchen_bridge", "", {"step": 4})) is None
    odd = nothing_yet.values() | {"plans": "many"}
    assert PlannerReport.from_message(diagnostics(0, "/stranger", "", odd)) is None
