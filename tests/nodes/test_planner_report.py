"""A planner's report crosses the diagnostics unharmed; whatever else is said there is passed over."""

from __future__ import annotations

from rcd_ros.nodes.messages import diagnostics
from rcd_ros.nodes.planner_report import PlannerReport


def test_what_a_planner_tells_is_what_a_bridge_reads() -> None:
    report = PlannerReport.of("ab12", "onnxruntime", 3, 1000, [1.0, 2.0, 3.0])
    assert (report.plan_ms_p50, report.plan_ms_p99) == (2.0, 2.98)
    assert PlannerReport.from_message(diagnostics(0, "/planner", "", report.values() | {"dropped": 2})) == report


def test_others_and_planners_without_a_plan_are_passed_over() -> None:
    nothing_yet = PlannerReport.of("ab12", "onnxruntime", 3, 0, [])
    assert PlannerReport.from_message(diagnostics(0, "/planner", "no plan yet", nothing_yet.values())) is None
    assert PlannerReport.from_message(diagnostics(0, "/kitchen_bridge", "", {"step": 4})) is None
    odd = nothing_yet.values() | {"plans": "many"}
    assert PlannerReport.from_message(diagnostics(0, "/stranger", "", odd)) is None
