"""What was seen of a fault, and what must hold for every fault."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rcd_ros.evaluation.motion_audit import MotionAudit

_LEFT_OUT = ("_ms", "_hz", "counter", "plan_stamp", "episode", "step", "plans", "missed", "periods", "overruns")
"""Parts of the names of counters that are left out of the description."""


@dataclass(frozen=True)
class Evidence:
    """All that was seen of one fault.

    Attributes:
        seconds: how long the fault lasted.
        plans: published while it lasted.
        unplanned: periods that were executed meanwhile without a plan for their observation.
        late_plans: plans in the second half of that time, and behind the arm's coming to rest where it should:
            earlier observations are used up by then.
        speed: of the fastest commanded joint at the fault's end, rad/s or m/s.
        rested: whether the arm was at rest then.
        rests: whether it should be.
        counts: node -> counter in its diagnostics -> by how much it grew.
        states: node -> the states in its diagnostics.
        messages: node -> the warnings in its diagnostics.
        logs: process -> what it wrote into its log.
        exit_codes: process -> None while it runs; negative: the signal that ended it.
        ends: processes that end by the fault.
        answers: of the services that were called.
        recovered_s: from the end of the fault until the robot followed the planner again; None: it did not.
        recovers: whether it should.
        motion: of the executed commands, from the beginning of the fault until after recovery.
        bad_plans: why plans that the planner published could not be executed.
    """

    seconds: float
    plans: int
    unplanned: int
    late_plans: int
    speed: float
    rested: bool
    rests: bool
    counts: Mapping[str, Mapping[str, int]]
    states: Mapping[str, frozenset[str]]
    messages: Mapping[str, tuple[str, ...]]
    logs: Mapping[str, str]
    exit_codes: Mapping[str, int | None]
    ends: tuple[str, ...]
    answers: tuple[str, ...]
    recovered_s: float | None
    recovers: bool
    motion: MotionAudit
    bad_plans: tuple[str, ...]

    def problems(self) -> list[str]:
        """What is wrong with any fault: a traceback, a limit exceeded, a plan no robot takes, an unexpected end."""
        problems = [f"{name} wrote a traceback" for name, log in self.logs.items() if "Traceback" in log]
        problems += self.motion.problems
        problems += [f"the planner published a plan that cannot be executed: {reason}" for reason in self.bad_plans]
        problems += [
            f"{name} ended ({_ending(code)})"
            for name, code in self.exit_codes.items()
            if code is not None and name not in self.ends
        ]
        if self.rests and not self.rested:
            problems.append(f"the arm did not come to rest: a joint moved at {self.speed:.3g} rad/s")
        if self.recovers and self.recovered_s is None:
            problems.append("the robot did not follow the planner again")
        return problems

    def describe(self) -> str:
        """What was observed, in a line."""
        parts = [f"{name} ended ({_ending(code)})" for name, code in self.exit_codes.items() if code is not None]
        parts += [
            f"{key} +{count}" if name == "planner" else f"{name.rpartition('_')[2]}: {key} +{count}"
            for name, counts in self.counts.items()
            for key, count in counts.items()
            if key != "dropped" and not any(part in key for part in _LEFT_OUT)
        ]
        parts += self.answers
        parts.append(f"{self.plans} plans in {self.seconds:.1f} s")
        if self.plans and self.unplanned:
            parts.append(f"{self.unplanned} periods without a plan of their own")
        parts.append("arm at rest" if self.rested else f"arm at {self.speed:.2f} rad/s")
        if np.isfinite(self.motion.largest_change):
            parts.append(f"largest change {100.0 * self.motion.largest_change:.0f} % of the limit")
        if self.recovered_s is not None:
            parts.append(f"followed again after {self.recovered_s:.1f} s")
        return "; ".join(parts)

    def figures(self) -> dict[str, object]:
        """For a JSON file."""
        change = self.motion.largest_change
        return {
            "seconds": round(self.seconds, 3),
            "plans": self.plans,
            "periods_without_a_plan": self.unplanned,
            "speed": round(self.speed, 4),
            "recovered_s": None if self.recovered_s is None else round(self.recovered_s, 3),
            "periods_executed": self.motion.periods,
            "largest_change": round(change, 4) if np.isfinite(change) else None,
            "counts": {name: dict(counts) for name, counts in self.counts.items()},
            "exit_codes": dict(self.exit_codes),
        }


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
