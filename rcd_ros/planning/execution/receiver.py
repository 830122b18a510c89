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

from rcd_ros.planning.channels import Interface
from rcd_ros.planning.execution.follower import TrajectoryFollower
from rcd_ros.planning.execution.received_plan import ReceivedPlan
from rcd_ros.planning.limits import CommandLimits, RateLimiter
from rcd_ros.planning.spec import TaskSpec

STOP_S = 0.5
"""s in which a joint without a known acceleration limit comes to rest."""


class PositionHold:
    """Brings the joints to rest from the last command, then holds them where they were when they came to rest.

    Velocities fall to zero within the acceleration limit. Positions continue with the velocity of the last two commands
    and slow down within the same limit. At rest a velocity-commanded joint is steered back to its position: with zero
    velocity alone an arm would slowly sink under its weight. Joints whose position is not observed, and effort
    commands, end at zero.
    """

    def __init__(self, spec: TaskSpec, interfaces: Sequence[Interface] | None = None) -> None:
        """Hold the joints that `spec` commands; `interfaces` gives each joint's interface where they differ."""
        channel = spec.command
        columns = spec.commanded_columns("joint_position")
        if channel.interface == "state":  # positions, and the velocities that belong to a position that stays
            kinds = np.repeat(("position", "none"), len(columns))
            columns = [*columns, *[None] * len(columns)]
        else:
            kinds = np.array(interfaces or (channel.interface,) * channel.size)
        self._by_position, self._by_velocity = kinds == "position", kinds == "velocity"
        self._size = channel.size
        self._seen = np.array([column is not None for column in columns], bool)
        self._columns = np.array([column or 0 for column in columns], np.intp)
        self._period = spec.control_period
        self._limits = CommandLimits(channel)
        known = None if spec.motion is None else spec.motion.acceleration
        self._acceleration = np.asarray(known or (np.inf,) * channel.size)
        self._last: NDArray[np.float64] | None = None
        self.release()

    def release(self, command: NDArray[np.float64] | None = None) -> None:
        """The next hold starts from this command (n_cmd,), or (None) from the measured position at rest."""
        if command is None:
            self._rate = np.zeros(self._size)
        elif self._last is None:
            self._rate = np.where(self._by_velocity, command, 0.0)
        else:
            self._rate = np.where(self._by_velocity, command, (command - self._last) / self._period)
        self._last = None if command is None else command
        self._anchor = np.full(self._size, np.nan)
        unknown = np.abs(self._rate) * ((1.0 + 1e-9) * self._period / STOP_S)  # not a rounding error above rest
        self._loss = np.where(np.isfinite(self._acceleration), self._acceleration * self._period, unknown)

    def command(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The command (n_cmd,) that holds, given the newest observation (n_obs,)."""
        observed = np.where(self._seen, observation[self._columns], 0.0) if observation.size else np.zeros(self._size)
        self._rate = np.sign(self._rate) * np.maximum(np.abs(self._rate) - self._loss, 0.0)
        goal = observed if self._last is None else self._last + self._rate * self._period
        self._last = self._limits.clamp(goal)
        return np.where(self._by_position, self._last, self._limits.clamp(self._velocity(observed)))

    def _velocity(self, observed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Velocities (n_cmd,) to command where these are; zero for efforts."""
        resting = self._rate == 0.0
        self._anchor = np.where(np.isnan(self._anchor) & resting, observed, self._anchor)
        back = (np.where(resting, self._anchor, observed) - observed) / self._period
        return np.where(self._by_velocity, np.where(resting, back, self._rate), 0.0)


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
            enforces_limits: whether commands change no faster than the motion limits allow (`RateLimiter`).
            ticks: how often in a control period `execute` is called.
        """
        self.timeout = timeout
        self.enforces_limits = enforces_limits
        self.interfaces = tuple(interfaces or (spec.command.interface,) * len(spec.command.joints))
        period = round(spec.control_period * 1e9)
        self._follower = TrajectoryFollower(spec.command, period, execute, self.interfaces, ticks)
        ticking = spec.model_copy(update={"control_period": spec.control_period / ticks})
        self._hold = PositionHold(ticking, self.interfaces)
        self._limiter = RateLimiter(ticking, self.interfaces)
        self._accepted_at = 0
        self._positions = spec.commanded_columns("joint_position")
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
        """Stamp (ns) of the current trajectory."""
        return self._follower.stamp

    @property
    def accepted_at(self) -> int:
        """Time (ns) at which the newest trajectory was accepted; 0 before the first one."""
        return self._accepted_at

    def reset(self) -> None:
        """Discard the current trajectory; the robot is at rest. Counts are kept."""
        self._follower.reset()
        self._hold.release()
        self._limiter.reset()
        self._executed, self._held, self._rest = None, True, None

    def accept(self, plan: ReceivedPlan, now: int, observation: NDArray[np.float64] | None = None) -> str | None:
        """Take a trajectory; returns why it is refused, or None when it is valid.

        Args:
            plan: the trajectory.
            now: ns.
            observation: (n_obs,) the newest one, in physical units: where waypoints begin on a robot that nothing
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
        """Whether a trajectory that arrives at `now` (ns) is one command a control period, not waypoints."""
        return self._follower.are_steps(np.asarray(plan.time_from_start, np.int64), now - plan.stamp)

    def _begin(self, observation: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        """The command (n_cmd,) that a robot which holds goes on from; None: not known."""
        if self._executed is not None or observation is None:
            return self._executed
        return self._measured(observation)

    def _measured(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        """The command (n_cmd,) to stay where an observation (n_obs,) shows the robot; NaN where it does not."""
        measured: NDArray[np.float64] = self._at_rest.copy()
        for i, (column, interface) in enumerate(zip(self._positions, self.interfaces, strict=True)):
            if column is not None and interface in ("position", "state"):
                measured[i] = observation[column]
        return measured
