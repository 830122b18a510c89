"""What a planner tells about itself in its diagnostics: written by the planner node, read by the bridges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from typing_extensions import Self

from rcd_ros.ros.messages import DiagnosticArray


@dataclass(frozen=True)
class PlannerReport:
    """Which planner plans, and how quickly."""

    checkpoint_sha256: str
    engine: str
    seed: int
    plans: int
    """Plans made since the node began."""
    plan_ms_p50: float
    """Wall time of one plan (ms), median of the last ones; NaN before the first."""
    plan_ms_p99: float

    @classmethod
    def of(cls, checkpoint_sha256: str, engine: str, seed: int, plans: int, plan_ms: Sequence[float]) -> Self:
        """The report of a planner whose last plans took `plan_ms` (ms each)."""
        p50, p99 = np.percentile(plan_ms, (50, 99)).tolist() if plan_ms else (math.nan, math.nan)
        return cls(checkpoint_sha256, engine, seed, plans, round(p50, 3), round(p99, 3))

    @classmethod
    def from_message(cls, message: DiagnosticArray) -> Self | None:
        """The report in a message on `diagnostics`; None where it is another node's, or of no plan yet."""
        for status in message.status:
            values = {entry.key: entry.value for entry in status.values}
            try:
                report = cls(
                    checkpoint_sha256=values["checkpoint_sha256"],
                    engine=values["engine"],
                    seed=int(values["seed"]),
                    plans=int(values["plans"]),
                    plan_ms_p50=float(values["plan_ms_p50"]),
                    plan_ms_p99=float(values["plan_ms_p99"]),
                )
            except (KeyError, ValueError):
                continue
            if report.plans > 0 and math.isfinite(report.plan_ms_p99):
                return report
        return None

    def values(self) -> dict[str, object]:
        """Keys and values, for a diagnostic status or a results file."""
        return asdict(self)
