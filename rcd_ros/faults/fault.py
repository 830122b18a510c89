"""A fault as data: what happens, what should come of it, and how that is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rcd_ros.faults.evidence import Evidence
from rcd_ros.faults.stage import Stage
from rcd_ros.faults.wire import Tampering

Action = Callable[[Stage], None]
Check = Callable[[Evidence], str]
"""Says what is not as expected; nothing when all is well."""


def tampers(*tamperings: Tampering) -> Action:
    """Let the wire tamper with messages."""
    return lambda stage: stage.wire.tamper(*tamperings)


def mend(stage: Stage) -> None:
    """Let the wire pass everything on again."""
    stage.wire.mend()


@dataclass(frozen=True)
class Fault:
    """One record of the campaign.

    Attributes:
        name: what goes wrong, as short as it can be said.
        group: chapter of the report.
        expected: what a robot's owner may expect then, in one sentence.
        begin: injects it.
        checks: by which the expectation is judged, beyond what always holds (`evidence.Evidence.problems`).
        end: takes it away again.
        seconds: how long it lasts at least, of simulated time.
        rests: whether the arm comes to rest meanwhile.
        recovers: whether the robot follows the planner again afterwards.
        ends: processes that end by it.
        quick: belongs to the short selection.
    """

    name: str
    group: str
    expected: str
    begin: Action
    checks: tuple[Check, ...] = ()
    end: Action = mend
    seconds: float = 3.0
    rests: bool = False
    recovers: bool = True
    ends: tuple[str, ...] = ()
    quick: bool = False


@dataclass(frozen=True)
class Verdict:
    """What came of a fault: `problems` is empty when all was as expected."""

    fault: Fault
    observed: str
    problems: tuple[str, ...]
    figures: dict[str, object]

    @property
    def passed(self) -> bool:
        """Whether all was as expected."""
        return not self.problems

    def as_json(self) -> dict[str, object]:
        """For a JSON file."""
        return {
            "fault": self.fault.name,
            "group": self.fault.group,
            "expected": self.fault.expected,
            "observed": self.observed,
            "passed": self.passed,
            "problems": list(self.problems),
            **self.figures,
        }
