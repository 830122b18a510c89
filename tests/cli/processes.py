"""`rcd` as a process of its own: run to its end, or interrupted in the middle."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

RCD = [sys.executable, "-m", "rcd_ros.cli"]


def run_rcd(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run([*RCD, *map(str, arguments)], capture_output=True, text=True, timeout=120.0)


def interrupt_rcd(*arguments: object, when: str) -> tuple[int, str]:
    """Start it, press Ctrl-C once it has written `when`; returns exit code and all output.

    As by a terminal, SIGINT reaches the whole process group.
    """
    process = subprocess.Popen(
        [*RCD, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert process.stdout is not None
    seen = b""
    try:
        while when.encode() not in seen:
            more = os.read(process.stdout.fileno(), 4096)
            assert more, f"it ended before it wrote '{when}': {seen.decode()}"
            seen += more
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=60.0)
        return process.returncode, (seen + rest).decode()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
