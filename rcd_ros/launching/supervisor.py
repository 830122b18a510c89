"""Runs a launch without `ros2 launch`: starts its processes, shows their output, ends them together."""

from __future__ import annotations

import queue
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import FrameType
from typing import TextIO

import typer

from rcd_ros.launching.node_process import NodeProcess, lifecycle_manager, waiting
from rcd_ros.launching.processes import Processes
from rcd_ros.nodes.ros.installation import check_installation, is_sourced, keep_discovery_local

_SELF = "launch"
_COLORS = ("cyan", "yellow", "green", "magenta", "red", "blue")
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Failure:
    """The process that failed first.

    Attributes:
        name: of the process.
        ending: "exited with code 2" or "was ended by SIGKILL".
        last_line: that it wrote.
        exit_code: of the launch: the process's, or 128 + the signal's number.
    """

    name: str
    ending: str
    last_line: str
    exit_code: int


class Supervisor:
    """Starts processes and stays with them until the last has ended.

    The launch ends when a required process ends, when any process crashes, or on SIGINT, SIGTERM or SIGHUP. Then
    every process gets SIGINT; after `patience` seconds SIGTERM, and after as long again SIGKILL. A second signal
    kills at once. Lines go to `output` (standard output); `environment` is added to this process's own.

    Attributes:
        failure: the process that failed first, but not by us; None: none did.
    """

    def __init__(
        self, output: TextIO | None = None, patience: float = 5.0, environment: Mapping[str, str] | None = None
    ) -> None:
        self.failure: Failure | None = None
        self._output = output or sys.stdout
        self._patience = patience
        self._commands: dict[str, Sequence[str]] = {}
        self._required: set[str] = set()
        self._events: queue.SimpleQueue[str | signal.Signals] = queue.SimpleQueue()
        """Names of processes that have ended, and signals that have come."""
        self._processes = Processes(environment, on_line=self._show, on_end=self._events.put)
        self._printing = threading.Lock()
        self._last_lines: dict[str, str] = {}
        self._stopping = False

    def add(self, name: str, command: Sequence[str], required: bool = False) -> None:
        """A process to start; names must differ."""
        if name in self._commands:
            raise ValueError(f"two processes named '{name}'")
        self._commands[name] = command
        if required:
            self._required.add(name)

    def add_nodes(self, nodes: Sequence[NodeProcess]) -> None:
        """Nodes to start, each in a process under its name."""
        for node in nodes:
            self.add(node.name, node.command(), node.required)

    def process_id(self, name: str) -> int | None:
        """The process id of one that runs, else None; any thread may ask."""
        return self._processes.process_id(name)

    def run(self) -> int:
        """Start the processes and return the launch's exit code.

        0: it was asked to stop, or a required process ended normally; else the exit code of the first process that
        failed (128 + the signal's number for one that was killed, but not by us).
        """
        with self._catching_signals():
            for name, command in self._commands.items():
                self._processes.start(name, command)
            for _ in self._commands:
                self._handle(self._events.get())
                if self._stopping:
                    break
            self._processes.end(patience=self._patience, on_escalation=self._say_escalation)
            while not self._events.empty():
                self._handle(self._events.get())
        return self.failure.exit_code if self.failure else 0

    def _handle(self, event: str | signal.Signals) -> None:
        if isinstance(event, signal.Signals):
            self._say(f"{event.name}: stopping")
            return
        returned = self._processes.exit_code(event) or 0
        killed = returned < 0
        if returned:
            ending = f"was ended by {signal.Signals(-returned).name}" if killed else f"exited with code {returned}"
            self._say(f"{event} {ending}")
            if self.failure is None and not (killed and self._stopping):
                last_line = self._last_lines.get(event, "it wrote nothing")
                self.failure = Failure(event, ending, last_line, 128 - returned if killed else returned)
        elif not self._stopping:
            self._say(f"{event} has ended")
        self._stopping = self._stopping or returned != 0 or event in self._required

    def _say_escalation(self, late: list[str], number: signal.Signals) -> None:
        self._say(f"{', '.join(late)} did not stop: sending {number.name}")

    def _say(self, text: str) -> None:
        self._show(_SELF, text)

    def _show(self, name: str, line: str) -> None:
        """Print a line with the time and the process's name, in its color where the output is a terminal."""
        names = [_SELF, *self._commands]
        prefix = f"{datetime.now():%H:%M:%S} {name.ljust(max(map(len, names)))} |"
        if name != _SELF:
            prefix = typer.style(prefix, fg=_COLORS[names.index(name) % len(_COLORS)])
        with self._printing:
            if line.strip():
                self._last_lines[name] = line.strip()
            typer.echo(f"{prefix} {line.rstrip()}", file=self._output)

    @contextmanager
    def _catching_signals(self) -> Iterator[None]:
        def handle(number: int, frame: FrameType | None) -> None:
            if self._stopping:
                self._processes.send(signal.SIGKILL, *self._processes.names())
            self._stopping = True
            self._events.put(signal.Signals(number))

        previous = {number: signal.signal(number, handle) for number in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def run_nodes(nodes: Sequence[NodeProcess], managed: bool = False) -> int:
    """Run the nodes of a launch until it ends; returns its exit code.

    Managed nodes start themselves; if `managed`, a manager in another process configures and activates them.
    Where ROS 2 is a set of wheels, nodes are discovered on this machine only, unless the environment says otherwise.

    Raises:
        RcdError: there is no ROS 2, or there are two.
    """
    check_installation()
    if not is_sourced():
        keep_discovery_local()
    if managed and any(node.lifecycle for node in nodes):
        nodes = [*map(waiting, nodes), lifecycle_manager(nodes)]
    supervisor = Supervisor()
    supervisor.add_nodes(nodes)
    return supervisor.run()
