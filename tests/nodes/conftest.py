"""Real node processes on loopback, in a ROS domain of their own for each test."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.nodes.ros.messages import nanoseconds
from tests.planning.tiny import write_tiny

PATIENCE = 60.0


class Process:
    """A node of ours in a process of its own."""

    def __init__(self, module: str, log: Path, parameters: dict[str, object]) -> None:
        self.log = log
        arguments = [item for name, value in parameters.items() for item in ("-p", f"{name}:={value}")]
        with log.open("w") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rcd_ros.nodes", module, "--ros-args", *arguments],
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def wait(self) -> int:
        """The exit code, when it ends by itself."""
        return self._process.wait(PATIENCE)

    def interrupt(self) -> int:
        """The exit code after SIGINT."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    @property
    def output(self) -> str:
        """What it has written so far."""
        return self.log.read_text()


@pytest.fixture
def start(domain: int, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start a node by its module's name with the given parameters."""
    processes: list[Process] = []

    def start(module: str, **parameters: object) -> Process:
        processes.append(Process(module, tmp_path / f"{module}-{len(processes)}.log", parameters))
        return processes[-1]

    yield start
    for process in processes:
        process.interrupt()


class Peer(Node):
    """The test's own node: it talks with the processes."""

    def __init__(self, name: str = "peer") -> None:
        super().__init__(name)
        self.received: dict[str, list[Any]] = {}

    def listen(self, message_type: object, *topics: str) -> None:
        """Collect what arrives on the topics."""
        for topic in topics:
            self.create_subscription(message_type, topic, self.received.setdefault(topic, []).append, 1000)

    def serve(self, seconds: float) -> None:
        """Wait so long for one callback: of this node, or of any of the nodes that its executor serves."""
        executor = self.executor
        if executor is not None and self in executor.get_nodes():  # rclpy's nodes do not forget one that they have left
            executor.spin_once(timeout_sec=seconds)
        else:
            rclpy.spin_once(self, timeout_sec=seconds)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Serve until the condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            self.serve(0.05)

    def call(self, kind: Any, service: str, **fields: object) -> Any:
        """The answer of a service, called by its full name."""
        client = self.create_client(kind, service)
        self.until(client.service_is_ready, service)
        future = client.call_async(kind.Request(**fields))
        self.until(future.done, f"the answer of {service}")
        self.destroy_client(client)
        return future.result()

    def status(self, task: str) -> dict[str, str]:
        """The newest diagnostics of a task ("node: task"), with its message under that name; empty before the first."""
        for message in reversed(self.received["diagnostics"]):
            for status in message.status:
                if status.name == task:
                    return {"message": status.message, **{value.key: value.value for value in status.values}}
        return {}

    def trajectories(self) -> dict[int, list[JointTrajectory]]:
        """Received trajectories by stamp (ns)."""
        found: dict[int, list[JointTrajectory]] = {}
        for message in self.received["joint_trajectory"]:
            found.setdefault(nanoseconds(message.header.stamp), []).append(message)
        return found


@pytest.fixture
def peer(domain: int, request: pytest.FixtureRequest) -> Iterator[Peer]:
    """A node in the test's own process, by the name that the test gives (`indirect`) or "peer"."""
    rclpy.init(args=[])
    node = Peer(getattr(request, "param", "peer"))
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The checkpoint of a tiny planner."""
    write_tiny(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def planner_scene(domain: int, tiny: Path) -> Iterator[Callable[..., Any]]:
    """Makes a planner node with the tiny checkpoint and these parameters, and its robot: see `PlannerScene`."""
    from tests.nodes.planner.planner_scene import PlannerScene

    scenes: list[PlannerScene] = []

    def make(*arguments: str, **options: Any) -> PlannerScene:
        scenes.append(PlannerScene(tiny, *arguments, **options))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.end()
    rclpy.try_shutdown()  # also where a scene could not be made
