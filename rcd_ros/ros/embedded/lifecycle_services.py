"""The services and the topic by which `ros2 lifecycle`, launch files and managers drive a managed node."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rcd_ros.ros.embedded.lifecycle_machine import (
    TRANSITIONS,
    StateId,
    StateMachine,
    Transition,
    TransitionCallbackReturn,
    TransitionError,
)
from rcd_ros.ros.embedded.messages import message_class, service_class

if TYPE_CHECKING:
    from rcd_ros.ros.embedded.node import Node

QUEUE = 10
StateMessage = message_class("lifecycle_msgs/msg/State")
TransitionMessage = message_class("lifecycle_msgs/msg/Transition")
TransitionDescription = message_class("lifecycle_msgs/msg/TransitionDescription")
TransitionEvent = message_class("lifecycle_msgs/msg/TransitionEvent")


def create_transition_events(node: Node) -> Callable[[Transition], None]:
    """Offer the topic `~/transition_event`; call what is returned with each step."""
    publisher = node.create_publisher(TransitionEvent, "~/transition_event", QUEUE)

    def publish(step: Transition) -> None:
        stamp = node.get_clock().now().nanoseconds
        publisher.publish(TransitionEvent(timestamp=stamp, **_description(step)))

    return publish


def create_lifecycle_services(
    node: Node, machine: StateMachine, change_state: Callable[[int], TransitionCallbackReturn]
) -> None:
    """Offer `~/change_state`, `~/get_state` and their kin."""

    def on_change_state(request: Any, response: Any) -> Any:
        try:
            transition = machine.find(request.transition.label or request.transition.id)
        except TransitionError as error:
            node.get_logger().warning(str(error))
            return response
        response.success = change_state(transition.id) == TransitionCallbackReturn.SUCCESS
        return response

    def on_get_state(request: Any, response: Any) -> Any:
        response.current_state = _state(machine.state)
        return response

    def on_get_available_states(request: Any, response: Any) -> Any:
        response.available_states = [_state(state) for state in StateId]
        return response

    def on_get_available_transitions(request: Any, response: Any) -> Any:
        response.available_transitions = [TransitionDescription(**_description(item)) for item in machine.available()]
        return response

    def on_get_transition_graph(request: Any, response: Any) -> Any:
        response.available_transitions = [TransitionDescription(**_description(item)) for item in TRANSITIONS]
        return response

    for name, type_name, handler in (
        ("change_state", "ChangeState", on_change_state),
        ("get_state", "GetState", on_get_state),
        ("get_available_states", "GetAvailableStates", on_get_available_states),
        ("get_available_transitions", "GetAvailableTransitions", on_get_available_transitions),
        ("get_transition_graph", "GetAvailableTransitions", on_get_transition_graph),
    ):
        node.create_service(service_class(f"lifecycle_msgs/srv/{type_name}"), f"~/{name}", handler)


def _state(state: StateId) -> Any:
    return StateMessage(id=int(state), label=state.label)


def _description(transition: Transition) -> dict[str, Any]:
    return {
        "transition": TransitionMessage(id=transition.id, label=transition.label),
        "start_state": _state(transition.start),
        "goal_state": _state(transition.goal),
    }
