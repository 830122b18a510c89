"""Where faults happen: a planner and a simulated robot as processes of their own, a wire between them, a witness."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rclpy import init, try_shutdown
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory
from typing_extensions import Self

from rcd_ros.faults.processes import Processes
from rcd_ros.faults.wire import PLANNER, ROBOT, Wire
from rcd_ros.faults.witness import Witness
from rcd_ros.launching.bringup import OWN_CLOCK, NodeProcess
from rcd_ros.nodes.ros.free_domain import free_domain
from rcd_ros.nodes.ros.installation import LOCAL_DISCOVERY
from rcd_ros.planning.spec import TaskSpec

NAMESPACE = "rcd_faults"
"""With a ROS domain of its own besides: nothing of this may reach a robot."""
PATIENCE_S = 60.0
"""How long nodes may take to come up, or to answer, on a busy machine."""
EPISODE_STEPS = 10_000
PLANNER_NODE = "planner"


@dataclass(frozen=True)
class StageSettings:
    """What to put on the stage.

    Attributes:
        checkpoint: of the planner.
        spec: of the task that it was made for.
        bridge: executable that simulates the task.
        speed: how much faster than life the simulated world runs.
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
    bridge_options: Mapping[str, Any] = field(default_factory=dict)


class Stage:
    """Starts the nodes and lets faults act on them; a context manager that leaves no process behind.

    All happens in one thread: messages are passed on and seen while `wait` or `sleep` run.
    """

    def __init__(self, settings: StageSettings, folder: Path) -> None:
        """Prepare; logs and what faults need go into `folder`."""
        self.settings = settings
        self.folder = folder
        self.spec = settings.spec
        self.bridge_name = f"{settings.spec.name}_bridge"
        self.answers: list[str] = []
        """What services answered to the running fault."""
        self._clients: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self.domain = free_domain()
        os.environ.update(LOCAL_DISCOVERY)
        init(args=["--ros-args", "-r", f"__ns:=/{NAMESPACE}"], domain_id=self.domain)
        self.processes = Processes(self.folder, {"ROS_DOMAIN_ID": str(self.domain), **LOCAL_DISCOVERY})
        self.wire = Wire("faults", self.spec)
        self.witness = Witness(
            self.wire,
            self.spec,
            planned=f"{PLANNER}/{self.spec.command.topic}",
            measured=f"{ROBOT}/{self.spec.observations[0].topic}",
            executed=f"{self.bridge_name}/command",
        )
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.wire)
        return self

    def __exit__(self, *_: object) -> None:
        self.processes.end_all()
        self._executor.shutdown()
        self.wire.destroy_node()
        try_shutdown()

    def planner(self, name: str = PLANNER_NODE, on_wire: bool = True, **parameters: Any) -> NodeProcess:
        """A planner on the wire, or one that reaches the robot beside it; `parameters` differ from the usual ones."""
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
            usual | parameters,
            namespace=NAMESPACE,
            remappings=(OWN_CLOCK, *(self.wire.planner_remappings() if on_wire else ())),
        )

    def bridge(self, name: str = "", **parameters: Any) -> NodeProcess:
        """A simulated robot on the wire."""
        usual = {
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
            usual | parameters,
            namespace=NAMESPACE,
            remappings=self.wire.robot_remappings(),
        )

    def start(self, node: NodeProcess) -> None:
        """Start a node, see `Processes.start`."""
        self.processes.start(node)

    def set_up(self) -> bool:
        """Start planner and robot where they do not run; whether the robot follows the planner then."""
        for node in (self.planner(), self.bridge()):
            if node.name not in self.processes.names() or self.processes.exit_code(node.name) is not None:
                self.start(node)
        return self.wait(self.witness.follows, PATIENCE_S)

    def end_guests(self) -> None:
        """End all processes but the planner and its robot."""
        for name in self.processes.names():
            if name not in (PLANNER_NODE, self.bridge_name):
                self.processes.end(name)

    def tear_down(self) -> None:
        """End all processes: the next `set_up` begins with new ones."""
        self.wire.mend()
        self.processes.end_all()

    def wait(self, condition: Callable[[], object], patience: float = PATIENCE_S) -> bool:
        """Let messages pass until the condition holds; False when it does not within `patience` seconds.

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
        """Let messages pass for so long."""
        self.wait(lambda: False, seconds)

    def call(self, kind: Any, service: str, **fields: Any) -> Any:
        """Call a service of the stage; its response, None when there is no such service or no answer.

        Clients are kept: to destroy one takes DDS a second while it waits for a server that was killed, and no message
        would pass meanwhile.
        """
        if service not in self._clients:
            self._clients[service] = self.wire.create_client(kind, service)
        client = self._clients[service]
        if not self.wait(client.service_is_ready, 5.0):
            return None
        future = client.call_async(kind.Request(**fields))
        return future.result() if self.wait(future.done, PATIENCE_S) else None

    def rival(self) -> Any:
        """A second publisher on the command topic; `dismiss_rival` takes it away."""
        self._rival = self.wire.create_publisher(JointTrajectory, self.spec.command.topic, 10)
        return self._rival

    def dismiss_rival(self) -> None:
        """Take the second publisher away."""
        self.wire.destroy_publisher(self._rival)

    def reset_robot(self) -> None:
        """Begin the robot's episode anew, so that it has somewhere to go."""
        self.call(Trigger, f"{self.bridge_name}/reset")
