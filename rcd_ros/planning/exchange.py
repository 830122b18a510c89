"""Hot swap: whether one planner can replace another while a robot moves."""

from __future__ import annotations

from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec


def check_exchange(running: TaskSpec, other: TaskSpec, history: tuple[int, int]) -> None:
    """Check that a planner for `other` can continue the motion of one for `running`.

    Topics, joints, limits and the control period must be the same, for the messages in flight and the motion under way
    belong to them; so must `history`, the numbers of observations that the two plan from. The horizon may differ.

    Raises:
        RcdError: the first thing that differs.
    """
    remedy = "deactivate and clean up the planner, then configure it with this checkpoint"
    if other.name != running.name:
        raise RcdError(f"the checkpoint is of task '{other.name}', the running planner of '{running.name}': {remedy}")
    if other.command.joints != running.command.joints:
        raise RcdError(
            f"the checkpoint commands joints {list(other.command.joints)}, the running planner "
            f"{list(running.command.joints)}: {remedy}"
        )
    parts = {
        "another control period": (running.control_period, other.control_period),
        "other observations": (running.observations, other.observations),
        "another command topic, interface or range": (running.command, other.command),
        "other motion limits": (running.motion, other.motion),
    }
    for what, (ours, theirs) in parts.items():
        if ours != theirs:
            raise RcdError(f"the checkpoint of task '{other.name}' has {what} than the running planner: {remedy}")
    before, after = history
    if before != after:
        raise RcdError(f"the checkpoint plans from {after} observations, the running planner from {before}: {remedy}")
