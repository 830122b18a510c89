"""Executes received trajectories: the due command, or a hold when none is due.

The bridge, closed-loop evaluation and the import of bags decide with this one class, so that all three agree on what a
robot executes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rcd_ros.planning.change_limiter import ChangeLimiter
from rcd_ros.planning.execution import TrajectoryFollower
from rcd_ros.planning.hold import PositionHold
from rcd_ros.planning.received_plan import ReceivedPlan
from rcd_ros.planning.spec import Interface, TaskSpec
from rcd_ros.planning.trajectory import position_columns


class Executed(NamedTuple):
    """The command of one control period: (n_cmd,) in physical units, and whether it only holds the robot."""

    command: NDArray[np.float64]
    holds: bool


class TrajectoryReceiver:
    """Follows the newest valid trajectory (`TrajectoryFollower`) and holds otherwise (`PositionHold`).

    The robot holds while no point of a trajectory is due, or when no trajectory has been accepted for `timeout` s. A
    hold starts from the last executed command: the joints brake, then stay where they came to rest. The next valid
    trajectory ends the hold. Joints that nothing has commanded yet stay where they were when the others began.

    Call `execute` once per control period (or `ticks` times), in order: the hold and the rate limit continue from the
    last command.
    """

    def __init__(
        self,
        spec: TaskSpec,
        execute: int = 1,
        interfaces: Sequence[Interface] | None = None,
        timeout: float = 0.0,
        enforces_limits: bool = False,
        ticks: int = 1,
    ) -> None:
        """Execute trajectories for `spec`.

        Args:
            spec: of the task.
            execute: control periods for which a trajectory is followed before a newer one replaces it.
            interfaces: of each commanded joint; None: the task's interface for all of them.
            timeout: s after the newest accepted trajectory until the robot holds; 0: until its last point has passed.
            enforces_limits: whether commands change no faster than the motion limits allow (`ChangeLimiter`).
            ticks: how often in a control period `execute` is called.
        """
        self.timeout = timeout
        self.enforces_limits = enforces_limits
        self.interfaces = tuple(interfaces or (spec.command.interface,) * len(spec.command.joints))
        period = round(spec.control_period * 1e9)
        self._follower = TrajectoryFollower(spec.command, period, execute, self.interfaces, ticks)
        ticking = spec.model_copy(update={"control_period": spec.control_period / ticks})
        self._hold = PositionHold(ticking, self.interfaces)
        self._limiter = ChangeLimiter(ticking, self.interfaces)
        self._accepted_at = 0
        self._positions = position_columns(spec)
        self._at_rest = np.where(spec.command.stays, np.nan, 0.0)
        self._executed: NDArray[np.float64] | None = None
        self._held = True
        self._rest: NDArray[np.float64] | None = None

    @property
    def refused(self) -> Counter[str]:
        """Number of refused trajectories by reason."""
        return self._follower.refused

    @property
    def limited(self) -> int:
        """Number of control periods in which the rate limit changed the command."""
        return self._limiter.limited

    @property
    def stamp(self) -> int | None:
        """Stamp (ns) of the trajectory in hand."""
        return self._follower.stamp

    @property
    def accepted_at(self) -> int:
        """Time (ns) at which the newest trajectory was accepted; 0 before the first one."""
        return self._accepted_at

    def reset(self) -> None:
        """Discard the trajectory in hand; the robot is at rest. Counts are kept."""
        self._follower.reset()
        self._hold.release()
        self._limiter.reset()
        self._executed, self._held, self._rest = None, True, None

    def accept(self, plan: ReceivedPlan, now: int, observation: NDArray[np.float64] | None = None) -> str | None:
        """Take a trajectory; returns why it is refused, or None when it is valid.

        Args:
            plan: the trajectory.
            now: ns.
            observation: (n_obs,) the newest one, in physical units: where way-points begin on a robot that nothing
                has commanded yet.
        """
        problem = self._follower.accept(plan, now, self._begin(observation) if self._held else None)
        if problem is None:
            self._accepted_at = now
        return problem

    def execute(self, now: int, observation: NDArray[np.float64]) -> Executed:
        """The command of the control period, or of its part, that begins at `now` (ns).

        Args:
            now: ns.
            observation: (n_obs,) the newest one, in physical units; a hold reads the joint positions from it.
        """
        if self._held and observation.size:
            self._rest = self._measured(observation)
        due = self._follower.due(now, self._rest)
        silent = self.timeout > 0.0 and now - self._accepted_at > self.timeout * 1e9
        if due is None or silent:
            command, holds = self._hold.command(observation), True
        else:
            command, holds = due.command, False
            self._hold.release(command)
        if self.enforces_limits:
            command = self._limiter.limit(command)
        self._executed, self._held = command, holds
        return Executed(command, holds)

    def are_steps(self, plan: ReceivedPlan, now: int) -> bool:
        """Whether a trajectory that arrives at `now` (ns) is one command a control period, not way-points."""
        return self._follower.are_steps(np.asarray(plan.time_from_start, np.int64), now - plan.stamp)

    def _begin(self, observation: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        """The command (n_cmd,) that a robot which holds goes on from; None: not known."""
        if self._executed is not None or observation is None:
            return self._executed
        return self._measured(observation)

    def _measured(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The command (n_cmd,) to stay where an observation (n_obs,) shows the robot; NaN where it does not."""
        measured = self._at_rest.copy()
        for i, (column, interface) in enumerate(zip(self._positions, self.interfaces, strict=True)):
            if column is not None and interface in ("position", "state"):
                measured[i] = observation[column]
        return measured
