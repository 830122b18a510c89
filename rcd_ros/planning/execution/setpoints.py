"""Set points for controllers that take one set of numbers at a time: which set of a trajectory is sent when."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import CommandOutput
from rcd_ros.planning.execution.follower import TrajectoryFollower
from rcd_ros.planning.execution.received_plan import ReceivedPlan
from rcd_ros.planning.execution.trajectory import ShapedPlan
from rcd_ros.planning.spec import TaskSpec

_EARLY = 0.75
"""Control periods after the last set from which a new trajectory's first set is sent at once."""
_LATE = 1.25
"""Control periods after which the next set is sent although no new trajectory has arrived."""


class SetpointStream:
    """One set of values per control period, as the newest trajectory has them.

    A new trajectory's set is sent at once, unless the last set is younger than most of a control period. Where no new
    trajectory comes, the old one's next set is sent when it is due. After a trajectory's end nothing is sent:
    positions stay; velocities and efforts are set to zero once, since their controllers keep the last value.
    """

    def __init__(self, spec: TaskSpec, output: CommandOutput) -> None:
        """Send the joints of `output` on behalf of the task `spec`.

        Raises:
            RcdError: the task plans states, which one set of numbers cannot hold.
        """
        channel = spec.command
        if channel.interface == "state":
            raise RcdError(f"'{output.topic}' takes one set of numbers, states are two: use a JointTrajectory")
        part = channel.part(output.joints)
        self._interface = channel.interface
        self._period = round(spec.control_period * 1e9)
        self._columns = [channel.joints.index(joint) for joint in output.joints]
        self._names = output.joints
        self._scale = np.asarray(output.topic_scale or (1.0,) * part.size)
        self._offset = np.asarray(output.topic_offset or (0.0,) * part.size)
        self._stays = np.array(part.stays)
        self._follower = TrajectoryFollower(part, self._period)
        self._values = np.zeros(part.size)
        self.forget()

    def forget(self) -> None:
        """Discards what is to be sent, e.g. after the robot was moved by a reset."""
        self._follower.reset()
        self._waiting: ShapedPlan | None = None
        self._stamp: int | None = None
        self._sent_at: int | None = None
        self._pause = _LATE

    def follow(self, plan: ShapedPlan, now: int) -> NDArray[np.float64] | None:
        """Take a trajectory at `now` (ns): what to send at once (k,), in the topic's unit; None: nothing yet.

        A trajectory that comes again is one that was missed: its set is sent again.
        """
        again = plan.stamp == self._stamp
        self._stamp = plan.stamp
        if plan.stamp > now:
            self._waiting = plan
            return None
        self._take(plan, now)
        return self._due(now, _LATE) if again or self._passed(now) >= _EARLY else None

    def tick(self, now: int) -> NDArray[np.float64] | None:
        """What to send at `now` (ns), as of `follow`; to be called several times in a control period."""
        waiting = self._waiting
        if waiting is not None and waiting.stamp <= now:
            self._take(waiting, now)
            if self._passed(now) >= _EARLY:
                return self._due(now, _LATE)
        return self._due(now, 1.0) if self._passed(now) >= self._pause else None

    def rest(self) -> NDArray[np.float64] | None:
        """The last set to send before the node stops sending; None: nothing has to be sent."""
        moving = not self._stays.all() and bool((self._values != 0.0).any())
        self.forget()
        self._values = np.zeros(len(self._names))
        return self._numbers(self._values) if moving else None

    def _take(self, plan: ShapedPlan, now: int) -> None:
        self._waiting = None
        points = plan.points
        slopes = points.velocities if self._interface == "position" and points.velocities.size else None
        self._follower.accept(
            ReceivedPlan(
                self._names,
                plan.stamp,
                points.time_from_start,
                points.commands(self._interface)[:, self._columns],
                None if slopes is None else slopes[:, self._columns].tolist(),
            ),
            now,
        )

    def _passed(self, now: int) -> float:
        """Control periods since the last set; a clock that has gone back counts for many."""
        if self._sent_at is None or now < self._sent_at:
            return math.inf
        return (now - self._sent_at) / self._period

    def _due(self, now: int, pause: float) -> NDArray[np.float64] | None:
        due = self._follower.due(now)
        if due is None:
            if self._stays.all() or not (self._values != 0.0).any():
                return None
            values = np.zeros(len(self._names))
        else:
            values = due.command
        self._sent_at, self._values, self._pause = now, values, pause
        return self._numbers(values)

    def _numbers(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        numbers: NDArray[np.float64] = (values - self._offset) / self._scale
        return numbers
