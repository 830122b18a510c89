"""Planned points straight into serialised joint trajectories, and out of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from rcd_ros.nodes.ros.cdr import MessageForm, read_stamp
from rcd_ros.planning.channels import CommandOutput, Interface
from rcd_ros.planning.execution.trajectory import TrajectoryPoints

_OFFSET_IN: dict[Interface, int] = {"position": 0, "state": 0, "velocity": 1, "effort": 2}
"""Which of positions, velocities and efforts a command's offset belongs to."""


@dataclass(frozen=True)
class Units:
    """A controller's unit: command = `scale` * number + offset; `offsets` are those of its fields.

    Attributes:
        scale: (k,).
        offsets: (3, k) of positions, velocities and efforts: only what is commanded has one.
    """

    scale: NDArray[np.float64]
    offsets: NDArray[np.float64]

    @classmethod
    def of(cls, output: CommandOutput, interface: Interface) -> Units | None:
        """The unit of a controller; None where it is the planner's."""
        if not output.topic_scale and not output.topic_offset:
            return None
        size = len(output.joints)
        offsets = np.zeros((3, size))
        offsets[_OFFSET_IN[interface]] = output.topic_offset or 0.0
        return cls(np.asarray(output.topic_scale or (1.0,) * size), offsets)

    def numbers(self, fields: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        """Positions, velocities and efforts (points, k) each, or empty, in the controller's unit."""
        return [
            (field - offset) / self.scale if field.shape[1] else field
            for field, offset in zip(fields, self.offsets, strict=True)
        ]


class TrajectoryWriter:
    """Writes trajectories of some of the commanded joints; one thread at a time may call it.

    Plans differ in their number of points. The form of each number is made when it is first needed, or by `prepare`.
    """

    def __init__(self, joints: Sequence[str], columns: Sequence[int] | None = None, units: Units | None = None) -> None:
        """Write trajectories for one controller.

        Args:
            joints: what the controller calls its joints.
            columns: where the points have them; None: these are all of them.
            units: of the controller; None: the points'.
        """
        self._joints = list(joints)
        self._units = units
        self._columns = None if columns is None else np.asarray(columns, np.intp)
        self._forms: dict[tuple[int, ...], MessageForm] = {}

    def prepare(self, like: TrajectoryPoints, counts: Iterable[int]) -> None:
        """Make the forms of trajectories of so many points, in which the same fields are filled as in `like`."""
        for count in counts:
            self._form((count, *_filled(like)))

    def write(self, stamp: int, points: TrajectoryPoints) -> bytes:
        """The serialised `trajectory_msgs/JointTrajectory` that starts at `stamp` (ns)."""
        fields = [points.positions, points.velocities, points.efforts]
        if self._columns is not None:
            fields = [field[:, self._columns] if field.shape[1] else field for field in fields]
        if self._units is not None:
            fields = self._units.numbers(fields)
        numbers = np.concatenate(fields, axis=1)
        form = self._form((len(numbers), *_filled(points)))
        return form.write(stamp, numbers.ravel(), points.time_from_start)

    def _form(self, shape: tuple[int, ...]) -> MessageForm:
        form = self._forms.get(shape)
        if form is None:
            form = self._forms[shape] = self._make(*shape)
        return form

    def _make(self, count: int, positions: int, velocities: int, efforts: int) -> MessageForm:
        size = len(self._joints)
        lengths = {"positions": positions * size, "velocities": velocities * size, "effort": efforts * size}
        points = [
            JointTrajectoryPoint(**{name: array("d", bytes(8 * length)) for name, length in lengths.items()})
            for _ in range(count)
        ]
        return MessageForm.of(JointTrajectory(header=Header(), joint_names=self._joints, points=points))


class TrajectoryReader:
    """Reads the numbers of serialised trajectories; quick as long as they are of few forms."""

    _MOST_FORMS = 64

    def __init__(self) -> None:
        self._forms: dict[int, MessageForm] = {}

    def read(self, data: bytes) -> tuple[int, NDArray[np.float64]] | None:
        """Stamp (ns) and numbers of a message, point by point: positions, velocities, accelerations, efforts.

        None when it is no trajectory in plain CDR version 1.
        """
        form = self._forms.get(len(data))
        if form is None or not form.fits(data):
            try:
                form = MessageForm(JointTrajectory, data)
            except ValueError:
                return None
            if len(self._forms) >= self._MOST_FORMS:
                self._forms.clear()
            self._forms[len(data)] = form
        return read_stamp(data), form.read(data)


def _filled(points: TrajectoryPoints) -> tuple[int, int, int]:
    """1 for each field that is filled, 0 for the others."""
    return (
        int(points.positions.shape[1] > 0),
        int(points.velocities.shape[1] > 0),
        int(points.efforts.shape[1] > 0),
    )
