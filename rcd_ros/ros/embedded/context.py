"""The state of the ROS runtime in a process: its arguments, its DDS participant, its end (by call or by signal)."""

from __future__ import annotations

import atexit
import contextlib
import sys
import threading
from collections.abc import Callable, Sequence

from cyclonedds.core import DDSException, GuardCondition
from cyclonedds.domain import DomainParticipant

from rcd_ros.ros.embedded.arguments import RosArguments, parse_ros_arguments
from rcd_ros.ros.embedded.domain import create_participant, delete, domain_id_from_environment, leave
from rcd_ros.ros.embedded.graph import Graph
from rcd_ros.ros.signals import SignalHandling


class ExternalShutdownException(Exception):
    """The runtime was shut down (by a signal or by another thread) while something was spinning."""

    def __init__(self) -> None:
        super().__init__("the ROS runtime was shut down from outside")


class Context:
    """One run of the runtime between `init` and `shutdown`; it can be started again afterwards."""

    def __init__(self) -> None:
        self.arguments = RosArguments()
        self._domain_id = 0
        self._participant: DomainParticipant | None = None
        self._graph: Graph | None = None
        self._running = False
        self._guards: list[GuardCondition] = []
        self._signals: SignalHandling | None = None
        self._on_close: list[Callable[[], None]] = []
        atexit.register(self._close)

    def init(self, args: Sequence[str] | None = None, *, domain_id: int | None = None) -> None:
        """Start: read `--ros-args` (from `sys.argv` unless given), join the domain, catch SIGINT and SIGTERM."""
        if self._running:
            raise RuntimeError("init() was called twice without a shutdown() between")
        self._close()
        self.arguments = parse_ros_arguments(sys.argv if args is None else args)
        self._domain_id = domain_id_from_environment() if domain_id is None else domain_id
        self._participant = create_participant(self._domain_id)
        self._graph = Graph(self._participant)
        self._running = True
        if threading.current_thread() is threading.main_thread():
            self._signals = SignalHandling(self.interrupt)

    def ok(self) -> bool:
        """Whether it is started and not shut down."""
        return self._running

    def shutdown(self) -> None:
        """End it; raises `RuntimeError` when it is not running."""
        if not self._running:
            raise RuntimeError("shutdown() was called, but the runtime is not running")
        self.try_shutdown()

    def try_shutdown(self) -> None:
        """End it if it is running, and leave the domain."""
        self.interrupt()
        self._close()

    def interrupt(self) -> None:
        """Stop everything that spins, but keep the entities: what a signal does."""
        self._running = False
        self.wake()

    @property
    def participant(self) -> DomainParticipant:
        """The process's DDS participant; raises `RuntimeError` before `init`."""
        if self._participant is None:
            raise RuntimeError("call init() first")
        return self._participant

    @property
    def graph(self) -> Graph:
        """The process's nodes as others see them; raises `RuntimeError` before `init`."""
        if self._graph is None:
            raise RuntimeError("call init() first")
        return self._graph

    def wake(self) -> None:
        """Make every waiting executor look around."""
        for guard in list(self._guards):
            with contextlib.suppress(DDSException):  # an executor that ends in another thread takes its guard with it
                guard.set(True)

    def add_guard(self) -> GuardCondition:
        """A condition that `wake` triggers."""
        guard = GuardCondition(self.participant)
        self._guards.append(guard)
        return guard

    def remove_guard(self, guard: GuardCondition) -> None:
        """Forget a condition of `add_guard`."""
        with contextlib.suppress(ValueError):
            self._guards.remove(guard)
        delete(guard)

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call this before the participant goes."""
        self._on_close.append(callback)

    def _close(self) -> None:
        callbacks, self._on_close = self._on_close, []
        for callback in callbacks:
            callback()
        if self._signals is not None:
            self._signals.restore()
            self._signals = None
        self._guards.clear()
        if self._participant is not None:
            leave(self._participant, self._domain_id)
            self._participant = self._graph = None


_default = Context()


def get_default_context() -> Context:
    """The context that `init`, `ok` and `shutdown` act on."""
    return _default
