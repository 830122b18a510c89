"""The states and transitions of a managed node, numbered and labelled as in ROS 2's rcl_lifecycle."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import NamedTuple

from rcd_ros.errors import RcdError

CONFIGURE, CLEANUP, ACTIVATE, DEACTIVATE = 1, 2, 3, 4
UNCONFIGURED_SHUTDOWN, INACTIVE_SHUTDOWN, ACTIVE_SHUTDOWN = 5, 6, 7


class StateId(enum.IntEnum):
    """All states; those from 10 on are passed through while a callback runs."""

    UNKNOWN = 0
    UNCONFIGURED = 1
    INACTIVE = 2
    ACTIVE = 3
    FINALIZED = 4
    CONFIGURING = 10
    CLEANINGUP = 11
    SHUTTINGDOWN = 12
    ACTIVATING = 13
    DEACTIVATING = 14
    ERRORPROCESSING = 15

    @property
    def label(self) -> str:
        """The name that ROS 2 shows."""
        return self.name.lower()


class TransitionCallbackReturn(enum.IntEnum):
    """What a transition's callback reports."""

    SUCCESS = 97
    FAILURE = 98
    ERROR = 99

    def to_label(self) -> str:
        """The label of the transition that follows."""
        return f"transition_{self.name.lower()}"


class Transition(NamedTuple):
    """An edge of the graph."""

    id: int
    label: str
    start: StateId
    goal: StateId


class TransitionError(RcdError):
    """The transition does not begin at the state that the node is in."""


def _outcomes(first_id: int, start: StateId, success: StateId, failure: StateId, error: StateId) -> list[Transition]:
    """The three edges that leave a passing state."""
    ends = zip(TransitionCallbackReturn, (success, failure, error), strict=True)
    return [Transition(first_id + offset, end.to_label(), start, goal) for offset, (end, goal) in enumerate(ends)]


_S = StateId
TRANSITIONS: list[Transition] = [
    Transition(CONFIGURE, "configure", _S.UNCONFIGURED, _S.CONFIGURING),
    *_outcomes(10, _S.CONFIGURING, success=_S.INACTIVE, failure=_S.UNCONFIGURED, error=_S.ERRORPROCESSING),
    Transition(CLEANUP, "cleanup", _S.INACTIVE, _S.CLEANINGUP),
    *_outcomes(20, _S.CLEANINGUP, success=_S.UNCONFIGURED, failure=_S.INACTIVE, error=_S.ERRORPROCESSING),
    Transition(ACTIVATE, "activate", _S.INACTIVE, _S.ACTIVATING),
    *_outcomes(30, _S.ACTIVATING, success=_S.ACTIVE, failure=_S.INACTIVE, error=_S.ERRORPROCESSING),
    Transition(DEACTIVATE, "deactivate", _S.ACTIVE, _S.DEACTIVATING),
    *_outcomes(40, _S.DEACTIVATING, success=_S.INACTIVE, failure=_S.ACTIVE, error=_S.ERRORPROCESSING),
    Transition(UNCONFIGURED_SHUTDOWN, "shutdown", _S.UNCONFIGURED, _S.SHUTTINGDOWN),
    Transition(INACTIVE_SHUTDOWN, "shutdown", _S.INACTIVE, _S.SHUTTINGDOWN),
    Transition(ACTIVE_SHUTDOWN, "shutdown", _S.ACTIVE, _S.SHUTTINGDOWN),
    *_outcomes(50, _S.SHUTTINGDOWN, success=_S.FINALIZED, failure=_S.FINALIZED, error=_S.ERRORPROCESSING),
    *_outcomes(60, _S.ERRORPROCESSING, success=_S.UNCONFIGURED, failure=_S.FINALIZED, error=_S.FINALIZED),
]


class StateMachine:
    """Where a managed node is in the graph; every step is told to `on_step`."""

    def __init__(self, on_step: Callable[[Transition], None]) -> None:
        self._on_step = on_step
        self.state = StateId.UNCONFIGURED

    @property
    def current_state(self) -> tuple[int, str]:
        """Id and label, as rclpy's state machine has them."""
        return int(self.state), self.state.label

    def available(self) -> list[Transition]:
        """The transitions that begin here."""
        return [transition for transition in TRANSITIONS if transition.start == self.state]

    def find(self, wanted: int | str) -> Transition:
        """The transition from here with an id or a label; raises `TransitionError` when there is none."""
        here = self.available()
        for transition in here:
            if wanted in (transition.id, transition.label):
                return transition
        possible = ", ".join(f"{transition.label} ({transition.id})" for transition in here) or "none"
        raise TransitionError(f"no transition '{wanted}' from state '{self.state.label}'; possible: {possible}")

    def step(self, wanted: int | str) -> None:
        """Take a transition."""
        transition = self.find(wanted)
        self.state = transition.goal
        self._on_step(transition)
