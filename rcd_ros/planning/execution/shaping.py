"""From raw chunks to a motion that an arm accepts: inside all limits, without a jump where one plan follows another.

Consecutive chunks are not continuous, and they ignore a robot's limits. The shaper keeps the motion it has
commanded. A new chunk takes over at the present instant of that motion, in position, velocity and acceleration, and
is followed as closely as the limits allow; after its last command the motion brakes to rest, so that a robot that
gets no next plan stops by itself.

Why not Ruckig (MIT), which is fast enough: its online velocity control ignores position limits, and a receiver gets
only its motion's values once a period. A controller's cubic interpolation between these accelerates more than Ruckig
was allowed to, and jumps in acceleration at the points. The motion here is piecewise cubic itself (`execution.motion`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.execution.motion import Brake, Motion, MotionState
from rcd_ros.planning.execution.trajectory import PointChoice, ShapedPlan, TrajectoryPoints
from rcd_ros.planning.limits import MotionLimits
from rcd_ros.planning.spec import TaskSpec

Anchor = Literal["commanded", "measured"]

ANCHORS: tuple[str, ...] = get_args(Anchor)


class Shaper:
    """Turns chunks into one continuous motion of the commanded joints.

    Velocity commands are the velocities at the ends of their control periods, position commands the positions there.
    Effort commands are shaped as velocities are: within their range, at a limited rate, ending at zero.
    """

    def __init__(
        self,
        spec: TaskSpec,
        limits: MotionLimits,
        anchor: Anchor = "commanded",
        lead: int = 0,
        choice: PointChoice | None = None,
    ) -> None:
        """Shape for the task `spec`.

        Args:
            spec: of the task.
            limits: of its commanded joints.
            anchor: where a new plan begins. "commanded": where the last one commands to be by then; positions are
                continuous. "measured": at the measured positions, for receivers that add velocities to where the
                robot is; positions then move over by what the robot lags behind, at most as fast as it may drive.
            lead: ns by which a trajectory is behind when it arrives, at most: a new plan takes over that much later,
                and its trajectory repeats what is commanded until then.
            choice: of the points that are sent.

        Raises:
            RcdError: an unknown anchor, or a negative lead.
        """
        if anchor not in ANCHORS:
            raise RcdError(f"there is no anchor '{anchor}': take {' or '.join(ANCHORS)}")
        if lead < 0:
            raise RcdError(f"the lead must be 0 or more ns, got {lead}")
        self._interface = spec.command.interface
        self._size = spec.command.size
        self._period = round(spec.control_period * 1e9)
        self._seconds = self._period * 1e-9
        self._limits = limits
        self._brakes = Brake.of_joints(limits, self._seconds)
        self._used = self._brakes
        self._anchor = anchor
        self._choice = choice or PointChoice()
        self._lead = lead
        finite = np.isfinite(limits.jerk)
        average_s = (2.0 * limits.acceleration[finite] / limits.jerk[finite]).max(initial=0.0)
        self._average = int(np.ceil(average_s * 1e9))
        self._motion: Motion | None = None
        self._switched = 0
        self._knows_positions = False

    def reset(self) -> None:
        """Forget the commanded motion: the next plan starts at the measured positions."""
        self._motion = None

    def take_over(self, other: Shaper) -> None:
        """Go on from the motion that another shaper of the same task has commanded.

        A joint that cannot stop in time within lower limits any more brakes as hard as it might before.
        """
        self._used = other._used if other._motion is not None else self._brakes
        self._motion, self._switched, self._knows_positions = other._motion, other._switched, other._knows_positions

    def commanded(self, times: NDArray[np.int64]) -> MotionState | None:
        """What is commanded at `times` (m,) ns, from a period before the last plan on; None before the first plan."""
        return None if self._motion is None else self._motion.at(times)

    def shape(
        self,
        commands: ArrayLike,
        stamp: int,
        now: int,
        positions: NDArray[np.float64] | None = None,
        velocities: NDArray[np.float64] | None = None,
    ) -> ShapedPlan:
        """The trajectory for a plan made from the observation at `stamp` and sent at `now` (ns).

        Args:
            commands: (m, n_cmd) in physical units, one a control period from `stamp` on; m = 0 stops.
            stamp: ns.
            now: ns; the plan takes over at this time, before it the motion does not change.
            positions: (n_cmd,) measured at `stamp`; None when they are not observed.
            velocities: (n_cmd,) measured, to start from; at rest when None. Only read when there is no motion yet.

        Returns:
            The points of the periods that are not over yet, and of those in which it stops.

        Raises:
            RcdError: values of the wrong shape or not finite, positions that are needed and not observed, or a clock
                that has gone back: `reset` then.
        """
        wanted = np.asarray(commands, np.float64)
        if wanted.ndim != 2 or wanted.shape[1] != self._size or not np.isfinite(wanted).all():
            raise RcdError(f"a chunk to shape is (periods, {self._size}) finite values, got shape {wanted.shape}")
        motion, switch, offset = self._present(stamp, now, positions, velocities)
        position, velocity = motion.raw(switch)
        position = position + offset
        # The moving average delays the motion by half its length: the motion is moved forward by as much.
        begin = stamp - motion.average // 2
        first = self._first_knot(motion, begin, switch, position, velocity)
        count = max(1, len(wanted) - (first - begin - 1) // self._period)
        goals, rates = self._goals(wanted, (first - begin) / self._period, count)
        step = (first - switch) * 1e-9
        self._used = self._able(position, velocity, step)
        reached, speeds = self._follow(goals, rates, position, velocity, step)
        knots = first + np.arange(len(speeds), dtype=np.int64) * self._period
        kept = max(self._period, 2 * self._lead)
        self._motion = motion.continued(switch, knots, reached, speeds, offset, keep=kept)
        self._switched = switch
        last = stamp + len(wanted) * self._period
        sent_stamp, times = self._choice.times(self._motion, stamp, now, switch, last, self._period)
        return ShapedPlan(sent_stamp, self._points(self._motion, times, sent_stamp))

    def hold(
        self,
        now: int,
        positions: NDArray[np.float64] | None = None,
        velocities: NDArray[np.float64] | None = None,
    ) -> ShapedPlan:
        """Brakes from what is commanded at `now` (ns) to rest; see `shape`."""
        return self.shape(np.empty((0, self._size)), now, now, positions, velocities)

    def _present(
        self, stamp: int, now: int, positions: NDArray[np.float64] | None, velocities: NDArray[np.float64] | None
    ) -> tuple[Motion, int, NDArray[np.float64]]:
        """The motion that the new plan continues, when (ns), and how far away from it (n_cmd,)."""
        measured = self._measured(positions)
        switch = max(stamp, now + self._lead)
        if self._motion is not None and switch < self._switched:
            raise RcdError(
                f"the clock went back by {(self._switched - switch) * 1e-9:.3f} s: reset the shaper before planning on"
            )
        nowhere = np.zeros(self._size)
        if self._motion is None:
            self._knows_positions = measured is not None
            speed = nowhere if velocities is None else np.asarray(velocities, np.float64)
            if speed.shape != (self._size,) or not np.isfinite(speed).all():
                raise RcdError(f"the measured velocities must be {self._size} finite values, got {speed.tolist()}")
            start = nowhere if measured is None else measured
            return Motion.steady(switch, start, speed, self._average, before=self._period), switch, nowhere
        motion = self._motion
        if motion.average < self._average:
            motion = motion.resumed(switch, self._average)
        if self._anchor == "commanded" or measured is None or not self._knows_positions:
            return motion, switch, nowhere
        known = max(stamp, motion.known_since)
        lag = measured - motion.at(np.array([known], np.int64)).position[0]
        reach = (switch - self._switched) * 1e-9
        limits = self._limits
        return motion, switch, lag.clip(reach * limits.velocity_lower, reach * limits.velocity_upper)

    def _measured(self, positions: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
        if self._interface == "effort":
            return None
        if positions is None:
            bounded = np.isfinite(self._limits.position_lower) | np.isfinite(self._limits.position_upper)
            if self._motion is None and (bounded.any() or self._interface == "position"):
                raise RcdError("positions are limited or commanded but not observed: add the joints' positions")
            return None
        measured = np.asarray(positions, np.float64)
        if measured.shape != (self._size,) or not np.isfinite(measured).all():
            raise RcdError(f"the measured positions must be {self._size} finite values, got {measured.tolist()}")
        return measured

    def _first_knot(
        self, motion: Motion, begin: int, switch: int, position: NDArray[np.float64], velocity: NDArray[np.float64]
    ) -> int:
        """End (ns) of the first step: a whole number of periods after `begin` where the robot can still stop then.

        Close to a position limit it may not: the distance of a stop depends a little on when the periods
        begin. The old motion's next knot always serves.
        """
        period_end = begin + ((switch - begin) // self._period + 1) * self._period
        later = int(motion.times.searchsorted(switch, side="right"))
        if later == len(motion.times) or motion.times[later] == period_end:
            return period_end
        step = (period_end - switch) * 1e-9
        states = zip(self._brakes, position.tolist(), velocity.tolist(), strict=True)
        return period_end if all(brake.can_stop(p, v, step) for brake, p, v in states) else int(motion.times[later])

    def _able(self, position: NDArray[np.float64], velocity: NDArray[np.float64], step: float) -> list[Brake]:
        """The brakes to use: of a joint that cannot stop in time as hard as those it had before."""
        states = zip(self._brakes, self._used, position.tolist(), velocity.tolist(), strict=True)
        return [
            brake
            if used.acceleration <= brake.acceleration or brake.can_stop(p, v, step)
            else replace(brake, acceleration=used.acceleration)
            for brake, used, p, v in states
        ]

    def _goals(
        self, commands: NDArray[np.float64], first: float, count: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """What to reach at `count` knots, a period apart, the first one `first` periods after the plan's beginning.

        (count, n_cmd) velocities and None; or positions and the velocities at which they are passed.
        """
        if len(commands) < first:
            return np.zeros((count, self._size)), None
        # Commands stand at the ends of their periods; between these they are interpolated, before the first held.
        place = max(0.0, first - 1.0) + np.arange(count)
        below = np.minimum(place.astype(np.int64), len(commands) - 1)
        above = np.minimum(below + 1, len(commands) - 1)
        share = (place - below)[:, None]
        goals = commands[below] + share * (commands[above] - commands[below])
        if self._interface != "position":
            return goals, None
        padded = np.concatenate((commands[:1], commands, commands[-1:]))
        rates = (padded[2:] - padded[:-2]) / (2.0 * self._seconds)
        rates[[0, -1]] *= 2.0
        return goals, rates[below] + share * (rates[above] - rates[below])

    def _follow(
        self,
        goals: NDArray[np.float64],
        rates: NDArray[np.float64] | None,
        position: NDArray[np.float64],
        velocity: NDArray[np.float64],
        step: float,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positions and velocities (knots, n_cmd) along the goals and through the stop after them."""
        columns = zip(
            self._used,
            position.tolist(),
            velocity.tolist(),
            goals.T.tolist(),
            [None] * self._size if rates is None else rates.T.tolist(),
            strict=True,
        )
        followed = [brake.follow(p, v, goal, rate, step) for brake, p, v, goal, rate in columns]
        reached, speeds = np.array(followed).transpose(1, 2, 0)
        stop = self._stop(speeds[-1])
        before = np.concatenate((speeds[-1:], stop))[:-1]
        stopped = reached[-1] + np.cumsum(0.5 * self._seconds * (before + stop), axis=0)
        return np.concatenate((reached, stopped)), np.concatenate((speeds, stop))

    def _stop(self, velocity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Velocities (periods, n_cmd) at the ends of the periods of braking; no rows for a robot at rest."""
        speed, loss = np.abs(velocity), np.array([brake.acceleration * self._seconds for brake in self._used])
        periods = max(np.ceil((speed / loss).max() - 1e-9), np.sign(speed.max()))
        left = np.maximum(speed - np.arange(1.0, periods + 1.0)[:, None] * loss, 0.0)
        left[-1:] = 0.0
        return np.asarray(np.copysign(left, velocity))

    def _points(self, motion: Motion, times: NDArray[np.int64], stamp: int) -> TrajectoryPoints:
        sent, nothing = motion.at(times), np.empty((len(times), 0))
        if times[-1] >= motion.end + motion.average:
            sent.velocity[-1] = 0.0
        if self._interface == "effort":
            return TrajectoryPoints(times - stamp, nothing, nothing, sent.velocity)
        positions = sent.position if self._knows_positions else nothing
        return TrajectoryPoints(times - stamp, positions, sent.velocity, nothing)
