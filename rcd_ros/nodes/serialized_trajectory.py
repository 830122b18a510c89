"""Planned points straight into serialised joint trajectories, and out of them."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from rcd_ros.nodes.message_template import MessageTemplate, marks, read_stamp
from rcd_ros.nodes.messages import joint_trajectory
from rcd_ros.planning.trajectory import TrajectoryPoints
from rcd_ros.ros.messages import JointTrajectory
from rcd_ros.ros.raw import deserialize

_FIELDS = ("positions", "velocities", "accelerations", "effort")


class TrajectoryWriter:
    """Writes trajectories of one shape; one thread at a time may call it."""

    def __init__(self, names: tuple[str, ...], like: TrajectoryPoints) -> None:
        """Prepare for trajectories of the joints `names` whose points have the times and the shape of `like`."""
        self._template = _template(joint_trajectory(0, names, like))

    def write(self, stamp: int, points: TrajectoryPoints) -> bytes:
        """The serialised `trajectory_msgs/JointTrajectory` that starts at the observation's stamp (ns)."""
        numbers = np.concatenate((points.positions, points.velocities, points.efforts), axis=1)
        return self._template.write(stamp, numbers.ravel())


class TrajectoryReader:
    """Reads the numbers of serialised trajectories; quick as long as names, times and shape stay as they are."""

    def __init__(self) -> None:
        self._template: MessageTemplate | None = None

    def read(self, data: bytes) -> tuple[int, NDArray[np.float64]] | None:
        """Stamp (ns) and numbers of a message, point by point: positions, velocities, accelerations, efforts.

        None when it cannot be read, or is of a machine with the other byte order.
        """
        if self._template is None or not self._template.fits(data):
            message = deserialize(JointTrajectory, data)
            self._template = None if message is None else _template(message)
        if self._template is None or not self._template.fits(data):
            return None
        return read_stamp(data), self._template.read(data)


def _template(message: JointTrajectory) -> MessageTemplate:
    """The form of a message; the message is used up."""
    sizes = [len(getattr(point, field)) for point in message.points for field in _FIELDS]
    numbers, begin = array("d", marks(sum(sizes)).tobytes()), 0
    for point in message.points:
        for field in _FIELDS:
            end = begin + len(getattr(point, field))
            setattr(point, field, numbers[begin:end])
            begin = end
    return MessageTemplate(message, len(numbers))
