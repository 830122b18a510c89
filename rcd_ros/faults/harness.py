"""The harness of the fault campaign: planner and simulated robot as processes, a proxy between them, a probe."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rclpy import init, try_shutdown
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from std_srvs.srv import Trigger
from typing_extensions import Self

from rcd_ros.faults.logs import Logs
from rcd_ros.faults.probe import Probe
from rcd_ros.faults.proxy import PLANNER, ROBOT, Proxy
from rcd_ros.launching.node_process import OWN_CLOCK, NodeProcess
from rcd_ros.launching.processes import Processes
from rcd_ros.nodes.ros.free_domain import free_domain
from rcd_ros.nodes.ros.installation import LOCAL_DISCOVERY
from rcd_ros.planning.spec import TaskSpec

NAMESPACE = "rcd_faults"
"""Besides its own ROS domain: no message of the campaign may reach a robot."""
PATIENCE_S = 60.0
"""How long nodes may take to come up, or to answer, on a busy machine."""
END_PATIENCE_S = 10.0
"""How long a node may take to end after SIGINT."""
EPISODE_STEPS = 10_000
PLANNER_NODE = "planner"


@dataclass(frozen=True)
class HarnessSettings:
    """What the campaign runs.

    Attributes:
        checkpoint: of the planner.
        spec: of the task that it was trained for.
        bridge: executable that simulates the task.
        speed: simulated seconds a second.
        engine: of the planner.
        shape: whether the planner shapes its trajectories within the motion limits.
        bridge_options: parameters of the bridge that say what to simulate.
    """

    checkpoint: Path
    spec: TaskSpec
    bridge: str
    speed: float = 2.0
    engine: str = "onnxruntime"
    shape: bool = True
    bridge_options: Mapping[str, object] = field(default_factory=dict)


class Harness:
    """Starts the nodes and lets faults act on them; a context manager that leaves no process behind.

    Everything runs in one thread: the proxy passes messages on, and the probe sees them, during `wait` and `sleep`.

    Attributes:
        settings: what runs.
        spec: of the task.
        folder: of logs, and of files that faults need.
        bridge_name: node and process of the simulated robot.
        answers: of services to the requests of the running fault.
        processes: all that run.
        logs: what they write.
        proxy: between robot and planner.
        probe: what was planned, executed, measured and reported.
    """

    def __init__(self, settings: HarnessSettings, folder: Path) -> None:
        """Prepare; nothing runs before the `with` statement."""
        self.settings = settings
        self.folder = folder
        self.spec = settings.spec
        self.bridge_name = f"{settings.spec.name}_bridge"
        self.answers: list[str] = []
        self.logs = Logs(folder)
        self._clients: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.domain = free_domain()
        os.environ.update(LOCAL_DISCOVERY)
        init(args=["--ros-args", "-r", f"__ns:=/{NAMESPACE}"], domain_id=self.domain)
        self.processes = Processes({"ROS_DOMAIN_ID": str(self.domain), **LOCAL_DISCOVERY})
        self.proxy = Proxy("faults", self.spec)
        self.probe = Probe(
            self.proxy,
            self.spec,
            planned=f"{PLANNER}/{self.spec.command.topic}",
            measured=f"{ROBOT}/{self.spec.observations[0].topic}",
            executed=f"{self.bridge_name}/command",
        )
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.proxy)
        return self

    def __exit__(self, *_: object) -> None:
        self.end(*self.processes.names())
        self._executor.shutdown()
        self.proxy.destroy_node()
        try_shutdown()

    def planner(
        self, name: str = PLANNER_NODE, parameters: Mapping[str, object] | None = None, behind_proxy: bool = True
    ) -> NodeProcess:
        """A planner, whose trajectories reach the robot through the proxy or directly.

        Args:
            name: of the node.
            parameters: that differ from the usual ones.
            behind_proxy: whether the proxy passes its trajectories on.
        """
        usual = {
            "checkpoint": str(self.settings.checkpoint),
            "engine": self.settings.engine,
            "use_sim_time": True,
            "shape": self.settings.shape,
            "anchor": "measured" if self.spec.command.interface == "velocity" else "commanded",
        }
        return NodeProcess(
            "planner_node",
            name,
            {**usual, **(parameters or {})},
            namespace=NAMESPACE,
            remappings=(OWN_CLOCK, *(self.proxy.planner_remappings() if behind_proxy else ())),
        )

    def bridge(self, name: str = "") -> NodeProcess:
        """A simulated robot behind the proxy."""
        parameters = {
            "mode": "realtime",
            "speed": self.settings.speed,
            "episodes": 0,
            "episode_steps": EPISODE_STEPS,
            "plan_timeout": PATIENCE_S,
            "enforce_command_limits": True,
            **self.settings.bridge_options,
        }
        return NodeProcess(
            self.settings.bridge,
            name or self.bridge_name,
            parameters,
            namespace=NAMESPACE,
            remappings=self.proxy.robot_remappings(),
        )

    def start(self, node: NodeProcess) -> None:
        """Start a node, after the end of one of its name."""
        if node.name in self.processes.names():
            self.end(node.name)
        with self.logs.file(node.name).open("ab") as log:
            self.processes.start(node.name, node.command(), log)

    def end(self, *names: str) -> None:
        """End nodes and forget them."""
        if names:
            escalation = (signal.SIGINT, signal.SIGKILL)
            self.processes.end(*names, patience=END_PATIENCE_S, escalation=escalation)
            self.processes.forget(*names)

    def set_up(self) -> bool:
        """Start planner and robot where they do not run; whether the robot follows the planner then."""
        for node in (self.planner(), self.bridge()):
            if self.processes.process_id(node.name) is None:
                self.start(node)
        return self.wait(self.probe.follows, PATIENCE_S)

    def end_guests(self) -> None:
        """End all processes but the planner and its robot."""
        self.end(*(name for name in self.processes.names() if name not in (PLANNER_NODE, self.bridge_name)))

    def tear_down(self) -> None:
        """End all processes: the next `set_up` starts new ones."""
        self.proxy.clear()
        self.end(*self.processes.names())

    def wait(self, condition: Callable[[], object], patience: float = PATIENCE_S) -> bool:
        """Handle messages until the condition holds; False when it does not within `patience` seconds.

        Raises:
            KeyboardInterrupt: a signal asked this process to end.
        """
        deadline = time.monotonic() + patience
        while not condition():
            remaining = deadline - time.monotonic()
            if remaining <= 0.0:
                return False
            try:
                self._executor.spin_once(timeout_sec=min(remaining, 0.05))
            except ExternalShutdownException:
                raise KeyboardInterrupt from None
        return True

    def sleep(self, seconds: float) -> None:
        """Handle messages for `seconds`."""
        self.wait(lambda: False, seconds)

    def call(self, kind: Any, service: str, **fields: object) -> Any:
        """Call a service of the campaign's nodes; its response, None when there is no such service or no answer.

        Clients are kept: to destroy one takes DDS a second while it waits for a server that was killed, and no message
        would be passed on meanwhile.
        """
        if service not in self._clients:
            self._clients[service] = self.proxy.create_client(kind, service)
        client = self._clients[service]
        if not self.wait(client.service_is_ready, 5.0):
            return None
        future = client.call_async(kind.Request(**fields))
        return future.result() if self.wait(future.done, PATIENCE_S) else None

    def reset_robot(self) -> None:
        """Restart the robot's episode, so that the robot moves."""
        self.call(Trigger, f"{self.bridge_name}/reset")
