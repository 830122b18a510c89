"""Configures and activates managed nodes in order, and ends; under `ros2 launch` the launch file does this."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.parameters import NodeParameters, parameter, read_parameters
from rcd_ros.nodes.ros.run import run_node

if TYPE_CHECKING:
    from rclpy.client import Client
    from rclpy.task import Future

LOOK_EVERY_S = 0.1
PATIENCE_S = 60.0
"""How long a node may take to come up; its transitions may take any time."""
STEPS = {"configure": 1, "activate": 3}
"""Transitions and their ids (lifecycle_msgs/Transition)."""


class ManagerParameters(NodeParameters):
    """Which nodes are managed."""

    node_names: tuple[str, ...] = parameter((), "nodes to configure and activate", required="a list of node names")


class LifecycleManagerNode(Node):
    """Requests one transition after another; the first that fails ends it, and the launch with it."""

    def __init__(self) -> None:
        """Begin to look for the nodes.

        Raises:
            RcdError: no node is named.
        """
        super().__init__("lifecycle_manager")
        names = read_parameters(self, ManagerParameters).node_names
        self._steps = [(name, step) for name in names for step in STEPS]
        self._clients_of: dict[str, Client[ChangeState.Request, ChangeState.Response]] = {
            name: self.create_client(ChangeState, f"{name}/change_state") for name in names
        }
        self._answer: Future[ChangeState.Response] | None = None
        self._waited_s = 0.0
        self.create_timer(LOOK_EVERY_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _look(self) -> None:
        if self._answer is None:
            self._ask()
        elif self._answer.done():
            answer = self._answer.result()
            self._go_on(answer is not None and answer.success)

    def _ask(self) -> None:
        name, step = self._steps[0]
        client = self._clients_of[name]
        if client.service_is_ready():
            self._answer = client.call_async(ChangeState.Request(transition=Transition(id=STEPS[step])))
            return
        self._waited_s += LOOK_EVERY_S
        if self._waited_s > PATIENCE_S:
            raise RcdError(f"{name} has not come up within {PATIENCE_S:g} s")

    def _go_on(self, succeeded: bool) -> None:
        name, step = self._steps.pop(0)
        if not succeeded:
            raise RcdError(f"{name} did not {step}: see its output for the reason")
        self._answer = None
        if not self._steps:
            raise SystemExit(0)


def main(args: list[str] | None = None) -> int:
    """Entry point of the `lifecycle_manager_node` executable."""
    return run_node(LifecycleManagerNode, args)


if __name__ == "__main__":
    sys.exit(main())
