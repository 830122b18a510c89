"""What can be expected of a fault: each check reads the evidence and returns what is not as expected."""

from __future__ import annotations

from rcd_ros.faults.evidence import Evidence
from rcd_ros.faults.fault import Check
from rcd_ros.faults.harness import PLANNER_NODE


def counts(*keys: str, node: str = PLANNER_NODE) -> Check:
    """A counter whose name begins with one of `keys` has grown in the diagnostics of a node."""

    def check(evidence: Evidence) -> str:
        grown = any(name.startswith(keys) for name in evidence.counts.get(node, {}))
        return "" if grown else f"the diagnostics of {node} did not count '{' or '.join(keys)}'"

    return check


def writes(text: str, process: str) -> Check:
    """A process has written `text`."""
    return lambda evidence: "" if text in evidence.logs.get(process, "") else f"{process} did not write '{text}'"


def reports(text: str, node: str) -> Check:
    """A node's diagnostics have had a message with `text`."""

    def check(evidence: Evidence) -> str:
        messages = evidence.messages.get(node, ())
        return "" if any(text in message for message in messages) else f"the diagnostics of {node} lack '{text}'"

    return check


def in_one_line(process: str) -> Check:
    """A process has written one line."""

    def check(evidence: Evidence) -> str:
        lines = evidence.logs.get(process, "").splitlines()
        return "" if len(lines) == 1 else f"{process} wrote {len(lines)} lines"

    return check


def exits(process: str, code: int) -> Check:
    """A process has ended with an exit code."""

    def check(evidence: Evidence) -> str:
        found = evidence.exit_codes.get(process)
        return "" if found == code else f"{process} ended with {found}, not with {code}"

    return check


def answers(text: str) -> Check:
    """A service has answered with `text`."""
    return lambda evidence: "" if any(text in a for a in evidence.answers) else f"no service answered '{text}'"


def state(name: str, node: str = PLANNER_NODE) -> Check:
    """A node's diagnostics have had this state."""

    def check(evidence: Evidence) -> str:
        seen = evidence.states.get(node, frozenset())
        return "" if name in seen else f"the diagnostics of {node} had {sorted(seen)}, not '{name}'"

    return check


def never_held(evidence: Evidence) -> str:
    """The robot always had a command: where a plan came late, the one before bridged the gap."""
    held = sum(counts.get("holds", 0) for counts in evidence.counts.values())
    return f"the robot was held {held} times, since no plan was due" if held else ""


def no_plans(evidence: Evidence) -> str:
    """The planner published no plan any more."""
    return "" if evidence.late_plans == 0 else f"{evidence.late_plans} plans were published all the same"


def plans_on(evidence: Evidence) -> str:
    """The planner went on planning."""
    return "" if evidence.late_plans > 0 else "the planner published no plan any more"
