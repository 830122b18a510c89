"""Runs the processes of a launch without `ros2 launch`: starts them, shows their output, ends them together.

Each process leads a process group of its own (honcho), so that whatever it starts ends with it. Nodes also notice
by themselves when the supervisor was killed (`launcher_watch`).
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import FrameType
from typing import TextIO

from honcho.colour import get_colours
from honcho.printer import Message, Printer
from honcho.process import Process

from rcd_ros.launching.bringup import NodeProcess, lifecycle_manager, waiting
from rcd_ros.nodes.ros.installation import check_installation, is_sourced, keep_discovery_local
from rcd_ros.nodes.ros.launcher_watch import LAUNCHER_VARIABLE

_SELF = "launch"
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ESCALATION = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def node_command(process: NodeProcess) -> list[str]:
    """The command line of a node, with its parameters as ROS arguments."""
    command = [
        sys.executable,
        "-m",
        "rcd_ros.nodes",
        process.executable,
        "--ros-args",
        "-r",
        f"__node:={process.name}",
    ]
    if process.namespace:
        command += ["-r", f"__ns:=/{process.namespace.strip('/')}"]
    for source, target in process.remappings:
        command += ["-r", f"{source}:={target}"]
    for path in process.parameter_files:
        command += ["--params-file", str(path)]
    for name, value in process.parameters.items():
        command += ["-p", f"{name}:={json.dumps(value)}"]  # JSON is YAML, with every string quoted
    return command


@dataclass
class _Child:
    command: Sequence[str]
    required: bool
    pid: int | None = None
    exit_code: int | None = None


class Supervisor:
    """Starts processes and stays with them until the last has ended.

    The launch ends when a required process ends, when any process crashes, or on SIGINT, SIGTERM or SIGHUP. Then
    every process group gets SIGINT; after `patience` seconds SIGTERM, and after as long again SIGKILL. A second
    signal kills at once. Lines go to `output` (standard output); `environment` is added to this process's own.
    """

    def __init__(
        self, output: TextIO | None = None, patience: float = 5.0, environment: Mapping[str, str] | None = None
    ) -> None:
        self._environment = dict(environment or {})
        self._printer = Printer(output or sys.stdout, width=len(_SELF))
        self._colours = get_colours()
        self._events: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._patience = patience
        self._children: dict[str, _Child] = {}
        self._escalation: Iterator[signal.Signals] | None = None
        self._deadline: float | None = None
        self._exit_code = 0

    def add(self, name: str, command: Sequence[str], required: bool = False) -> None:
        """A process to start; names must differ."""
        if name in self._children:
            raise ValueError(f"two processes named '{name}'")
        self._children[name] = _Child(command, required)
        self._printer.width = max(self._printer.width, len(name))

    def process_id(self, name: str) -> int | None:
        """The process id of one that runs, else None; any thread may ask."""
        child = self._children[name]
        return child.pid if child.exit_code is None else None

    def run(self) -> int:
        """Start the processes and return the launch's exit code.

        0: it was asked to stop, or a required process ended normally; else the exit code of the first process that
        failed (128 + the signal's number for one that was killed, but not by us).
        """
        with self._catching_signals():
            for name, child in self._children.items():
                self._start(name, child)
            while any(child.exit_code is None for child in self._children.values()):
                self._handle_next_event()
        return self._exit_code

    def _start(self, name: str, child: _Child) -> None:
        environment = {**os.environ, **self._environment, "PYTHONUNBUFFERED": "1", LAUNCHER_VARIABLE: str(os.getpid())}
        # `exec`: honcho runs commands by the shell, and signals and exit codes should be the node's own.
        process = Process(f"exec {shlex.join(child.command)}", name=name, colour=next(self._colours), env=environment)
        threading.Thread(target=process.run, args=(self._events,), name=name, daemon=True).start()

    def _handle_next_event(self) -> None:
        timeout = None if self._deadline is None else max(self._deadline - time.monotonic(), 0.0)
        try:
            event = self._events.get(timeout=timeout)
        except queue.Empty:
            self._escalate()
            return
        handlers: dict[str, Callable[[Message], None]] = {
            "line": self._printer.write,
            "start": self._on_start,
            "stop": self._on_stop,
            "signal": self._on_signal,
        }
        handlers[event.type](event)

    def _on_start(self, event: Message) -> None:
        self._children[event.name].pid = event.data["pid"]
        if self._escalation is not None:  # asked to stop while it was starting
            self._send(event.data["pid"], signal.SIGINT)

    def _on_stop(self, event: Message) -> None:
        child = self._children[event.name]
        returned = event.data["returncode"]
        child.exit_code = returned if returned >= 0 else 128 - returned
        if child.pid is not None:
            self._send(child.pid, signal.SIGKILL)  # whatever it left behind in its group
        stopping = self._escalation is not None
        if returned > 0:
            self._say(f"{event.name} exited with code {returned}")
        elif returned < 0:
            self._say(f"{event.name} was ended by {_signal_name(-returned)}")
        elif not stopping:
            self._say(f"{event.name} has ended")
        ended_by_us = stopping and returned < 0
        if not ended_by_us:
            self._exit_code = self._exit_code or child.exit_code
        if child.exit_code or child.required:
            self._stop()

    def _on_signal(self, event: Message) -> None:
        self._say(f"{_signal_name(event.data)}: stopping")
        if self._escalation is None:
            self._stop()
        else:
            self._signal_all(signal.SIGKILL)

    def _stop(self) -> None:
        if self._escalation is None:
            self._escalation = iter(_ESCALATION)
            self._escalate()

    def _escalate(self) -> None:
        number = next(self._escalation or iter(()), signal.SIGKILL)
        self._deadline = time.monotonic() + self._patience
        if number != signal.SIGINT:
            late = [name for name, child in self._children.items() if child.exit_code is None]
            self._say(f"{', '.join(late)} did not stop: sending {number.name}")
        self._signal_all(number)

    def _signal_all(self, number: signal.Signals) -> None:
        for child in self._children.values():
            if child.exit_code is None and child.pid is not None:
                self._send(child.pid, number)

    @staticmethod
    def _send(group: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)

    def _say(self, text: str) -> None:
        self._printer.write(self._message("line", f"{text}\n"))

    @staticmethod
    def _message(kind: str, data: object) -> Message:
        return Message(type=kind, data=data, time=datetime.now(), name=_SELF, colour=None)

    @contextmanager
    def _catching_signals(self) -> Iterator[None]:
        def handle(number: int, frame: FrameType | None) -> None:
            self._events.put(self._message("signal", number))

        previous = {number: signal.signal(number, handle) for number in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def run_nodes(processes: Sequence[NodeProcess], managed: bool = False) -> int:
    """Run the nodes of a launch until it ends; returns its exit code.

    Managed nodes start themselves; if `managed`, a manager in a process of its own configures and activates them.
    Where ROS 2 is a set of wheels, nodes are discovered on this machine only, unless the environment says otherwise.

    Raises:
        RcdError: there is no ROS 2, or there are two.
    """
    check_installation()
    if not is_sourced():
        keep_discovery_local()
    if managed and any(process.lifecycle for process in processes):
        processes = [*map(waiting, processes), lifecycle_manager(processes)]
    supervisor = Supervisor()
    for process in processes:
        supervisor.add(process.name, node_command(process), process.required)
    return supervisor.run()


def _signal_name(number: int) -> str:
    return signal.Signals(number).name
