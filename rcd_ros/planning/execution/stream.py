"""From a planner's chunks to the trajectories that a robot is sent: an execution mode, and then a shape.

The planner node and evaluation use this one class, so that what is evaluated is what is deployed. It reads no clock and
no ROS: equal calls give equal trajectories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import Interface
from rcd_ros.planning.execution.modes import ModeSettings, Plan, make_mode
from rcd_ros.planning.execution.shaping import Anchor, Shaper
from rcd_ros.planning.execution.trajectory import PointChoice, Sampling, ShapedPlan, Stamping, TrajectoryMaker
from rcd_ros.planning.limits import MotionLimits
from rcd_ros.planning.spec import TaskSpec


@dataclass(frozen=True)
class StreamSettings(ModeSettings):
    """How chunks are executed and shaped; `CommandStream` checks the values.

    Attributes:
        shape: whether trajectories are shaped within the motion limits; if not, chunks are sent as they are planned.
        limits: field of `MotionSpec` -> values that replace the task's (`limits.MotionLimits.of`).
        position_margin: rad or m kept free before each position limit.
        anchor: where a new plan begins (`shaping.Shaper`).
        lead: s by which a trajectory is behind when it arrives, at most (`shaping.Shaper`).
        sampling, stamping, rests: which points a shaped trajectory has (`trajectory.PointChoice`).
    """

    shape: bool = False
    limits: Mapping[str, Sequence[float]] = field(default_factory=dict)
    position_margin: float = 0.0
    anchor: Anchor = "commanded"
    lead: float = 0.0
    sampling: Sampling = "period"
    stamping: Stamping = "observation"
    rests: bool = True


def fit_settings(settings: StreamSettings, spec: TaskSpec, execute: int) -> StreamSettings:
    """Settings for a task, where the default mode is to follow the newest chunk.

    Planned states are a path, which is followed for `execute` periods (n_action_steps) as in training. A tracking
    controller that only gets the first states of new plans does not move. Settings with `execute` 0 get the given
    `execute`.
    """
    if settings.execute == 0:
        settings = replace(settings, execute=execute)
    if spec.command.interface != "state" or settings.mode != "first_action":
        return settings
    return replace(settings, mode="chunk", execute=execute)


class CommandStream:
    """The trajectories of one robot, one after another.

    Attributes:
        settings: as given.
    """

    def __init__(self, spec: TaskSpec, settings: StreamSettings | None = None) -> None:
        """Stream for the task `spec`.

        Raises:
            RcdError: a setting cannot be used.
        """
        self.settings = chosen = settings or StreamSettings()
        self._spec = spec
        self._mode = make_mode(chosen, round(spec.control_period * 1e9))
        moved = spec
        if spec.command.interface == "state":
            if chosen.shape:
                raise RcdError(f"task '{spec.name}' plans states, which are followed as they are: set shape to false")
            moved = spec.model_copy(update={"command": spec.command.velocities})
        limits = MotionLimits.of(moved, chosen.limits, chosen.position_margin)
        points = PointChoice(chosen.sampling, chosen.stamping, chosen.rests)
        self._shaper = Shaper(moved, limits, chosen.anchor, round(chosen.lead * 1e9), points)
        self._maker = TrajectoryMaker(spec)
        self._rates: Interface = "effort" if spec.command.interface == "effort" else "velocity"
        self._positions = spec.observed_columns("joint_position")
        self._velocities = None if self._rates == "effort" else spec.observed_columns("joint_velocity")
        self._followed: Plan | None = None
        self._sent: ShapedPlan | None = None
        self._remember()

    def reset(self) -> None:
        """Discard the commanded motion: the next plan starts from the measured state."""
        self._mode.reset()
        self._shaper.reset()
        self._followed = self._sent = None

    def changed(self, settings: StreamSettings) -> CommandStream:
        """A stream with other settings that continues the motion that this one commands.

        When the settings are refused this stream is unchanged; when they are accepted it must not be used any more.
        Limits below the present command are reached by braking.

        Raises:
            RcdError: a setting cannot be used.
        """
        stream = CommandStream(self._spec, settings)
        if settings.mode_options == self.settings.mode_options:
            stream._mode = copy(self._mode)  # with all that it keeps, such as the sums of a temporal ensemble
        else:
            stream._mode.plan = self._mode.plan
        stream._shaper.take_over(self._shaper)
        stream._followed, stream._sent = self._followed, self._sent
        return stream

    def replan(self) -> None:
        """Plan on the next observation although the current plan is still kept: its goal has changed."""
        self._mode.reset()

    def wants(self, now: int) -> bool:
        """Whether an observation at `now` (ns) is to be planned on."""
        return self._mode.wants(now)

    def next(self, chunk: NDArray[np.float64], observation: NDArray[np.float64], stamp: int, now: int) -> ShapedPlan:
        """The trajectory to send at `now` (ns) for a chunk planned from the observation at `stamp` (ns).

        Args:
            chunk: (horizon, n_cmd) in physical units.
            observation: (n_obs,) from which it was planned, the newest one of its history.
            stamp: ns.
            now: ns, not before `stamp`.

        Returns:
            The trajectory; the last one again when the mode does not use this chunk.

        Raises:
            RcdError: values of the wrong shape or not finite, positions that are needed and not observed, or a clock
                that has gone back: `reset` then.
        """
        self._remember()
        plan = self._mode.next(chunk, stamp, now)
        if plan is self._followed and self._sent is not None:
            return self._sent
        if self.settings.shape:
            positions, velocities = self._beginning(now, observation)
            sent = self._shaper.shape(plan.commands, plan.stamp, now, positions, velocities)
        else:
            self._shaper.reset()
            sent = ShapedPlan(plan.stamp, self._maker.points(plan.commands, observation))
        self._followed, self._sent = plan, sent
        return sent

    def hold(self, now: int, observation: NDArray[np.float64] | None = None) -> ShapedPlan:
        """A trajectory that brakes from what is commanded at `now` (ns) to rest, within the limits, shaped or not.

        Args:
            now: ns.
            observation: (n_obs,) the newest one, if there is one.

        Raises:
            RcdError: nothing is commanded and nothing observed, or the clock has gone back.
        """
        self._remember()
        if self._sent is None and observation is None:
            raise RcdError("there is nothing to hold yet: no trajectory was sent and nothing is observed")
        positions, velocities = self._beginning(now, observation)
        self._sent = self._shaper.hold(now, positions, velocities)
        self._mode.reset()
        self._followed = None
        return self._sent

    def withdraw(self) -> None:
        """Go on from the trajectory before the last one: `next` or `hold` made one that is not sent."""
        self._mode, self._shaper, self._followed, self._sent = self._before
        self._remember()

    def _remember(self) -> None:
        # Copies that share all arrays: neither mode nor shaper writes into one.
        self._before = copy(self._mode), copy(self._shaper), self._followed, self._sent

    def _beginning(
        self, now: int, observation: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
        """Positions and velocities (n_cmd,) from which the shaper starts: measured, or of the unshaped trajectory."""
        if self._sent is not None and self._shaper.commanded(np.array([now], np.int64)) is None:
            points, since = self._sent.points, now - self._sent.stamp
            due = int(points.time_from_start.searchsorted(since, side="right"))
            speeds = points.commands(self._rates)
            if due < len(speeds) and speeds.size:
                left = (int(points.time_from_start[due]) - since) * 1e-9
                return points.positions[due] - left * speeds[due] if points.positions.size else None, speeds[due]
        if observation is None:
            return None, None
        columns = self._positions, self._velocities
        positions, velocities = (None if where is None else observation[where] for where in columns)
        return positions, velocities
