"""Planned points straight into serialised joint trajectories."""

from __future__ import annotations

import numpy as np

from rcd_ros.nodes.message_template import MessageTemplate, marks
from rcd_ros.nodes.messages import joint_trajectory
from rcd_ros.planning.trajectory import TrajectoryPoints


class TrajectoryWriter:
    """Writes trajectories of one shape; one thread at a time may call it."""

    def __init__(self, names: tuple[str, ...], like: TrajectoryPoints) -> None:
        """Prepare for trajectories of the joints `names` whose points have the times and the shape of `like`."""
        fields = like.positions, like.velocities, like.efforts
        ends = np.cumsum([field.size for field in fields])
        parts = np.split(marks(int(ends[-1])), ends[:-1])
        marked = [part.reshape(field.shape) for part, field in zip(parts, fields, strict=True)]
        message = joint_trajectory(0, names, TrajectoryPoints(like.time_from_start, *marked))
        self._template = MessageTemplate(message, int(ends[-1]))

    def write(self, stamp: int, points: TrajectoryPoints) -> bytes:
        """The serialised `trajectory_msgs/JointTrajectory` that starts at the observation's stamp (ns)."""
        fields = points.positions, points.velocities, points.efforts
        return self._template.write(stamp, np.concatenate([field.ravel() for field in fields]))
