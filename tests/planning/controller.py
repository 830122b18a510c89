"""What ros2_control's joint_trajectory_controller makes of the trajectories that it is sent, in a few lines.

Between points with positions and velocities it interpolates by cubics, and comes to the first one from what it
commanded last (`interpolate_from_desired_state`); behind the last one it stands still. Read in ros2_controllers'
sources of 2026-08: joint_trajectory_controller.cpp (`update`, `blend_with_active_trajectory`), trajectory.cpp
(`sample`). The genuine controllers of Jazzy (4.42.1), Kilted (5.17.0) and master (6.9.0) were given the trajectories of
`test_stream.replan_in_motion` in the same cycles, with either value of both parameters, with late and lost
trajectories: the commands of all cycles agree within 1e-15 rad and 1e-12 rad/s (2026-11-29).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rcd_ros.planning.execution.trajectory import ShapedPlan


@dataclass
class Controller:
    """Times (knots,) in ns, positions and velocities (knots, n_cmd) of what is commanded since the last arrival.

    `splices` is its parameter `allow_trajectory_replacement`: without it a trajectory replaces the running one when it
    arrives, and its times count from its stamp; with it the running one goes on until the stamp, if that is still to
    come, and times count from there or from the arrival.

    `desired` is its parameter `interpolate_from_desired_state`: a trajectory whose first point is still to come is
    entered from what was commanded last, without it from where the robot is, which is here what is commanded.

    `ahead` is the update period (ns) of controllers since ros2_controllers #1306 (2024-11; Jazzy, Kilted and newer): in
    each cycle they command the state one period ahead, and keep it with the time of the cycle, which is a period too
    early. The next trajectory is entered from there. 0: a controller from before.
    """

    times: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray
    splices: bool
    ahead: int = 0
    desired: bool = True
    commands: list[np.ndarray] = field(default_factory=list)
    """Positions and velocities (2, n_cmd) commanded in each cycle so far, with `ahead`."""
    cycle: int = 0
    """Time (ns) of the next cycle, with `ahead`."""
    waiting: ShapedPlan | None = None
    """What has arrived since the last cycle, with `ahead`: of several the newest."""

    @classmethod
    def at(cls, time: int, position: np.ndarray, splices: bool, ahead: int = 0, desired: bool = True) -> Controller:
        """One at rest."""
        rest = np.zeros((1, len(position)))
        return cls(np.array([time]), position[None].copy(), rest, splices, ahead, desired, cycle=time)

    def receive(self, plan: ShapedPlan, time: int) -> None:
        """Take a trajectory that arrives at `time` (ns)."""
        if self.ahead:
            self.run(time)
            self.waiting = plan
        else:
            self._enter(plan, time)

    def run(self, until: int) -> None:
        """Command in each cycle before `until` (ns)."""
        cycles = np.arange(self.cycle, until, self.ahead)
        if len(cycles):
            if self.waiting is not None:
                self._enter(self.waiting, self.cycle)
                self.waiting = None
            self.commands.extend(np.stack(self.state(cycles + self.ahead), axis=1))
            self.cycle = int(cycles[-1]) + self.ahead

    def _enter(self, plan: ShapedPlan, time: int) -> None:
        splices = self.splices and len(self.times) > 1  # one that only holds is replaced
        begin = max(plan.stamp, time) if splices else plan.stamp
        points = begin + plan.points.time_from_start
        kept, seen = np.array([time - self.ahead if self.desired else time]), np.array([time])
        if splices:
            # The old knots are counted from the cycle before, so they come one period later than they should.
            running = self.times[(self.times > time - self.ahead) & (self.times < begin - self.ahead)]
            kept = np.concatenate((kept, running + self.ahead, [begin]))
            seen = np.concatenate((seen, running, [begin - self.ahead]))
        entered = (kept < points[0]) & (np.diff(kept, append=points[0]) > 0)
        positions, velocities = self.state(seen[entered])
        self.times = np.concatenate((kept[entered], points))
        self.positions = np.concatenate((positions, plan.points.positions))
        self.velocities = np.concatenate((velocities, plan.points.velocities))

    @property
    def largest_steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Largest change (n_cmd,) from one cycle to the next: of commanded velocity, and of commanded motion.

        The first is what a velocity interface is given (rad/s). The second is that of the differences of positions
        over a period, which is what a position interface makes the joint do (rad/s).
        """
        commands = np.array(self.commands)
        moved = np.diff(commands[:, 0], axis=0) / (self.ahead * 1e-9)
        return (
            np.abs(np.diff(commands[:, 1], axis=0)).max(axis=0),
            np.abs(np.diff(moved, axis=0)).max(axis=0),
        )

    def state(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions and velocities (m, n_cmd) commanded at `times` (m,) ns."""
        k = (np.searchsorted(self.times, times, side="right") - 1).clip(0)
        step, slopes, jerks = self._segments()
        rest = np.zeros((1, self.positions.shape[1]))
        slopes, jerks = np.vstack((slopes, rest)), np.vstack((jerks, rest))
        s = (times - self.times[k])[:, None] * 1e-9
        moving = (k < len(step))[:, None]
        v = np.where(moving, self.velocities[k], 0.0)
        return (
            self.positions[k] + s * (v + s * (slopes[k] / 2 + s * jerks[k] / 6)),
            v + s * (slopes[k] + s * jerks[k] / 2),
        )

    def _segments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        step = np.diff(self.times)[:, None] * 1e-9
        mean = np.diff(self.positions, axis=0) / step
        v0, v1 = self.velocities[:-1], self.velocities[1:]
        return step, (6 * mean - 4 * v0 - 2 * v1) / step, 6 * (v0 + v1 - 2 * mean) / step**2

    def extremes(self, until: int) -> tuple[np.ndarray, np.ndarray]:
        """Largest acceleration and jerk (n_cmd,) commanded until `until` (ns).

        Segments of less than 50 us are left out: their second differences drown in rounding.
        """
        step, slopes, jerks = self._segments()
        seen = (self.times[:-1] < until) & (step[:, 0] > 5e-5)
        if not seen.any():
            return np.zeros(self.positions.shape[1]), np.zeros(self.positions.shape[1])
        ends = np.minimum(step, (until - self.times[:-1])[:, None] * 1e-9)
        slopes, jerks, ends = slopes[seen], jerks[seen], ends[seen]
        accelerations = np.maximum(np.abs(slopes), np.abs(slopes + ends * jerks))
        return accelerations.max(axis=0), np.abs(jerks).max(axis=0)
