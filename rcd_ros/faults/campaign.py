"""Injects faults one after another and judges what comes of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from rcd_ros.evaluation.motion_audit import audit_commands
from rcd_ros.faults.evidence import Evidence
from rcd_ros.faults.fault import Fault, Verdict
from rcd_ros.faults.stage import Stage
from rcd_ros.faults.witness import Report
from rcd_ros.planning.motion_limits import MotionLimits

MOVING_PATIENCE_S = 20.0
REST_PATIENCE_S = 10.0
REPORT_PATIENCE_S = 10.0
RECOVERY_PATIENCE_S = 30.0
"""On an idle machine all of them are a matter of a second or two."""
FOLLOWED = 5
"""Commands in a row from the planner's plans."""


class Campaign:
    """Runs faults on a stage. One that leaves nodes broken behind costs the next one a start of new ones."""

    def __init__(self, stage: Stage, limits: MotionLimits) -> None:
        """Judge the motion by `limits`."""
        self._stage = stage
        self._limits = limits
        self._period = round(stage.spec.control_period * 1e9)

    def run(self, faults: Sequence[Fault], announce: Callable[[str], None]) -> Iterator[Verdict]:
        """The verdict on each fault, as soon as it is known; the name of each is announced before it is injected.

        Raises:
            KeyboardInterrupt: a signal asked this process to end.
        """
        for fault in faults:
            announce(fault.name)
            verdict = self._judge(fault)
            if not verdict.passed:
                self._stage.tear_down()
            yield verdict

    def _judge(self, fault: Fault) -> Verdict:
        stage = self._stage
        if not stage.set_up():
            words = " ".join(stage.processes.words(name)[-300:] for name in stage.processes.names())
            return Verdict(fault, "the robot did not follow the planner to begin with", (words,), {})
        stage.reset_robot()
        stage.witness.forget()
        self._await_reports(time.monotonic())
        stage.wait(lambda: stage.witness.follows() and stage.witness.moves(), MOVING_PATIENCE_S)
        evidence = self._inject(fault)
        problems = [*evidence.problems(), *filter(None, (check(evidence) for check in fault.checks))]
        stage.end_guests()
        return Verdict(fault, evidence.describe(), tuple(problems), evidence.figures())

    def _inject(self, fault: Fault) -> Evidence:
        stage, witness = self._stage, self._stage.witness
        before = dict(witness.last_report)
        stage.processes.mark_logs()
        stage.answers.clear()
        witness.forget()
        begun = time.monotonic()
        fault.begin(stage)
        stage.sleep(fault.seconds / stage.settings.speed - (time.monotonic() - begun))
        if fault.rests:
            stage.wait(witness.rests, REST_PATIENCE_S)
        self._await_reports(time.monotonic())
        seen, codes = witness.seen, stage.processes.exit_codes()
        speed, rested, plans = witness.speed, witness.rests(), seen.first_plans()
        unplanned = len(set(seen.stamps[1:-1]) - {plan.stamp for plan in seen.plans})
        lifted = time.monotonic()
        lasted = lifted - begun

        fault.end(stage)
        recovered = self._recovery(len(seen.commands), lifted) if fault.recovers else None
        died = {name: code for name, code in stage.processes.exit_codes().items() if code is not None}
        return Evidence(
            seconds=lasted,
            plans=len(plans),
            unplanned=unplanned,
            late_plans=sum(moment > begun + 0.5 * lasted for moment in plans),
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
            words={name: stage.processes.words(name) for name in stage.processes.names()},
            exit_codes=codes | died,
            ends=fault.ends,
            answers=tuple(stage.answers),
            recovered_s=recovered,
            recovers=fault.recovers,
            motion=audit_commands(
                stage.spec.command,
                self._limits,
                self._period,
                np.array(seen.stamps, np.int64),
                np.array(seen.commands).reshape(-1, stage.spec.command.size),
            ),
            bad_plans=tuple(dict.fromkeys(filter(None, map(witness.problem_of, seen.plans)))),
        )

    def _recovery(self, commands: int, lifted: float) -> float | None:
        """How long (s) it took from `lifted` (s, monotonic) until the robot followed; so many commands came before."""
        witness = self._stage.witness
        recovered = self._stage.wait(
            lambda: len(witness.seen.commands) >= commands + FOLLOWED and witness.follows(FOLLOWED), RECOVERY_PATIENCE_S
        )
        return time.monotonic() - lifted if recovered else None

    def _await_reports(self, moment: float) -> None:
        """Wait until each node that runs has told its counters after `moment` (s, monotonic)."""
        stage = self._stage
        reported = stage.witness.reported_since(moment)
        stage.wait(lambda: all(map(reported, stage.processes.running())), REPORT_PATIENCE_S)


def _growth(before: Report | None, reports: Sequence[Report]) -> dict[str, int]:
    """By how much each counter has grown; one that was set back, by a new process, counts from 0."""
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
