"""What the planner node says of itself on `diagnostics`, by the conventions of ROS 2's diagnostic_updater.

Two statuses: "planner: planning" says how it plans and how quickly, "planner: observations" what it plans on. Their
`state` is `planning`, `waiting` (for the first complete observation), `stale`, `held`, or that of the lifecycle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from diagnostic_msgs.msg import DiagnosticStatus

from rcd_ros.nodes.planner.observation_intake import ObservationIntake
from rcd_ros.nodes.planner.parameters import PlannerParameters
from rcd_ros.nodes.planner.plan_runner import PlanRunner
from rcd_ros.nodes.planner.report import PlannerReport
from rcd_ros.nodes.planner.timing import WINDOW_S, PeriodTimes, RateWatch, Summary
from rcd_ros.nodes.ros.messages import Status
from rcd_ros.planning.execution.stream import fit_settings

_FASTER = 1.05
"""Share of the expected rate above which observations come faster than it."""


def resting_status(state: str, problem: str) -> Status:
    """Of a planner that is not configured; `problem` is why, if something went wrong."""
    level = DiagnosticStatus.ERROR if problem else DiagnosticStatus.OK
    return Status("planning", level, problem or state, {"state": state, "lifecycle": state})


class PlannerStatus:
    """Puts the statuses of a configured planner together."""

    def __init__(
        self, runner: PlanRunner, intake: ObservationIntake, times: PeriodTimes, warn: Callable[[str], None]
    ) -> None:
        """Report these; `warn` is called once whenever a rate is not held."""
        self._runner, self._intake, self._times, self._warn = runner, intake, times, warn
        self._rate_watch = RateWatch()
        self._after_lead = 0
        self.summarise()

    def summarise(self) -> None:
        """Compute the figures of the window (`PeriodTimes.summary`) that `statuses` reports: most of the work."""
        self._summary = self._times.summary()

    def statuses(
        self,
        lifecycle: str,
        checkpoint: str,
        parameters: PlannerParameters,
        refused: Mapping[str, str],
        awaited: Sequence[str],
    ) -> list[Status]:
        """Both statuses as they are now.

        Args:
            lifecycle: state of the node.
            checkpoint: folder of the planner in use.
            parameters: as they are now.
            refused: what the system refused: parameter -> sentence.
            awaited: what is waited for (`ObservationWaiting.reasons`).
        """
        planner = self._runner.planner
        control_period = planner.spec.control_period
        settings = fit_settings(parameters.stream, planner.spec, planner.execute)
        rate = parameters.expected_rate(control_period) / settings.kept
        deadline = parameters.time_for_a_plan(control_period)
        if not self._summary.periods:  # the first plans may have come since
            self.summarise()
        summary = self._summary
        state, level, message = self._state(lifecycle, awaited)
        if state == "planning":
            problems = [*self._delays(summary, rate, deadline), *refused.values()]
            level, message = (DiagnosticStatus.WARN, "; ".join(problems)) if problems else (level, message)
        planning = self._planning(summary, parameters, rate, deadline)
        head = {"state": state, "lifecycle": lifecycle, "checkpoint": checkpoint}
        told = {f"refused: {name}": sentence for name, sentence in refused.items()}
        return [
            Status("planning", level, message, {**head, **planning, **told}),
            self._observations(state, awaited, parameters.range_warn),
        ]

    def _state(self, lifecycle: str, awaited: Sequence[str]) -> tuple[str, bytes, str]:
        """State, level and message, but for what is too slow."""
        runner, intake = self._runner, self._intake
        if lifecycle != "active":
            return lifecycle, DiagnosticStatus.OK, lifecycle
        if intake.stale or intake.standstill:
            return "stale", DiagnosticStatus.ERROR, intake.stale or intake.standstill
        if awaited:
            return "waiting", self._level_of_waiting(), "; ".join(awaited)
        if runner.held_for:
            return "held", DiagnosticStatus.ERROR, runner.held_for
        if runner.plans == 0:
            causes = ", ".join(f"{count} x {reason}" for reason, count in sorted(runner.dropped.items()) if count)
            why = f"observations were not planned on ({causes})" if causes else "waiting for a complete observation"
            return "waiting", DiagnosticStatus.WARN, f"no plan yet: {why}"
        return "planning", DiagnosticStatus.OK, "OK"

    def _planning(
        self, summary: Summary, parameters: PlannerParameters, rate: float, deadline: float
    ) -> dict[str, object]:
        runner, assembler, planner = self._runner, self._intake.assembler, self._runner.planner
        dropped: Counter[str] = assembler.dropped + runner.dropped
        report = PlannerReport.of(planner, runner.plans, self._times.missed, summary)
        return {
            **report.values(),
            **summary.milliseconds,
            "task": planner.spec.name,
            "control_period": planner.spec.control_period,
            "deadline_ms": round(1e3 * deadline, 3),
            f"missed in the last {WINDOW_S:g} s": f"{summary.missed} of {summary.periods}",
            "rate_asked_hz": round(rate, 2),
            "counter": planner.counter,
            "exchanges": runner.exchanges,
            "sent_after_lead": runner.after_lead,
            "mode": parameters.mode,
            "shape": parameters.shape,
            "stamp_tolerance": parameters.stamp_tolerance,
            "plan_stamp": runner.last[0] if runner.last else -1,
            "dropped": sum(dropped.values()),
            **{f"dropped: {reason}": count for reason, count in sorted(dropped.items())},
            "clock_restarts": assembler.restarts,
            **{
                f"measured: {name}": f"{p50:.3f} ms p50, {p99:.3f} ms p99"
                for name, (p50, p99) in (planner.engine.choice or {}).items()
            },
        }

    def _observations(self, state: str, awaited: Sequence[str], warn_at: float) -> Status:
        intake = self._intake
        reaches = sorted(self._runner.guard.report(), key=lambda reach: -reach.deviations)
        values = {
            "state": state,
            **intake.values(),
            **{f"range: {reach.channel}": str(reach) for reach in reaches},
        }
        level, message = DiagnosticStatus.OK, "OK"
        if intake.stale or intake.standstill:
            level, message = DiagnosticStatus.STALE, intake.stale or intake.standstill
        elif awaited:
            level, message = self._level_of_waiting(), "; ".join(awaited)
        elif reaches and 0.0 < warn_at < reaches[0].deviations:
            level, message = DiagnosticStatus.WARN, f"outside the training data: {reaches[0]}"
        return Status("observations", level, message, values)

    def _level_of_waiting(self) -> bytes:
        """Messages of another robot are an error; what may still come is a warning."""
        level: bytes = DiagnosticStatus.ERROR if self._intake.waiting.another_robot else DiagnosticStatus.WARN
        return level

    def _delays(self, summary: Summary, rate: float, deadline: float) -> list[str]:
        """That plans come late; that the rate does not hold is logged, too, whenever that is news."""
        if self._rate_watch.update(summary):
            age, plan = (summary.milliseconds[key] for key in ("age_ms_p99", "plan_ms_p99"))
            figures = f"an observation is {age:.3g} ms old when its planning begins, a plan takes {plan:.3g} ms (p99)"
            if summary.rate_hz < rate:
                reached = f"{rate:.10g} plans a second cannot be held: {summary.rate_hz:g} are reached"
                self._warn(f"{reached}, {figures}: lower the rate or choose a faster engine")
            else:
                share = f"{summary.missed} of {summary.periods} plans came later than {1e3 * deadline:g} ms"
                if summary.rate_hz > _FASTER * rate:
                    reached = f"{share}, or never: observations come faster than the {rate:g} plans a second expected"
                    self._warn(
                        f"{reached} ({summary.rate_hz:g} are made), {figures}: set trigger to paced, or the rate"
                    )
                else:
                    self._warn(f"{share}, or never, {figures}: is the machine busy with something else?")
        problems = []
        late, self._after_lead = self._runner.after_lead - self._after_lead, self._runner.after_lead
        if late:
            problems.append(f"{late} trajectories were sent after the moment at which they take over: raise 'lead'")
        if summary.missed:
            within = f"within {1e3 * deadline:g} ms in the last {WINDOW_S:g} s"
            problems.append(f"{summary.missed} of {summary.periods} observations had no plan {within}")
        return problems
