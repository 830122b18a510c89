"""Child processes by name: started, watched, signalled and ended, for launches, benchmarks and the fault campaign."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from rcd_ros.nodes.ros.launcher_watch import LAUNCHER_VARIABLE

_DRAIN_S = 5.0
"""How long the last lines of an ended process are read: one that has left the session may keep its output open."""


class Processes:
    """Starts processes and knows which of them run.

    Each leads its own session: signals of the terminal do not reach it, and what it has started ends with it.
    Nodes also end by themselves when this process was killed (`launcher_watch`). Any thread may call the methods.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        on_line: Callable[[str, str], None] = lambda name, line: None,
        on_end: Callable[[str], None] = lambda name: None,
    ) -> None:
        """Prepare.

        Args:
            environment: added to this process's own.
            on_line: called with a name and each line of its output, in a thread for each process.
            on_end: called with the name of a process that has ended, after its last line.
        """
        self._environment = dict(environment or {})
        self._on_line, self._on_end = on_line, on_end
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._watches: dict[str, threading.Thread] = {}
        self._stopped: set[str] = set()

    def start(self, name: str, command: Sequence[str], output: IO[bytes] | None = None) -> None:
        """Start a process under a name that no running one has; its lines go to `on_line`, or all into `output`."""
        child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self._environment, "PYTHONUNBUFFERED": "1", LAUNCHER_VARIABLE: str(os.getpid())},
            start_new_session=True,
        )
        self._children[name] = child
        self._stopped.discard(name)
        self._watches[name] = threading.Thread(target=self._watch, args=(name, child), name=name, daemon=True)
        self._watches[name].start()

    def names(self) -> list[str]:
        """All processes that were started, in that order."""
        return list(self._children)

    def running(self) -> list[str]:
        """Those that have not ended and are not stopped."""
        return [name for name in self._alive() if name not in self._stopped]

    def process_id(self, name: str) -> int | None:
        """The process id of one that has not ended, else None."""
        child = self._children.get(name)
        return child.pid if child is not None and child.returncode is None else None

    def exit_code(self, name: str) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._children[name].returncode

    def send(self, number: signal.Signals, *names: str) -> None:
        """Send a signal to processes and to all that they have started; SIGSTOP and SIGCONT stop and resume them."""
        for name in names:
            if (process := self.process_id(name)) is not None:
                _signal_session(process, number)
                if number == signal.SIGSTOP:
                    self._stopped.add(name)
                elif number == signal.SIGCONT:
                    self._stopped.discard(name)

    def wait(self, *names: str, seconds: float | None = None) -> bool:
        """Wait until processes have ended; False when one has not within `seconds`."""
        deadline = None if seconds is None else time.monotonic() + seconds
        for watch in [self._watches[name] for name in names]:
            watch.join(None if deadline is None else max(deadline - time.monotonic(), 0.0))
        return not any(self._watches[name].is_alive() for name in names)

    def end(
        self,
        *names: str,
        patience: float,
        escalation: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL),
        on_escalation: Callable[[list[str], signal.Signals], None] = lambda late, number: None,
    ) -> None:
        """End processes and wait for them.

        Args:
            names: of processes; all that run where none is named.
            patience: s until the next signal.
            escalation: signals, one after another.
            on_escalation: called with the processes that have not ended, before they get another signal than the first.
        """
        for index, number in enumerate(escalation):
            late = [name for name in self._alive() if not names or name in names]
            if late and index:
                on_escalation(late, number)
            self.send(number, *late)
            self.send(signal.SIGCONT, *late)  # a stopped process handles no signal but SIGKILL
            if self.wait(*late, seconds=patience if number != signal.SIGKILL else None):
                break

    def forget(self, *names: str) -> None:
        """Drop processes that have ended from `names`."""
        for name in names:
            del self._children[name], self._watches[name]

    def _alive(self) -> list[str]:
        return [name for name, watch in self._watches.items() if watch.is_alive()]

    def _watch(self, name: str, child: subprocess.Popen[bytes]) -> None:
        reader = threading.Thread(target=self._read, args=(name, child.stdout), name=f"{name}-output", daemon=True)
        reader.start()
        child.wait()
        _signal_session(child.pid, signal.SIGKILL)  # what it has left running
        reader.join(_DRAIN_S)
        self._on_end(name)

    def _read(self, name: str, stream: IO[bytes] | None) -> None:
        if stream is not None:
            with stream:
                for line in stream:
                    self._on_line(name, line.decode(errors="replace"))


def _signal_session(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
