"""What people and lifecycle managers ask of a planner while it runs; what it answers is kept as evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from rcd_ros.faults.stage import PLANNER_NODE, Stage

GRANTED, REFUSED, SILENT = "granted", "refused", "no answer"


def set_parameters(stage: Stage, node: str = PLANNER_NODE, **values: Any) -> None:
    """Set parameters together; a name with dots is written with two underscores in each one's place."""
    messages = [Parameter(name.replace("__", "."), value=value).to_parameter_msg() for name, value in values.items()]
    answer = stage.call(SetParametersAtomically, f"{node}/set_parameters_atomically", parameters=messages)
    stage.answers.append(SILENT if answer is None else _told(answer.result.successful, answer.result.reason))


def load_checkpoint(stage: Stage, folder: Path) -> None:
    """Let the planner exchange its checkpoint for that of `folder` while it runs."""
    set_parameters(stage, checkpoint=str(folder))
    answer = stage.call(Trigger, f"{PLANNER_NODE}/load_checkpoint")
    stage.answers.append(SILENT if answer is None else _told(answer.success, answer.message))


def change_state(stage: Stage, *labels: str) -> None:
    """Take a planner through lifecycle transitions."""
    for label in labels:
        transition = Transition(label=label)
        answer = stage.call(ChangeState, f"{PLANNER_NODE}/change_state", transition=transition)
        stage.answers.append(SILENT if answer is None else _told(answer.success, label))


def _told(granted: bool, words: str) -> str:
    return f"{GRANTED if granted else REFUSED}: {words}" if words else (GRANTED if granted else REFUSED)
