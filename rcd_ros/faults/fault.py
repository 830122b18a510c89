"""A fault as data: what is injected, what should come of it, and how that is judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rcd_ros.faults.evidence import Evidence
from rcd_ros.faults.harness import Harness
from rcd_ros.faults.proxy import Injection

Action = Callable[[Harness], None]
Check = Callable[[Evidence], str]
"""Returns what is not as expected; empty when all is."""


def inject(*injections: Injection) -> Action:
    """An action that lets the proxy change messages."""
    return lambda harness: harness.proxy.inject(*injections)


def clear(harness: Harness) -> None:
    """Let the proxy pass messages on unchanged again."""
    harness.proxy.clear()


@dataclass(frozen=True)
class Fault:
    """One case of the campaign.

    Attributes:
        name: what goes wrong.
        group: chapter of the report.
        expected: what the owner of a robot may expect then, in one sentence.
        begin: injects it.
        checks: judge the expectation, beyond what holds for every fault (`evidence.Evidence.problems`).
        end: removes it.
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
    end: Action = clear
    seconds: float = 3.0
    rests: bool = False
    recovers: bool = True
    ends: tuple[str, ...] = ()
    quick: bool = False


@dataclass(frozen=True)
class Verdict:
    """The outcome of a fault: `problems` is empty when all was as expected."""

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
