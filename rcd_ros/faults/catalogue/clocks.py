"""Faults of time: stamps out of order, clocks that jump, messages that come too late."""

from __future__ import annotations

from rcd_ros.faults import message_changes as changes
from rcd_ros.faults.checks import counts, no_plans, plans_on
from rcd_ros.faults.fault import Action, Check, Fault, inject
from rcd_ros.faults.harness import Harness
from rcd_ros.faults.proxy import Injection
from rcd_ros.planning.spec import TaskSpec

GROUP = "time"
JUMP_S = 100.0
LATE_PERIODS = 4.0


def clock_faults(spec: TaskSpec) -> list[Fault]:
    """Faults of stamps and clocks."""
    topics = tuple(dict.fromkeys(channel.topic for channel in spec.observations))
    command, first = (spec.command.topic,), topics[:1]
    late_s = LATE_PERIODS * spec.control_period
    return [
        _moving(
            f"stamps out of order on {first[0]}",
            "the older ones are dropped and counted, the arm obeys its limits",
            inject(Injection(first, changes.SwappedPairs())),
            counts("dropped: out of order"),
        ),
        _stopping(
            f"the same stamp on every message of {first[0]}",
            "counted as repeated, no plan is made of it, the arm comes to rest",
            Injection(first, changes.FrozenStamp()),
            "dropped: repeated",
        ),
        _stopping(
            "the planner's clock jumps forward",
            "every observation is stale then: no plan, the arm comes to rest; planning goes on when the clock is right",
            Injection(("clock",), changes.shifted(JUMP_S)),
            "dropped: stale",
        ),
        _moving(
            "the planner's clock jumps back",
            "observations come from the future: the motion obeys its limits, and goes on when the clock is right",
            inject(Injection(("clock",), changes.shifted(-JUMP_S))),
        ),
        _moving(
            "the clock stands still",
            "observations still come in order: the motion stays inside its limits",
            inject(Injection(("clock",), changes.dropped)),
        ),
        _planning(
            "all time jumps forward, and back",
            "the planner begins a new history and plans on under the new time, and again under the old one",
            inject(
                Injection(("clock", *topics), changes.shifted(JUMP_S)), Injection(command, changes.shifted(-JUMP_S))
            ),
        ),
        _planning(
            "all time begins anew, as after a simulator's reset",
            "counted as a restarted clock: the planner begins a new history and plans on",
            _restart(command, topics),
            counts("clock_restarts"),
        ),
        *(
            _planning(
                f"{what} late by four periods",
                "plans are entered in the middle: the motion goes on inside its limits",
                _delay(late, late_s),
            )
            for what, late in (("observations", topics), ("plans", command))
        ),
    ]


def _stopping(name: str, expected: str, injection: Injection, counter: str) -> Fault:
    return Fault(name, GROUP, expected, inject(injection), (counts(counter), no_plans), rests=True)


def _moving(name: str, expected: str, begin: Action, *checks: Check) -> Fault:
    return Fault(name, GROUP, expected, begin, checks, seconds=4.0)


def _planning(name: str, expected: str, begin: Action, *checks: Check) -> Fault:
    return Fault(name, GROUP, expected, begin, (*checks, plans_on), seconds=6.0)


def _delay(topics: tuple[str, ...], simulated_s: float) -> Action:
    return lambda harness: harness.proxy.inject(Injection(topics, delay=simulated_s / harness.settings.speed))


def _restart(command: tuple[str, ...], topics: tuple[str, ...]) -> Action:
    """On the planner's side time counts from 0 again; on the robot's side it goes on."""

    def begin(harness: Harness) -> None:
        back = 1e-9 * harness.probe.robot_time
        harness.proxy.inject(
            Injection(("clock", *topics), changes.shifted(-back)), Injection(command, changes.shifted(back))
        )

    return begin
