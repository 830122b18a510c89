"""Faults of what the planner observes: sensors that fail, drivers with errors, networks that lose messages."""

from __future__ import annotations

import math

from rcd_ros.faults import message_changes as changes
from rcd_ros.faults.checks import counts, no_plans, plans_on
from rcd_ros.faults.fault import Check, Fault, inject
from rcd_ros.faults.message_changes import Change
from rcd_ros.faults.proxy import Injection
from rcd_ros.planning.spec import TaskSpec

GROUP = "observations"
BURST = 10_000


def observation_faults(spec: TaskSpec) -> list[Fault]:
    """Faults of the topics that a task observes."""
    topics = tuple(dict.fromkeys(channel.topic for channel in spec.observations))
    bodies = dict.fromkeys(channel.topic for channel in spec.observations if channel.kind == "body_pose")
    first = topics[0]
    return [
        _dropped("NaN", first, changes.one_position(math.nan), "not finite", quick=True),
        _dropped("infinity", first, changes.one_position(math.inf), "not finite"),
        _dropped("a missing joint", first, changes.without_first_joint(), "missing joints"),
        _dropped("a joint twice", first, changes.with_a_joint_twice(), "duplicated names"),
        _dropped("positions of the wrong number", first, changes.with_short_positions(), "wrong sizes"),
        _dropped("names without numbers", first, changes.without_numbers(), "wrong sizes"),
        _unusable(
            f"garbage bytes in {first}",
            "dropped and counted, no plan is made of it, the arm comes to rest, planning goes on afterwards",
            Injection((first,), changes.garbled),
            counts("dropped: unreadable", "dropped: missing joints", "dropped: other joints"),
        ),
        *(
            _dropped("an orientation of all zeros", body, changes.without_orientation(), "no orientation")
            for body in bodies
        ),
        _harmless("extra joints", first, changes.with_extra_joints()),
        _harmless("reordered joints", first, changes.reversed_joints()),
        _harmless("every message twice", first, changes.repeated(2), counts("dropped: repeated")),
        *(_silent(f"{topic} freezes", (topic,)) for topic in dict.fromkeys((first, topics[-1]))),
        _silent("all sensors fall silent", topics),
        Fault(
            f"a burst of {BURST} messages on {first}",
            GROUP,
            "the newest observation wins, planning goes on",
            lambda harness: harness.proxy.inject(Injection((first,), changes.Burst(BURST))),  # one burst a run
            (plans_on,),
            seconds=6.0,
        ),
        Fault(
            "30 % of all observations lost",
            GROUP,
            "complete observations are planned on, the plans in hand bridge the gaps",
            inject(Injection(topics, changes.lost(0.3))),
            (plans_on,),
            seconds=6.0,
        ),
        Fault(
            "observations outside the training range",
            GROUP,
            "the motion stays inside its limits",
            inject(Injection((first,), changes.moved(3.0))),
            seconds=4.0,
        ),
    ]


def _unusable(name: str, expected: str, injection: Injection, *checks: Check, quick: bool = False) -> Fault:
    """Nothing can be planned on, and the arm comes to rest."""
    return Fault(name, GROUP, expected, inject(injection), (*checks, no_plans), rests=True, quick=quick)


def _dropped(name: str, topic: str, change: Change, reason: str, quick: bool = False) -> Fault:
    expected = f"counted as '{reason}', no plan is made of it, the arm comes to rest, planning goes on afterwards"
    injection = Injection((topic,), change)
    return _unusable(f"{name} in {topic}", expected, injection, counts(f"dropped: {reason}"), quick=quick)


def _silent(name: str, topics: tuple[str, ...]) -> Fault:
    expected = "no plan is made of an incomplete observation, the arm comes to rest, planning goes on afterwards"
    return _unusable(name, expected, Injection(topics, changes.dropped))


def _harmless(name: str, topic: str, change: Change, *checks: Check) -> Fault:
    expected = "read by name: planning goes on as without the fault"
    return Fault(f"{name} in {topic}", GROUP, expected, inject(Injection((topic,), change)), (plans_on, *checks))
