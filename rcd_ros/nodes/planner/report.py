"""What a planner reports in its diagnostics: written by the planner node, read by the bridges."""

from __future__ import annotations

import math

from diagnostic_msgs.msg import DiagnosticArray
from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import Self

from rcd_ros.nodes.planner.timing import Summary
from rcd_ros.planning.planner import Planner


class PlannerReport(BaseModel):
    """Which planner plans, and how quickly: times in ms over the last `timing.WINDOW_S` seconds, NaN without a plan."""

    model_config = ConfigDict(frozen=True)

    checkpoint_sha256: str
    engine: str
    nfe: int
    seed: int
    plans: int
    """Plans made since the node began."""
    rate_hz: float
    """Plans a second of the node's clock."""
    deadlines_missed: int
    """Deadlines missed since the node began: plans that were late or not made."""
    plan_ms_p50: float
    plan_ms_p95: float
    plan_ms_p99: float
    plan_ms_max: float
    total_ms_p50: float
    """From the observation's stamp to the published plan."""
    total_ms_p95: float
    total_ms_p99: float
    total_ms_max: float

    @classmethod
    def of(cls, planner: Planner, plans: int, missed: int, summary: Summary) -> Self:
        """The report of a planner that has made `plans` plans and missed `missed` deadlines."""
        times = {name: value for name, value in summary.milliseconds.items() if name.startswith(("plan_", "total_"))}
        return cls(
            checkpoint_sha256=planner.sha256,
            engine=planner.engine.name,
            nfe=planner.nfe,
            seed=planner.seed,
            plans=plans,
            rate_hz=summary.rate_hz,
            deadlines_missed=missed,
            **times,
        )

    @classmethod
    def from_message(cls, message: DiagnosticArray) -> Self | None:
        """The report in a message on `diagnostics`; None where it is another node's, or has no plan to report."""
        for status in message.status:
            try:
                report = cls.model_validate({entry.key: entry.value for entry in status.values})
            except ValidationError:
                continue
            if report.plans > 0 and math.isfinite(report.plan_ms_p99):
                return report
        return None

    def values(self) -> dict[str, object]:
        """Keys and values, for a diagnostic status or a results file."""
        return self.model_dump()
