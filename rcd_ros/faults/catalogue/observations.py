"""Faults of what the planner observes: sensors that fail, drivers that err, networks that lose."""

from __future__ import annotations

from rcd_ros.faults import changes
from rcd_ros.faults.checks import counts, no_plans, plans_on
from rcd_ros.faults.fault import Action, Check, Fault, tampers
from rcd_ros.faults.stage import Stage
from rcd_ros.faults.wire import Change, Tampering
from rcd_ros.planning.spec import TaskSpec

GROUP = "observations"
BURST = 10_000


def observation_faults(spec: TaskSpec) -> list[Fault]:
    """Faults of the topics that a task observes."""
    topics = tuple(dict.fromkeys(channel.topic for channel in spec.observations))
    lead = topics[:1]
    bodies = tuple(dict.fromkeys(channel.topic for channel in spec.observations if channel.kind == "body_pose"))

    def dropped(name: str, change: Change, reason: str, on: tuple[str, ...] = lead, quick: bool = False) -> Fault:
        expected = f"counted as '{reason}', no plan is made of it, the arm comes to rest, planning goes on afterwards"
        checks: tuple[Check, ...] = (counts(f"dropped: {reason}"), no_plans)
        return Fault(
            f"{name} in {on[0]}", GROUP, expected, tampers(Tampering(on, change)), checks, rests=True, quick=quick
        )

    def harmless(name: str, change: Change, on: tuple[str, ...] = lead, checks: tuple[Check, ...] = ()) -> Fault:
        expected = "read by name: planning goes on as if nothing were"
        return Fault(f"{name} in {on[0]}", GROUP, expected, tampers(Tampering(on, change)), (plans_on, *checks))

    return [
        dropped("NaN", changes.one_position(changes.NOT_A_NUMBER), "not finite", quick=True),
        dropped("infinity", changes.one_position(changes.INFINITE), "not finite"),
        dropped("a missing joint", changes.without_first_joint(), "missing joints"),
        dropped("a joint twice", changes.with_a_joint_twice(), "duplicated names"),
        dropped("positions of the wrong number", changes.with_short_positions(), "wrong sizes"),
        dropped("names without numbers", changes.without_numbers(), "wrong sizes"),
        Fault(
            f"garbage bytes in {lead[0]}",
            GROUP,
            "dropped and counted, no plan is made of it, the arm comes to rest, planning goes on afterwards",
            tampers(Tampering(lead, changes.garbled)),
            (counts("dropped: unreadable", "dropped: missing joints", "dropped: other joints"), no_plans),
            rests=True,
        ),
        *(
            dropped("an orientation of all zeros", changes.without_orientation(), "no orientation", (b,))
            for b in bodies
        ),
        harmless("extra joints", changes.with_extra_joints()),
        harmless("reordered joints", changes.reversed_joints()),
        harmless("every message twice", changes.repeated(2), checks=(counts("dropped: repeated"),)),
        Fault(
            f"{lead[0]} freezes",
            GROUP,
            "no plan is made of half an observation, the arm comes to rest, planning goes on afterwards",
            tampers(Tampering(lead, changes.swallowed)),
            (no_plans,),
            rests=True,
        ),
        Fault(
            f"{topics[-1]} freezes",
            GROUP,
            "no plan is made of half an observation, the arm comes to rest, planning goes on afterwards",
            tampers(Tampering(topics[-1:], changes.swallowed)),
            (no_plans,),
            rests=True,
        ),
        Fault(
            "all sensors fall silent",
            GROUP,
            "no plan is made, the arm comes to rest, planning goes on afterwards",
            tampers(Tampering(topics, changes.swallowed)),
            (no_plans,),
            rests=True,
        ),
        Fault(
            f"a burst of {BURST} messages on {lead[0]}",
            GROUP,
            "the newest observation wins, planning goes on",
            _burst(lead[0]),
            (plans_on,),
            seconds=6.0,
        ),
        Fault(
            "30 % of all observations lost",
            GROUP,
            "complete observations are planned on, the plans in hand bridge the gaps",
            tampers(Tampering(topics, changes.lost(0.3))),
            (plans_on,),
            seconds=6.0,
        ),
        Fault(
            "observations outside the training range",
            GROUP,
            "the motion stays inside its limits",
            tampers(Tampering(lead, changes.moved(3.0))),
            (),
            seconds=4.0,
        ),
    ]


def _burst(topic: str) -> Action:
    """The next message comes again and again, as fast as it can be sent."""

    def begin(stage: Stage) -> None:
        stage.wire.tamper(Tampering((topic,), changes.Burst(BURST)))

    return begin
