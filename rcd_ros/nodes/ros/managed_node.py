"""A lifecycle node that keeps the reason for which a transition failed, and that can start itself.

It is rclpy's `LifecycleNode` with four methods to override. They raise `RcdError` for what a user can correct,
and `problem` keeps the reason for the diagnostics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.parameters import NodeParameters, parameter, read_parameters

if TYPE_CHECKING:
    from rclpy.lifecycle.node import LifecycleNodeArgs
    from typing_extensions import Unpack

SUCCESS, FAILURE, ERROR = (
    TransitionCallbackReturn.SUCCESS,
    TransitionCallbackReturn.FAILURE,
    TransitionCallbackReturn.ERROR,
)


class StartParameters(NodeParameters):
    """Who starts the node."""

    autostart: bool = parameter(True, "configure and activate at start; false: a lifecycle manager does it")


class ManagedNode(LifecycleNode):
    """Unconfigured, inactive, active: `configure`, `activate`, `deactivate` and `cleanup` lead from one to the next.

    A `configure` or `activate` that raises `RcdError` leaves the node in the state it was in. Everything else that is
    raised in a transition is an error: `cleanup` runs, and the node is unconfigured, or finalized if that failed too.
    """

    def __init__(self, node_name: str, **options: Unpack[LifecycleNodeArgs]) -> None:
        super().__init__(node_name, **options)
        self._autostart = read_parameters(self, StartParameters).autostart
        self._starting = False
        self._has_left = False
        self.problem = ""
        _refuse_impossible_requests(self)

    def configure(self) -> None:
        """Load and check everything; publishers are silent."""

    def activate(self) -> None:
        """Begin to work; managed publishers already publish."""

    def deactivate(self) -> None:
        """Stop working; managed publishers still publish."""

    def cleanup(self) -> None:
        """Free what `configure` made. It may have made nothing, or half of it; called twice, it does nothing."""

    @property
    def state(self) -> str:
        """Label of the state: "unconfigured", "inactive", "active", "finalized", or a passing one."""
        label: str = self._state_machine.current_state[1]  # rclpy has no public name for it
        return label

    def start(self) -> None:
        """Configure and activate, unless the parameter `autostart` leaves that to others.

        Raises:
            RcdError: the reason for which one of the two failed.
        """
        if not self._autostart:
            return
        self._starting = True
        try:
            for transition in (self.trigger_configure, self.trigger_activate):
                if transition() != SUCCESS:
                    raise RcdError(self.problem)
        finally:
            self._starting = False

    def destroy_node(self) -> None:
        """Shut down in order, then leave the graph; a second call does nothing."""
        if self._has_left:
            return
        self._has_left = True
        if self.state in ("unconfigured", "inactive", "active"):
            if not self.context.ok():  # nothing can be published any more, not even the event
                self._attempt("cleanup", self.cleanup, ERROR)
            else:
                self.trigger_shutdown()
        super().destroy_node()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `configure`."""
        self.problem = ""
        outcome = self._attempt("configure", self.configure, FAILURE)
        if outcome == FAILURE and self._attempt("cleanup", self.cleanup, ERROR) == ERROR:
            return ERROR
        return outcome if outcome != SUCCESS else super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Switch the managed publishers on, then run `activate`."""
        self.problem = ""
        outcome = super().on_activate(state)
        if outcome == SUCCESS:
            outcome = self._attempt("activate", self.activate, FAILURE)
        if outcome != SUCCESS:
            super().on_deactivate(state)
        return outcome

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `deactivate`, then switch the managed publishers off."""
        outcome = self._attempt("deactivate", self.deactivate, ERROR)
        switched = super().on_deactivate(state)
        return outcome if outcome != SUCCESS else switched

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run `cleanup`."""
        outcome = self._attempt("cleanup", self.cleanup, ERROR)
        return outcome if outcome != SUCCESS else super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate if need be, and clean up."""
        outcome = self.on_deactivate(state) if state.label == "active" else SUCCESS
        return outcome if outcome != SUCCESS else self.on_cleanup(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Switch the managed publishers off and clean up; what went wrong stays in `problem`."""
        super().on_deactivate(state)
        return self._attempt("cleanup", self.cleanup, FAILURE)

    def _attempt(
        self, name: str, step: Callable[[], None], refusal: TransitionCallbackReturn
    ) -> TransitionCallbackReturn:
        """Run a step; `refusal` is what an `RcdError` counts as."""
        try:
            step()
        except RcdError as error:
            self._note(str(error))
            return refusal
        except Exception as error:
            self._note(f"{name} failed with {type(error).__name__}: {error}")
            return ERROR
        return SUCCESS

    def _note(self, problem: str) -> None:
        self.problem = self.problem or problem
        if not self._starting:  # `start` raises it
            self.get_logger().error(problem)


def _refuse_impossible_requests(node: ManagedNode) -> None:
    """Answer no to `~/change_state` with the id of a transition that cannot be taken: rclpy ends the node instead."""
    (service,) = (service for service in node.services if service.srv_name.endswith("/change_state"))
    answer = service.callback

    def guarded(request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
        possible = {transition[0] for transition in node._state_machine.available_transitions}
        if request.transition.label or request.transition.id in possible:
            return answer(request, response)
        node.get_logger().warning(f"no transition {request.transition.id} from state '{node.state}'")
        return response

    service.callback = guarded
