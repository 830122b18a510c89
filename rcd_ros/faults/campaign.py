"""Injects faults one after another and judges the outcome of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from rcd_ros.evaluation.motion_audit import MotionAudit, audit_commands
from rcd_ros.faults.evidence import Evidence
from rcd_ros.faults.fault import Fault, Verdict
from rcd_ros.faults.harness import Harness
from rcd_ros.faults.probe import Report, Seen
from rcd_ros.planning.limits import MotionLimits

MOVING_PATIENCE_S = 20.0
REST_PATIENCE_S = 10.0
REPORT_PATIENCE_S = 10.0
RECOVERY_PATIENCE_S = 30.0
"""On an idle machine each of these takes a second or two."""
FOLLOWED = 5
"""Commands in a row from the planner's plans."""


class Campaign:
    """Runs faults in a harness. After one that was not as expected, the next one begins with new nodes."""

    def __init__(self, harness: Harness, limits: MotionLimits) -> None:
        """Judge the motion by `limits`."""
        self._harness = harness
        self._limits = limits
        self._period = round(harness.spec.control_period * 1e9)

    def run(self, faults: Sequence[Fault], announce: Callable[[str], None]) -> Iterator[Verdict]:
        """The verdict on each fault, as soon as it is known; the name of each is announced before it is injected.

        Raises:
            KeyboardInterrupt: a signal asked this process to end.
        """
        for fault in faults:
            announce(fault.name)
            verdict = self._judge(fault)
            if not verdict.passed:
                self._harness.tear_down()
            yield verdict

    def _judge(self, fault: Fault) -> Verdict:
        harness = self._harness
        if not harness.set_up():
            ends = " ".join(harness.logs.since_mark(name)[-300:] for name in harness.processes.names())
            return Verdict(fault, "the robot did not follow the planner to begin with", (ends,), {})
        harness.reset_robot()
        harness.probe.forget()
        self._await_reports(time.monotonic())
        harness.wait(lambda: harness.probe.follows() and harness.probe.moves(), MOVING_PATIENCE_S)
        evidence = self._inject(fault)
        problems = [*evidence.problems(), *filter(None, (check(evidence) for check in fault.checks))]
        harness.end_guests()
        return Verdict(fault, evidence.describe(), tuple(problems), evidence.figures())

    def _inject(self, fault: Fault) -> Evidence:
        harness, probe, processes = self._harness, self._harness.probe, self._harness.processes
        before = dict(probe.last_report)
        harness.logs.mark()
        harness.answers.clear()
        probe.forget()
        begun = time.monotonic()
        fault.begin(harness)
        harness.sleep(fault.seconds / harness.settings.speed - (time.monotonic() - begun))
        if fault.rests:
            harness.wait(probe.rests, REST_PATIENCE_S)
        self._await_reports(time.monotonic())
        seen = probe.seen
        codes = {name: processes.exit_code(name) for name in processes.names()}
        speed, rested, plans = probe.speed, probe.rests(), seen.first_plans()
        unplanned = len(set(seen.stamps[1:-1]) - {plan.stamp for plan in seen.plans})
        ended = time.monotonic()
        # The trajectory to rest is no plan. On a busy machine the simulation is slow, and it comes late.
        used_up = max(0.5 * (begun + ended), (seen.rested_at or 0.0) if fault.rests else 0.0)

        fault.end(harness)
        recovered = self._recovery(len(seen.commands), ended) if fault.recovers else None
        codes |= {name: code for name in processes.names() if (code := processes.exit_code(name)) is not None}
        return Evidence(
            seconds=ended - begun,
            plans=len(plans),
            unplanned=unplanned,
            late_plans=sum(moment > used_up for moment in plans),
            speed=speed,
            rested=rested,
            rests=fault.rests,
            counts={name: _growth(before.get(name), reports) for name, reports in seen.reports.items()},
            states={
                name: frozenset(report.values.get("state", "") for report in reports)
                for name, reports in seen.reports.items()
            },
            messages={
                name: tuple(dict.fromkeys(report.message for report in reports if report.level))
                for name, reports in seen.reports.items()
            },
            logs={name: harness.logs.since_mark(name) for name in processes.names()},
            exit_codes=codes,
            ends=fault.ends,
            answers=tuple(harness.answers),
            recovered_s=recovered,
            recovers=fault.recovers,
            motion=self._audit(seen),
            bad_plans=tuple(dict.fromkeys(filter(None, map(probe.problem_of, seen.plans)))),
        )

    def _audit(self, seen: Seen) -> MotionAudit:
        command = self._harness.spec.command
        commands = np.array(seen.commands).reshape(-1, command.size)
        return audit_commands(command, self._limits, self._period, np.array(seen.stamps, np.int64), commands)

    def _recovery(self, commands: int, ended: float) -> float | None:
        """How long the robot took to follow again (s).

        Args:
            commands: number of executed commands before the fault's end.
            ended: when the fault ended (s, monotonic).

        Returns:
            None when it did not follow in time.
        """
        probe = self._harness.probe
        recovered = self._harness.wait(
            lambda: len(probe.seen.commands) >= commands + FOLLOWED and probe.follows(FOLLOWED), RECOVERY_PATIENCE_S
        )
        return time.monotonic() - ended if recovered else None

    def _await_reports(self, moment: float) -> None:
        """Wait until each node that runs has published its counters after `moment` (s, monotonic)."""
        reported = self._harness.probe.reported_since(moment)
        self._harness.wait(lambda: all(map(reported, self._harness.processes.running())), REPORT_PATIENCE_S)


def _growth(before: Report | None, reports: Sequence[Report]) -> dict[str, int]:
    """By how much each counter has grown; one that a new process has reset counts from 0."""
    growth: dict[str, int] = {}
    for key in reports[-1].values:
        last = before.count(key) if before else 0
        grown = 0
        for report in reports:
            count = report.count(key)
            grown += count - last if count >= last else count
            last = count
        if grown:
            growth[key] = grown
    return growth
