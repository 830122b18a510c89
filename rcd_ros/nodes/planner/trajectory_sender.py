"""Sends trajectories to the robot's controllers, and remembers what is commanded."""

from __future__ import annotations

from collections.abc import Callable

from rcd_ros.nodes.planner.trajectory_outputs import TrajectoryOutputs, Written
from rcd_ros.planning.execution.stream import CommandStream, StreamSettings
from rcd_ros.planning.execution.trajectory import ShapedPlan
from rcd_ros.planning.spec import TaskSpec

SHAPINGS = 3
"""How often a trajectory is shaped, at most, that is not ready before it takes over."""


class TrajectorySender:
    """The stream of a robot's trajectories, on its way to the controllers.

    Attributes:
        stream: makes trajectories of chunks.
        sent: the current trajectory; None: nothing is commanded.
        sent_at: moment (ns) from which it was due.
        after_lead: shaped spline trajectories that were sent after the moment at which they take over: a controller
            that interpolates jumps into them.
    """

    def __init__(
        self, spec: TaskSpec, settings: StreamSettings, outputs: TrajectoryOutputs, now: Callable[[], int]
    ) -> None:
        """Send nothing yet.

        Args:
            spec: of the task.
            settings: of the stream.
            outputs: where trajectories go.
            now: the node's clock, ns.

        Raises:
            RcdError: a setting cannot be used.
        """
        self.stream = CommandStream(spec, settings)
        self.sent: ShapedPlan | None = None
        self.sent_at = 0
        self.after_lead = 0
        self._outputs, self._now = outputs, now

    @property
    def end(self) -> int:
        """When (ns) the current trajectory ends; 0 where there is none."""
        return 0 if self.sent is None else self.sent.stamp + int(self.sent.points.time_from_start[-1])

    def change(self, settings: StreamSettings) -> None:
        """Go on under other settings, which have been checked."""
        self.stream = self.stream.changed(settings)

    def forget(self) -> None:
        """Nothing is commanded: the robot was put elsewhere, or the clock has begun from the start."""
        self.stream.reset()
        self._outputs.forget()
        self.sent, self.sent_at = None, 0

    def send(self, shape: Callable[[int], ShapedPlan], moment: int) -> list[Written]:
        """Publish what `shape` makes of the `moment` (ns) from which it is due; returns the messages.

        A controller that interpolates jumps into what comes after the moment at which it takes over. Its trajectories
        are shaped when the plan is there, and once more when even that, or a pause of the process, has taken too long.
        """
        settings = self.stream.settings
        interpolated, lead = settings.shape and settings.sampling == "spline", round(settings.lead * 1e9)
        left = SHAPINGS if interpolated and lead else 1
        while True:
            moment = max(moment, self._now()) if interpolated else moment
            sent, left = shape(moment), left - 1
            messages = self._outputs.write(sent)
            if left == 0 or self._now() - moment <= lead:
                break
            self.stream.withdraw()
        self._outputs.publish(messages)
        self.sent, self.sent_at = sent, moment
        self.after_lead += interpolated and self._now() - moment > lead
        return messages

    def send_rest(self, stamp: int) -> list[Written]:
        """Publish what remains of the current trajectory behind `stamp` (ns), if anything; returns the messages."""
        if self.sent is None:
            return []
        points = self.sent.points.since(stamp - self.sent.stamp)
        if not len(points.time_from_start):
            return []
        messages = self._outputs.write(ShapedPlan(stamp, points))
        self._outputs.publish(messages)
        return messages
