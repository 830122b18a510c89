"""Planned points straight into serialised joint trajectories, and out of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rcd_ros.nodes.message_template import MessageTemplate, duration_marks, marks, read_stamp
from rcd_ros.planning.trajectory import TrajectoryPoints
from rcd_ros.ros.messages import DurationMessage, Header, JointTrajectory, JointTrajectoryPoint
from rcd_ros.ros.raw import deserialize

_FIELDS = ("positions", "velocities", "accelerations", "effort")


class TrajectoryWriter:
    """Writes trajectories of some of the commanded joints; one thread at a time may call it.

    Plans differ in their number of points. The form of each number is made when it is first needed, or by `prepare`.
    """

    def __init__(self, joints: Sequence[str], columns: Sequence[int] | None = None) -> None:
        """Write the joints of these names; `columns` says where the points have them, None: these are all of them."""
        self._joints = list(joints)
        self._columns = None if columns is None else np.asarray(columns, np.intp)
        self._templates: dict[tuple[int, ...], MessageTemplate] = {}

    def prepare(self, like: TrajectoryPoints, counts: Iterable[int]) -> None:
        """Make the forms of trajectories of so many points, in which the same fields are filled as in `like`."""
        for count in counts:
            self._template((count, *_filled(like)))

    def write(self, stamp: int, points: TrajectoryPoints) -> bytes:
        """The serialised `trajectory_msgs/JointTrajectory` that starts at `stamp` (ns)."""
        fields = [points.positions, points.velocities, points.efforts]
        if self._columns is not None:
            fields = [field[:, self._columns] if field.shape[1] else field for field in fields]
        numbers = np.concatenate(fields, axis=1)
        template = self._template((len(numbers), *_filled(points)))
        return template.write(stamp, numbers.ravel(), points.time_from_start)

    def _template(self, form: tuple[int, ...]) -> MessageTemplate:
        template = self._templates.get(form)
        if template is None:
            template = self._templates[form] = self._make(*form)
        return template

    def _make(self, count: int, positions: int, velocities: int, efforts: int) -> MessageTemplate:
        size = len(self._joints)
        lengths = {"positions": positions * size, "velocities": velocities * size, "effort": efforts * size}
        points = [
            JointTrajectoryPoint(**{name: array("d", bytes(8 * length)) for name, length in lengths.items()})
            for _ in range(count)
        ]
        return _template(JointTrajectory(header=Header(), joint_names=self._joints, points=points))


class TrajectoryReader:
    """Reads the numbers of serialised trajectories; quick as long as they are of few forms."""

    _MOST_FORMS = 64

    def __init__(self) -> None:
        self._templates: dict[int, MessageTemplate] = {}

    def read(self, data: bytes) -> tuple[int, NDArray[np.float64]] | None:
        """Stamp (ns) and numbers of a message, point by point: positions, velocities, accelerations, efforts.

        None when it cannot be read, or is of a machine with the other byte order.
        """
        template = self._templates.get(len(data))
        if template is None or not template.fits(data):
            message = deserialize(JointTrajectory, data)
            if message is None:
                return None
            template = _template(message)
            if not template.fits(data):
                return None
            if len(self._templates) >= self._MOST_FORMS:
                self._templates.clear()
            self._templates[len(data)] = template
        return read_stamp(data), template.read(data)


def _filled(points: TrajectoryPoints) -> tuple[int, int, int]:
    """1 for each field that is filled, 0 for the others."""
    return (
        int(points.positions.shape[1] > 0),
        int(points.velocities.shape[1] > 0),
        int(points.efforts.shape[1] > 0),
    )


def _template(message: JointTrajectory) -> MessageTemplate:
    """The form of a message; the message is used up."""
    sizes = [len(getattr(point, field)) for point in message.points for field in _FIELDS]
    numbers, begin = array("d", marks(sum(sizes)).tobytes()), 0
    for point, (seconds, nanoseconds) in zip(message.points, duration_marks(len(message.points)), strict=True):
        for field in _FIELDS:
            end = begin + len(getattr(point, field))
            setattr(point, field, numbers[begin:end])
            begin = end
        point.time_from_start = DurationMessage(sec=seconds, nanosec=nanoseconds)
    return MessageTemplate(message, len(numbers), len(message.points))
