"""The receiver of `rcd bench loop`: keeps when each trajectory arrived, and the planner's diagnostics."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.benchmarks.loop.results import Said
from rcd_ros.nodes.planner.report import PlannerReport
from rcd_ros.nodes.planner.serialized_trajectory import TrajectoryReader
from rcd_ros.nodes.ros.listener import Listener
from rcd_ros.nodes.ros.parameters import NodeParameters, parameter, read_parameters
from rcd_ros.nodes.ros.realtime import QuietCollector
from rcd_ros.nodes.ros.run import run_node
from rcd_ros.outputs import write_json

RECEIVED, DIAGNOSTICS = "received.npy", "diagnostics.json"
"""Files of the folder `output`: (n, 2) stamps and arrivals of trajectories, ns; what the planner said of itself."""
QUEUE = 100


class ReceiverParameters(NodeParameters):
    """What is received, and how much of it is kept."""

    topic: str = parameter("joint_trajectory", "where trajectories come from")
    output: str = parameter("", "folder for the arrivals", required="a folder")
    capacity: int = parameter(10_000, "trajectories kept at most", minimum=1)


class LoopReceiver(Node):
    """Takes every trajectory; its memory is all there from the start."""

    def __init__(self) -> None:
        """Listen.

        Raises:
            RcdError: a parameter cannot be used.
        """
        super().__init__("loop_receiver")
        given = read_parameters(self, ReceiverParameters)
        self._output = Path(given.output)
        self._received = np.full((given.capacity, 2), -1, np.int64)
        self._taken = 0
        self._said: dict[str, str] = {}
        self._report: PlannerReport | None = None
        self._reader = TrajectoryReader()
        self._listener = Listener(self)
        self._listener.subscribe(JointTrajectory, given.topic, self._on_trajectory, QUEUE)
        self._listener.start()
        self.create_subscription(DiagnosticArray, "diagnostics", self._on_diagnostics, QUEUE)
        self._collector = QuietCollector()
        self._collector.freeze()

    def destroy_node(self) -> None:
        """Keep what has arrived, also when interrupted."""
        self._listener.close()
        self._collector.release()
        np.save(self._output / RECEIVED, self._received[: self._taken])
        write_json(self._output / DIAGNOSTICS, Said(planner=self._report, diagnostics=self._said).as_json())
        super().destroy_node()

    def _on_trajectory(self, data: bytes) -> None:
        trajectory = self._reader.read(data)
        arrival = time.time_ns()  # now a controller would have its numbers
        if trajectory is not None and self._taken < len(self._received):
            self._received[self._taken] = trajectory[0], arrival
            self._taken += 1

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        report = PlannerReport.from_message(message)
        if report is not None:
            self._report = report
            self._said = {entry.key: entry.value for status in message.status for entry in status.values}


def main(args: list[str] | None = None) -> int:
    """Entry point of the `loop_receiver_node` module."""
    return run_node(LoopReceiver, args)


if __name__ == "__main__":
    sys.exit(main())
