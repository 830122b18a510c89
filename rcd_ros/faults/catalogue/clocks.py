"""Faults of time: stamps out of order, clocks that jump, messages that come too late."""

from __future__ import annotations

from rcd_ros.faults import changes
from rcd_ros.faults.checks import counts, no_plans, plans_on
from rcd_ros.faults.fault import Action, Fault, tampers
from rcd_ros.faults.stage import Stage
from rcd_ros.faults.wire import Tampering
from rcd_ros.planning.spec import TaskSpec

GROUP = "time"
JUMP_S = 100.0


def clock_faults(spec: TaskSpec) -> list[Fault]:
    """Faults of stamps and clocks."""
    topics = tuple(dict.fromkeys(channel.topic for channel in spec.observations))
    period = spec.control_period
    return [
        Fault(
            f"stamps out of order on {topics[0]}",
            GROUP,
            "the older ones are dropped and counted, the arm obeys its limits",
            tampers(Tampering(topics[:1], changes.SwappedPairs())),
            (counts("dropped: out of order"),),
            seconds=4.0,
        ),
        Fault(
            f"the same stamp on every message of {topics[0]}",
            GROUP,
            "counted as repeated, no plan is made of it, the arm comes to rest",
            tampers(Tampering(topics[:1], changes.FrozenStamp())),
            (counts("dropped: repeated"), no_plans),
            rests=True,
        ),
        Fault(
            "the planner's clock jumps forward",
            GROUP,
            "every observation is stale then: no plan, the arm comes to rest; planning goes on when the clock is right",
            tampers(Tampering(("clock",), changes.shifted(JUMP_S))),
            (counts("dropped: stale"), no_plans),
            rests=True,
        ),
        Fault(
            "the planner's clock jumps back",
            GROUP,
            "observations come from the future: the motion obeys its limits, and goes on when the clock is right",
            tampers(Tampering(("clock",), changes.shifted(-JUMP_S))),
            (),
            seconds=4.0,
        ),
        Fault(
            "the clock stands still",
            GROUP,
            "observations still come in order: the motion stays inside its limits",
            tampers(Tampering(("clock",), changes.swallowed)),
            (),
            seconds=4.0,
        ),
        Fault(
            "all time jumps forward, and back",
            GROUP,
            "the planner begins a new history and plans on under the new time, and again under the old one",
            tampers(
                Tampering(("clock", *topics), changes.shifted(JUMP_S)),
                Tampering((spec.command.topic,), changes.shifted(-JUMP_S)),
            ),
            (plans_on,),
            seconds=6.0,
        ),
        Fault(
            "all time begins anew, as after a simulator's reset",
            GROUP,
            "counted as a restarted clock: the planner begins a new history and plans on",
            _restarts(spec.command.topic, topics),
            (counts("clock_restarts"), plans_on),
            seconds=6.0,
        ),
        Fault(
            "observations late by four periods",
            GROUP,
            "plans are entered in the middle: the motion goes on inside its limits",
            _delays(topics, 4.0 * period),
            (plans_on,),
            seconds=6.0,
        ),
        Fault(
            "plans late by four periods",
            GROUP,
            "plans are entered in the middle: the motion goes on inside its limits",
            _delays((spec.command.topic,), 4.0 * period),
            (plans_on,),
            seconds=6.0,
        ),
    ]


def _delays(topics: tuple[str, ...], simulated_s: float) -> Action:
    return lambda stage: stage.wire.tamper(Tampering(topics, delay=simulated_s / stage.settings.speed))


def _restarts(command: str, topics: tuple[str, ...]) -> Action:
    """Time counts from 0 again, on the planner's side; the robot's own goes on."""

    def begin(stage: Stage) -> None:
        back = 1e-9 * stage.witness.robot_time
        stage.wire.tamper(
            Tampering(("clock", *topics), changes.shifted(-back)), Tampering((command,), changes.shifted(back))
        )

    return begin
