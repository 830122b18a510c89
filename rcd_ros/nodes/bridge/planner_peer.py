"""The planner as a bridge sees it: it is notified of each episode, and must plan the task that is simulated."""

from __future__ import annotations

import math
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.client import Client
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future
from rclpy.timer import Timer
from std_srvs.srv import Trigger

from rcd_ros.planning.spec import TaskSpec

_PATIENCE_S = 1.0
"""How long the first observation of an episode waits for the planner's answer."""
_SAME_PERIOD = 1e-3
"""Share by which two control periods may differ and still be the same."""


class PlannerPeer:
    """Calls the planner's `~/begin_episode`, and reads its diagnostics.

    Attributes:
        message: of the planner's newest diagnostics, where it does not plan; else empty.
    """

    def __init__(self, node: Node, planner: str, spec: TaskSpec, any_task: bool, go_on: Callable[[], None]) -> None:
        """Call the node `planner` on behalf of `node`.

        Args:
            node: a bridge.
            planner: name of the planner node; empty: no episode is announced.
            spec: of the task that is simulated.
            any_task: whether a planner of a task with another name fits as well.
            go_on: called when the planner has answered, or has not answered in time.
        """
        self.message = ""
        self._node, self._planner, self._spec, self._any_task, self._go_on = node, planner, spec, any_task, go_on
        self._call: Future[Trigger.Response] | None = None
        self._timer: Timer | None = None
        group = ReentrantCallbackGroup()
        service = f"{planner}/begin_episode"
        self._client: Client[Trigger.Request, Trigger.Response] | None = (
            node.create_client(Trigger, service, callback_group=group) if planner else None
        )

    @property
    def is_notified(self) -> bool:
        """Whether the notification of an episode is under way: the planner has not answered yet."""
        return self._call is not None

    def begin_episode(self) -> None:
        """Notify the planner, if it is there, that the robot has been moved to a new start."""
        self._end()
        if self._client is None or not self._client.service_is_ready():
            return
        call = self._call = self._client.call_async(Trigger.Request())
        self._timer = self._node.create_timer(
            _PATIENCE_S, self._answered, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        call.add_done_callback(lambda future: self._answered() if self._call is call else None)

    def read_diagnostics(self, message: DiagnosticArray) -> str:
        """Read diagnostics; returns why the planner cannot drive this task, empty when it can."""
        for status in message.status:
            if not f"/{status.name}".endswith(f"/{self._planner.lstrip('/')}: planning"):
                continue
            values = {entry.key: entry.value for entry in status.values}
            self.message = "" if values.get("state") == "planning" else status.message
            return self._misfit(values.get("task", ""), values.get("control_period", ""))
        return ""

    def _misfit(self, task: str, period: str) -> str:
        spec = self._spec
        if task and task != spec.name and not self._any_task:
            return (
                f"the planner '{self._planner}' plans '{task}', the simulation is '{spec.name}': exchange one of them"
            )
        try:
            seconds = float(period)
        except ValueError:
            return ""
        if math.isclose(seconds, spec.control_period, rel_tol=_SAME_PERIOD):
            return ""
        return (
            f"the planner '{self._planner}' commands every {seconds:g} s, the simulation '{spec.name}' takes a command "
            f"every {spec.control_period:g} s: give both the same control period"
        )

    def _answered(self) -> None:
        self._end()
        self._go_on()

    def _end(self) -> None:
        self._call = None
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None
