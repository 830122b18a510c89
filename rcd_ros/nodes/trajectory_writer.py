"""Joint trajectories as serialised messages, made in microseconds.

From plan to plan only the stamp and the numbers of a trajectory differ. So one message is serialised the ordinary way,
with numbers that tell where they ended up, and each plan is written into those places of a copy. To build, check and
serialise hundreds of numbers as Python objects takes as long as a small network takes to plan them.
"""

from __future__ import annotations

import struct

import numpy as np

from rcd_ros.nodes.messages import joint_trajectory
from rcd_ros.planning.trajectory import TrajectoryPoints
from rcd_ros.ros.raw import serialize

_HEADER = 4
"""Bytes of the encapsulation header: two for the representation, two for its options; numbers are aligned behind it."""
_MARK = -1.0e300
"""No number of a message's own looks like this or its multiples."""


class TrajectoryWriter:
    """Writes trajectories of one shape; one thread at a time may call it."""

    def __init__(self, names: tuple[str, ...], like: TrajectoryPoints) -> None:
        """Prepare for trajectories of the joints `names` whose points have the times and the shape of `like`."""
        shapes = [like.positions.shape, like.velocities.shape, like.efforts.shape]
        ends = np.cumsum([0] + [rows * columns for rows, columns in shapes])
        marks = _MARK * (1.0 + 1e-6 * np.arange(ends[-1]))
        fields = [marks[a:b].reshape(shape) for a, b, shape in zip(ends[:-1], ends[1:], shapes, strict=True)]
        data = serialize(joint_trajectory(0, names, TrajectoryPoints(like.time_from_start, *fields)))
        self._data = bytearray(data)
        count = (len(data) - _HEADER) // 8
        self._numbers = np.frombuffer(self._data, f"{_byte_order(data)}f8", count, _HEADER)
        found = {value: place for place, value in enumerate(self._numbers.tolist())}
        self._places = [np.array([found[m] for m in field.ravel().tolist()], np.intp) for field in fields]

    def write(self, stamp: int, points: TrajectoryPoints) -> bytes:
        """The serialised `trajectory_msgs/JointTrajectory` that starts at the observation's stamp (ns)."""
        values = (points.positions, points.velocities, points.efforts)
        for places, field in zip(self._places, values, strict=True):
            self._numbers[places] = field.ravel()
        write_stamp(self._data, stamp)
        return bytes(self._data)


def write_stamp(data: bytearray, stamp: int) -> None:
    """Give a serialised message that begins with a `std_msgs/Header` another stamp (ns)."""
    struct.pack_into(f"{_byte_order(data)}iI", data, _HEADER, *divmod(stamp, 1_000_000_000))


def _byte_order(data: bytes | bytearray) -> str:
    return "<" if data[1] & 1 else ">"
