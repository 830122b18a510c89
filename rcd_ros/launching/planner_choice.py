"""Which planner drives a task: the shipped one, or one that was trained for it.

Checkpoints are looked at with PyYAML alone (see `bringup`). One that cannot be read is the planner node's to refuse.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from rcd_ros.errors import RcdError
from rcd_ros.resources import find_resource

MODEL_PERIOD_S = 0.02
"""Control period of a model file where none is given."""
AS_EVALUATED = {"trigger": "paced", "mode": "chunk", "execute": 0}
"""Parameters by which a planner drives as `rcd eval` has driven it, however fast a robot's drivers publish."""


@dataclass(frozen=True)
class TrainedFor:
    """What a checkpoint was trained for.

    Attributes:
        task: its name.
        control_period: s.
        from_file: whether a task file of a user describes it.
    """

    task: str
    control_period: float
    from_file: bool


def trained_for(checkpoint: Path) -> TrainedFor | None:
    """The task of a checkpoint; None when it cannot be read."""
    try:
        task = yaml.safe_load((checkpoint / "manifest.yaml").read_text())["task"]
        return TrainedFor(str(task["name"]), float(task["control_period"]), bool(task.get("source")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, LookupError, TypeError, ValueError, AttributeError):
        return None
    except RecursionError:  # brackets in brackets in brackets
        return None


def driving_parameters(checkpoint: Path) -> dict[str, object]:
    """What the planner node needs to drive as it was evaluated; nothing for a task of this package."""
    trained = trained_for(checkpoint)
    return dict(AS_EVALUATED) if trained is not None and trained.from_file else {}


def shipped_planner(task: str) -> str:
    """The checkpoint that ships for a task; empty where none does. A checkpoint as task names itself."""
    if (Path(task) / "manifest.yaml").is_file():
        return task
    try:
        return str(find_resource(f"models/{task}"))
    except RcdError:
        pass
    try:
        from rcd_ros.tasks.catalogue import get_task
    except ImportError:  # under ROS 2's own Python
        return ""
    planner = get_task(task).planner
    return str(find_resource(planner)) if planner else ""


def check_task(checkpoint: Path, task: str, remedy: str) -> None:
    """Refuse a planner of another task; the bridge compares the tasks of files, which carry their names inside.

    Args:
        checkpoint: of the planner.
        task: its name, file or checkpoint.
        remedy: what to do, with `{trained}` for the checkpoint's task.

    Raises:
        RcdError: the checkpoint was trained for another task.
    """
    trained = trained_for(checkpoint)
    if trained is None or trained.task in (task, _task_name(task)):
        return
    raise RcdError(
        f"checkpoint:={checkpoint} plans '{trained.task}', not '{task}': name a planner of this task, or "
        f"{remedy.format(trained=trained.task)}"
    )


def check_period(checkpoint: Path, given: str) -> None:
    """Refuse a model whose control period is not the planner's.

    Args:
        checkpoint: of the planner.
        given: control period of the model (s); empty: `MODEL_PERIOD_S`.

    Raises:
        RcdError: they differ by more than a thousandth.
    """
    trained = trained_for(checkpoint)
    period = float(given) if given else MODEL_PERIOD_S
    if trained is not None and abs(period - trained.control_period) > 1e-3 * trained.control_period:
        raise RcdError(
            f"checkpoint:={checkpoint} commands every {trained.control_period:g} s, the model takes a command every "
            f"{period:g} s: set control_period:={trained.control_period:g}"
        )


def _task_name(task: str) -> str:
    """The name of a task that a file or a checkpoint describes."""
    try:
        from rcd_ros.tasks.catalogue import get_task
    except ImportError:  # under ROS 2's own Python
        return task
    return get_task(task).spec.name
