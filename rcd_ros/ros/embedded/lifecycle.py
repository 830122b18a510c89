"""Managed (lifecycle) nodes: rclpy.lifecycle's `LifecycleNode`, as far as our nodes use it."""

from __future__ import annotations

from typing import Any

from rcd_ros.errors import RcdError
from rcd_ros.ros.embedded import lifecycle_machine
from rcd_ros.ros.embedded.lifecycle_entities import LifecyclePublisher, LifecycleState, ManagedEntity
from rcd_ros.ros.embedded.lifecycle_machine import StateId, StateMachine, TransitionCallbackReturn
from rcd_ros.ros.embedded.lifecycle_services import create_lifecycle_services, create_transition_events
from rcd_ros.ros.embedded.node import Node

_CALLBACKS = {
    StateId.CONFIGURING: "on_configure",
    StateId.CLEANINGUP: "on_cleanup",
    StateId.SHUTTINGDOWN: "on_shutdown",
    StateId.ACTIVATING: "on_activate",
    StateId.DEACTIVATING: "on_deactivate",
    StateId.ERRORPROCESSING: "on_error",
}
_SHUTDOWNS = {
    StateId.UNCONFIGURED: lifecycle_machine.UNCONFIGURED_SHUTDOWN,
    StateId.INACTIVE: lifecycle_machine.INACTIVE_SHUTDOWN,
    StateId.ACTIVE: lifecycle_machine.ACTIVE_SHUTDOWN,
}


class LifecycleNode(ManagedEntity, Node):
    """A node that is configured, activated, deactivated and cleaned up from outside.

    The `on_...` callbacks pass each transition on to the managed entities; a subclass that overrides one calls it.
    A callback that raises counts as `TransitionCallbackReturn.ERROR`; the reason is logged.
    """

    def __init__(self, node_name: str, *, enable_communication_interface: bool = True, **options: Any) -> None:
        Node.__init__(self, node_name, **options)
        self._managed_entities: list[ManagedEntity] = []
        self._state_machine = StateMachine(create_transition_events(self))
        if enable_communication_interface:
            create_lifecycle_services(self, self._state_machine, self._change_state)

    def trigger_configure(self) -> TransitionCallbackReturn:
        """Unconfigured to inactive; what the callback reported. Raises `TransitionError` from another state."""
        return self._change_state(lifecycle_machine.CONFIGURE)

    def trigger_cleanup(self) -> TransitionCallbackReturn:
        """Inactive to unconfigured."""
        return self._change_state(lifecycle_machine.CLEANUP)

    def trigger_activate(self) -> TransitionCallbackReturn:
        """Inactive to active."""
        return self._change_state(lifecycle_machine.ACTIVATE)

    def trigger_deactivate(self) -> TransitionCallbackReturn:
        """Active to inactive."""
        return self._change_state(lifecycle_machine.DEACTIVATE)

    def trigger_shutdown(self) -> TransitionCallbackReturn:
        """From unconfigured, inactive or active to finalized."""
        return self._change_state(_SHUTDOWNS.get(self._state_machine.state, lifecycle_machine.ACTIVE_SHUTDOWN))

    def add_managed_entity(self, entity: ManagedEntity) -> None:
        """Pass transitions on to this too."""
        if not isinstance(entity, ManagedEntity):
            raise TypeError(f"only a ManagedEntity can be managed, not {entity!r}")
        self._managed_entities.append(entity)

    def create_lifecycle_publisher(self, *args: Any, **kwargs: Any) -> LifecyclePublisher:
        """`create_publisher`, but what it makes publishes only while the node is active."""
        publisher = self.create_publisher(*args, **kwargs, publisher_class=LifecyclePublisher)
        assert isinstance(publisher, LifecyclePublisher)
        self.add_managed_entity(publisher)
        return publisher

    def destroy_lifecycle_publisher(self, publisher: LifecyclePublisher) -> bool:
        """Stop publishing; False when it is not one of this node's."""
        self._managed_entities = [entity for entity in self._managed_entities if entity is not publisher]
        return self.destroy_publisher(publisher)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure the managed entities, up to the first that does not succeed."""
        return self._pass_on("on_configure", state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Clean up the managed entities, up to the first that does not succeed."""
        return self._pass_on("on_cleanup", state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Shut the managed entities down, up to the first that does not succeed."""
        return self._pass_on("on_shutdown", state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activate the managed entities, up to the first that does not succeed."""
        return self._pass_on("on_activate", state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate the managed entities, up to the first that does not succeed."""
        return self._pass_on("on_deactivate", state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let the managed entities recover, up to the first that does not succeed."""
        return self._pass_on("on_error", state)

    def _pass_on(self, callback: str, state: LifecycleState) -> TransitionCallbackReturn:
        for entity in self._managed_entities:
            outcome = getattr(entity, callback)(state)
            if outcome != TransitionCallbackReturn.SUCCESS:
                return TransitionCallbackReturn(outcome)
        return TransitionCallbackReturn.SUCCESS

    def _change_state(self, transition_id: int) -> TransitionCallbackReturn:
        """Take a transition, run its callback, and go where the outcome leads."""
        machine = self._state_machine
        state_id, label = machine.current_state
        begun_in = LifecycleState(label, state_id)
        machine.step(transition_id)
        outcome = self._run_callback(begun_in)
        machine.step(outcome.to_label())
        if outcome == TransitionCallbackReturn.ERROR:
            machine.step(self._run_callback(begun_in).to_label())
        return outcome

    def _run_callback(self, begun_in: LifecycleState) -> TransitionCallbackReturn:
        name = _CALLBACKS[self._state_machine.state]
        try:
            return TransitionCallbackReturn(getattr(self, name)(begun_in))
        except RcdError as error:
            self.get_logger().error(f"{name}: {error}")
        except Exception as error:
            self.get_logger().error(f"{name} failed with {type(error).__name__}: {error}")
        return TransitionCallbackReturn.ERROR
