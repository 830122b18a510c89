"""Requests to the planner while it runs, as operators and lifecycle managers make them; the answers are evidence."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from rcd_ros.faults.harness import PLANNER_NODE, Harness

Value: TypeAlias = bool | int | float | str | list[float]
GRANTED, REFUSED, NO_ANSWER = "granted", "refused", "no answer"


def set_parameters(harness: Harness, **values: Value) -> None:
    """Set parameters of the planner together; a dot in a name is written as two underscores."""
    messages = [Parameter(name.replace("__", "."), value=value).to_parameter_msg() for name, value in values.items()]
    response = harness.call(SetParametersAtomically, f"{PLANNER_NODE}/set_parameters_atomically", parameters=messages)
    result = None if response is None else response.result
    harness.answers.append(NO_ANSWER if result is None else _answer(result.successful, result.reason))


def load_checkpoint(harness: Harness, folder: Path) -> None:
    """Hot-swap the planner's checkpoint for that of `folder`."""
    set_parameters(harness, checkpoint=str(folder))
    response = harness.call(Trigger, f"{PLANNER_NODE}/load_checkpoint")
    harness.answers.append(NO_ANSWER if response is None else _answer(response.success, response.message))


def change_state(harness: Harness, *labels: str) -> None:
    """Take the planner through lifecycle transitions."""
    for label in labels:
        transition = Transition(label=label)
        response = harness.call(ChangeState, f"{PLANNER_NODE}/change_state", transition=transition)
        harness.answers.append(NO_ANSWER if response is None else _answer(response.success, label))


def _answer(granted: bool, reason: str) -> str:
    verdict = GRANTED if granted else REFUSED
    return f"{verdict}: {reason}" if reason else verdict
