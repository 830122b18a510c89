"""Nodes as processes that may be killed, stopped, starved and started again; their words go into log files."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from pathlib import Path

from rcd_ros.launching.bringup import NodeProcess
from rcd_ros.launching.supervisor import node_command
from rcd_ros.nodes.ros.launcher_watch import LAUNCHER_VARIABLE

LARGEST_FILE = 128 * 1024
"""Bytes of a file on a disk that is full."""
END_PATIENCE_S = 10.0
"""How long a process may take to end in order."""


class Processes:
    """Starts nodes by name; one started again under its name goes on in the same log."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        """Write logs into `folder`; `environment` is added to this process's own."""
        self._folder = folder
        self._environment = environment
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._hanging: set[str] = set()
        self._marks: dict[str, int] = {}

    def start(self, node: NodeProcess) -> None:
        """Start a node."""
        self.end(node.name)
        environment = {
            **os.environ,
            **self._environment,
            "PYTHONUNBUFFERED": "1",
            LAUNCHER_VARIABLE: str(os.getpid()),
        }
        with self.log_file(node.name).open("ab") as log:
            process = subprocess.Popen(
                node_command(node), stdout=log, stderr=log, env=environment, start_new_session=True
            )
        self._running[node.name] = process

    def log_file(self, name: str) -> Path:
        """Where a node's words go."""
        return self._folder / f"{name}.log"

    def mark_logs(self) -> None:
        """`words` are from now on the new ones."""
        self._marks = {path.stem: path.stat().st_size for path in self._folder.glob("*.log")}

    def words(self, name: str) -> str:
        """What a node has said since `mark_logs`."""
        if not self.log_file(name).exists():
            return ""
        with self.log_file(name).open("rb") as log:
            log.seek(self._marks.get(name, 0))
            return log.read().decode(errors="replace")

    def names(self) -> list[str]:
        """All nodes that were started and not ended by us."""
        return list(self._running)

    def exit_code(self, name: str) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._running[name].poll()

    def exit_codes(self) -> dict[str, int | None]:
        """`exit_code` of each."""
        return {name: process.poll() for name, process in self._running.items()}

    def running(self) -> list[str]:
        """Those that have neither ended nor been made to hang."""
        return [name for name, process in self._running.items() if process.poll() is None and name not in self._hanging]

    def interrupt(self, name: str) -> None:
        """Press Ctrl-C."""
        self._running[name].send_signal(signal.SIGINT)

    def hang(self, name: str) -> None:
        """A node does nothing any more, until `wake`."""
        self._hanging.add(name)
        self._running[name].send_signal(signal.SIGSTOP)

    def wake(self, name: str) -> None:
        """It goes on where it was."""
        self._hanging.discard(name)
        self._running[name].send_signal(signal.SIGCONT)

    def fill_disk(self, name: str) -> None:
        """From now on a node can write no large file on, as if the disk were full; its log still has room."""
        resource.prlimit(self._running[name].pid, resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))

    def kill(self, name: str) -> None:
        """End a node at once, as a crash would."""
        self._running[name].kill()
        self._running[name].wait()

    def end(self, name: str) -> int | None:
        """Ask a node to end; its exit code, None where it had to be killed or is unknown."""
        process = self._running.pop(name, None)
        self._hanging.discard(name)
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGINT)
        try:
            return process.wait(END_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return None

    def end_all(self) -> None:
        """Ask all nodes to end, then wait for each."""
        for process in self._running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + END_PATIENCE_S
        for process in self._running.values():
            try:
                process.wait(max(deadline - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()
        self._hanging.clear()
