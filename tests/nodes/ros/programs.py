"""Programs that the tests of this folder run as processes: `python programs.py NAME --ros-args ...`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.managed_node import ManagedNode
from rcd_ros.nodes.ros.run import await_acknowledgements, run_node


class EchoNode(Node):
    """Sends every `ping` back as `pong` with its positions times `gain`; `~/negate` answers a request."""

    def __init__(self) -> None:
        super().__init__("echo")
        self._gain = self.declare_parameter("gain", 1.0).value
        self.declare_parameter("labels", ["none"])
        self._pong = self.create_publisher(JointState, "pong", 10)
        self.create_subscription(JointState, "ping", self._on_ping, 10)
        self.create_service(SetBool, "~/negate", self._negate)
        self.get_logger().info(f"ready, process {os.getpid()}")

    def _on_ping(self, message: JointState) -> None:
        message.position = [self._gain * value for value in message.position]
        self._pong.publish(message)

    def _negate(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        response.success = not request.data
        response.message = self.get_fully_qualified_name()
        return response


class ManagedEchoNode(ManagedNode):
    """Publishes `beat` while it is active.

    `fault` is what goes wrong: nothing, in `configure` ("input" or "bug"), or it takes its time to end ("slow").
    """

    def __init__(self) -> None:
        super().__init__("managed")
        self.declare_parameter("fault", "", ParameterDescriptor(description="what goes wrong in configure"))
        span = FloatingPointRange(from_value=0.0, to_value=10.0, step=0.5)
        self.declare_parameter("rate", 1.0, ParameterDescriptor(description="a rate (Hz)", floating_point_range=[span]))
        self.declare_parameter("limits.velocity", [1.0, 2.0])
        self._beat = self.create_lifecycle_publisher(JointState, "beat", 10)
        self.create_timer(0.05, lambda: self._beat.publish(JointState(name=["beat"])))
        self.get_logger().info(f"ready, process {os.getpid()}")

    def configure(self) -> None:
        fault = self.get_parameter("fault").value
        if fault == "input":
            raise RcdError("the checkpoint 'nowhere' does not exist: give another folder")
        if fault == "bug":
            raise ZeroDivisionError("division by zero")

    def deactivate(self) -> None:
        if self.get_parameter("fault").value == "slow":
            time.sleep(2.0)
        self._beat.publish(JointState(name=["rest"]))

    def cleanup(self) -> None:
        await_acknowledgements([self._beat])  # as the planner node does: a publisher that leaves takes messages along


class RefusingNode(Node):
    """Cannot use its input."""

    def __init__(self) -> None:
        super().__init__("refusing")
        raise RcdError("the checkpoint 'nowhere' does not exist: give another folder")


class InterruptedNode(Node):
    """Is asked to end while it starts, and fails by that."""

    def __init__(self) -> None:
        super().__init__("interrupted")
        sys.setswitchinterval(60.0)  # no other thread hears of the signal before this one fails
        os.kill(os.getpid(), signal.SIGINT)
        raise RcdError("a library cannot be loaded")


def stubborn() -> int:
    """Ignores requests to stop, and has a child of its own that does so too."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    print(f"child {child.pid}", flush=True)
    time.sleep(300)
    return 0


if __name__ == "__main__":
    program = {
        "echo": lambda: run_node(EchoNode),
        "managed": lambda: run_node(ManagedEchoNode),
        "refusing": lambda: run_node(RefusingNode),
        "interrupted": lambda: run_node(InterruptedNode),
        "stubborn": stubborn,
    }
    sys.exit(program[sys.argv[1]]())
