"""What can be expected of a fault: each check reads the evidence and says what is not as expected."""

from __future__ import annotations

from rcd_ros.faults.evidence import Evidence
from rcd_ros.faults.fault import Check
from rcd_ros.faults.stage import PLANNER_NODE


def counts(*keys: str, node: str = PLANNER_NODE) -> Check:
    """A counter whose name begins with one of `keys` has grown in the diagnostics of a node."""

    def check(evidence: Evidence) -> str:
        grown = any(name.startswith(keys) for name in evidence.counts.get(node, {}))
        return "" if grown else f"the diagnostics of {node} did not count '{' or '.join(keys)}'"

    return check


def says(text: str, process: str) -> Check:
    """A process has written so."""
    return lambda evidence: "" if text in evidence.words.get(process, "") else f"{process} did not write '{text}'"


def reports(text: str, node: str) -> Check:
    """A node's diagnostics have complained so."""

    def check(evidence: Evidence) -> str:
        messages = evidence.messages.get(node, ())
        return "" if any(text in m for m in messages) else f"the diagnostics of {node} did not say '{text}'"

    return check


def in_one_line(process: str) -> Check:
    """A process has said it in one line."""

    def check(evidence: Evidence) -> str:
        lines = evidence.words.get(process, "").splitlines()
        return "" if len(lines) == 1 else f"{process} wrote {len(lines)} lines"

    return check


def exits(process: str, code: int) -> Check:
    """A process has ended with a code."""

    def check(evidence: Evidence) -> str:
        found = evidence.exit_codes.get(process)
        return "" if found == code else f"{process} ended with {found}, not with {code}"

    return check


def answers(text: str) -> Check:
    """A service has answered so."""
    return lambda evidence: "" if any(text in a for a in evidence.answers) else f"no service answered '{text}'"


def state(name: str, node: str = PLANNER_NODE) -> Check:
    """A node's diagnostics have told this state."""

    def check(evidence: Evidence) -> str:
        told = evidence.states.get(node, frozenset())
        return "" if name in told else f"the diagnostics of {node} told {sorted(told)}, not '{name}'"

    return check


def never_held(evidence: Evidence) -> str:
    """The robot was never without a command: a plan that a busy machine made late was bridged by the one before."""
    held = sum(counts.get("holds", 0) for counts in evidence.counts.values())
    return f"the robot was held {held} times for want of a plan" if held else ""


def no_plans(evidence: Evidence) -> str:
    """The planner fell silent."""
    return "" if evidence.late_plans == 0 else f"{evidence.late_plans} plans were made of it"


def plans_on(evidence: Evidence) -> str:
    """The planner went on planning."""
    return "" if evidence.late_plans > 0 else "the planner fell silent"
