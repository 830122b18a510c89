"""Sends sets of values, one a control period, on a topic whose controller takes nothing else."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, Header

from rcd_ros.nodes.ros.messages import time_message
from rcd_ros.planning.channels import CommandOutput
from rcd_ros.planning.execution.setpoints import SetpointStream
from rcd_ros.planning.execution.trajectory import ShapedPlan, TrajectoryPoints
from rcd_ros.planning.spec import TaskSpec

if TYPE_CHECKING:
    from rclpy.type_support import Msg

SETPOINT_TYPES: dict[str, type[Msg]] = {"Float64MultiArray": Float64MultiArray, "JointState": JointState}
"""Messages that have one set of values."""
_FIELDS = {"position": "position", "velocity": "velocity", "effort": "effort"}


class SetpointOutput:
    """One controller's sets; the planning thread brings trajectories, a timer calls `tick`."""

    def __init__(
        self, spec: TaskSpec, output: CommandOutput, publish: Callable[[Msg], None], now: Callable[[], int]
    ) -> None:
        """Publish by `publish`; `now` is the node's clock, ns.

        Raises:
            RcdError: the task plans states.
        """
        self._stream = SetpointStream(spec, output)
        self._output, self._field = output, _FIELDS[spec.command.interface]
        self._publish, self._now = publish, now
        self._access = threading.Lock()

    def prepare(self, like: TrajectoryPoints, counts: range) -> None:
        """There is nothing to be made ready."""

    def write(self, plan: ShapedPlan) -> ShapedPlan:
        """What `publish` takes."""
        return plan

    def publish(self, written: ShapedPlan) -> None:
        """Follow a trajectory from now on."""
        with self._access:
            self._send(self._stream.follow(written, self._now()))

    def tick(self) -> None:
        """Send what is due."""
        with self._access:
            self._send(self._stream.tick(self._now()))

    def forget(self) -> None:
        """Send nothing more of the current trajectory."""
        with self._access:
            self._stream.forget()

    def close(self) -> None:
        """Leave velocities and efforts at zero."""
        with self._access:
            self._send(self._stream.rest())

    def _send(self, numbers: NDArray[np.float64] | None) -> None:
        if numbers is None:
            return
        values = array("d", numbers.tobytes())
        if self._output.message == "Float64MultiArray":
            self._publish(Float64MultiArray(data=values))
            return
        message = JointState(header=Header(stamp=time_message(self._now())), name=list(self._output.topic_names))
        setattr(message, self._field, values)
        self._publish(message)
