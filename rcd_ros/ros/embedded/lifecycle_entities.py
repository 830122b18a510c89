"""What a managed node switches on and off with itself; above all its publishers."""

from __future__ import annotations

from typing import Any, NamedTuple

from rcd_ros.ros.embedded.lifecycle_machine import TransitionCallbackReturn
from rcd_ros.ros.embedded.topics import Publisher


class LifecycleState(NamedTuple):
    """A state, as transition callbacks are given it."""

    label: str
    state_id: int


class ManagedEntity:
    """Follows the transitions of its node; each callback gets the state in which the transition began."""

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Prepare."""
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free what `on_configure` has prepared."""
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything, from any state."""
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to work."""
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop working."""
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Recover from a transition that went wrong."""
        return TransitionCallbackReturn.SUCCESS


class SimpleManagedEntity(ManagedEntity):
    """Knows whether it is activated."""

    def __init__(self) -> None:
        self._enabled = False

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Switch on."""
        self._enabled = True
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Switch off."""
        self._enabled = False
        return TransitionCallbackReturn.SUCCESS

    @property
    def is_activated(self) -> bool:
        """Whether it is switched on."""
        return self._enabled


class LifecyclePublisher(SimpleManagedEntity, Publisher):
    """Publishes while its node is active, and says nothing otherwise."""

    def __init__(self, *args: Any) -> None:
        SimpleManagedEntity.__init__(self)
        Publisher.__init__(self, *args)

    def publish(self, message: Any) -> None:
        """Send a message if the node is active."""
        if self._enabled:
            super().publish(message)
