"""The sensor of `rcd bench loop`: publishes observations at a fixed rate and keeps their stamps."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from rcd_ros.errors import RcdError
from rcd_ros.nodes.bridge.scene_publisher import ScenePublisher
from rcd_ros.nodes.ros.cdr import write_stamp
from rcd_ros.nodes.ros.parameters import NodeParameters, parameter, read_parameters
from rcd_ros.nodes.ros.raw import serialize
from rcd_ros.nodes.ros.realtime import QuietCollector
from rcd_ros.nodes.ros.run import run_node
from rcd_ros.planning.checkpoint import verify
from rcd_ros.planning.manifest import Manifest

BEGUN, SENT = "begun", "sent.npy"
"""Files of the folder `output`: there once the measurement has begun; stamps (n,) of its observations, ns."""
QUEUE = 10
LOOK_EVERY_S = 0.1
PATIENCE_S = 300.0
"""How long a planner may take to come up: an engine may have to compile."""
GRACE_S = 1.0
"""How long the last trajectory is waited for."""
VECTORS = 64
NOISE = 0.1
"""Spread of the published values about the training data's mean, in standard deviations."""


class SensorParameters(NodeParameters):
    """What is published, and how often."""

    checkpoint: str = parameter("", "whose observations to publish", required="a checkpoint folder")
    output: str = parameter("", "folder for the stamps", required="a folder")
    rate: float = parameter(125.0, "observations a second", unit="Hz", above=0.0)
    periods: int = parameter(1000, "observations that count", minimum=1)
    warm_up: float = parameter(2.0, "before the first observation that counts", unit="s", minimum=0.0)


class LoopSensor(Node):
    """Waits for planner and receiver, publishes `warm_up` seconds that do not count, then the `periods` that do."""

    def __init__(self) -> None:
        """Prepare what is published.

        Raises:
            RcdError: a parameter or the checkpoint cannot be used.
        """
        super().__init__("loop_sensor")
        given = read_parameters(self, SensorParameters)
        self._output, self._rate = Path(given.output), given.rate
        manifest = verify(given.checkpoint)
        self._spec = manifest.task
        self._scene = ScenePublisher(self, manifest.task, QUEUE)
        # Drivers are not written in Python: the messages are serialised beforehand, their stamps are written in later.
        scenes = (self._scene.messages(0, vector) for vector in typical_observations(manifest))
        self._messages = [
            [(topic, bytearray(serialize(message)), hasattr(message, "header")) for topic, message in scene]
            for scene in scenes
        ]
        # Filled at once: a page that is first touched later costs time.
        self._sent = np.full(given.periods, -1, np.int64)
        self._number = -round(given.warm_up * self._rate)
        self._waited_s = 0.0
        self._collector = QuietCollector()
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self.create_timer(LOOK_EVERY_S, self._await_others, clock=self._steady)

    def destroy_node(self) -> None:
        """Keep the stamps, also when interrupted."""
        self._collector.release()
        np.save(self._output / SENT, self._sent[: max(self._number, 0)])
        super().destroy_node()

    def _await_others(self) -> None:
        trajectories = self.resolve_topic_name(self._spec.command.topic)
        ready = self.count_publishers(trajectories) and self.count_subscribers(trajectories)
        if ready and all(self.count_subscribers(topic) for topic in map(self.resolve_topic_name, self._scene.topics)):
            self.destroy_timer(self._timer)
            self._collector.freeze()
            # A timer keeps to its schedule however late a call is: the rate does not drift.
            self._timer = self.create_timer(1.0 / self._rate, self._tick, clock=self._steady)
            return
        self._waited_s += LOOK_EVERY_S
        if self._waited_s > PATIENCE_S:
            raise RcdError(f"no planner has come up within {PATIENCE_S:g} s: try a smaller one, or another engine")

    def _tick(self) -> None:
        if self._number >= len(self._sent):
            self.destroy_timer(self._timer)
            self._timer = self.create_timer(GRACE_S, self._end, clock=self._steady)
            return
        if self._number == 0:
            (self._output / BEGUN).touch()
        stamp = int(self.get_clock().now().nanoseconds)
        for topic, message, is_stamped in self._messages[self._number % VECTORS]:
            if is_stamped:
                write_stamp(message, stamp)
            self._scene.send([(topic, bytes(message))])
        if self._number >= 0:
            self._sent[self._number] = stamp
        self._number += 1

    def _end(self) -> None:
        raise SystemExit(0)


def typical_observations(manifest: Manifest) -> NDArray[np.float64]:
    """Observation vectors (VECTORS, columns) in the data set's columns, near the mean of the training data."""
    rng = np.random.default_rng(0)
    mean, std = (np.asarray(getattr(manifest.normalizer, f"observation_{name}")) for name in ("mean", "std"))
    values = mean + NOISE * std * rng.standard_normal((VECTORS, len(mean)))
    columns = manifest.task.observation_columns
    vectors = np.zeros((VECTORS, max(columns) + 1))
    vectors[:, columns] = values
    for channel in manifest.task.observations:
        if channel.kind == "body_pose":
            quaternion = list(channel.columns[3:])
            norms = np.linalg.norm(vectors[:, quaternion], axis=1, keepdims=True)
            vectors[:, quaternion] = np.where(
                norms > 0.5, vectors[:, quaternion] / np.maximum(norms, 0.5), [1, 0, 0, 0]
            )
    return vectors


def main(args: list[str] | None = None) -> int:
    """Entry point of the `loop_sensor_node` module."""
    return run_node(LoopSensor, args)


if __name__ == "__main__":
    sys.exit(main())
