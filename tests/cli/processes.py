"""`rcd` as a process of its own: run to its end, or interrupted in the middle."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios

RCD = [sys.executable, "-m", "rcd_ros.cli"]


def run_rcd(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run([*RCD, *map(str, arguments)], capture_output=True, text=True, timeout=120.0)


def interrupt_rcd(*arguments: object, when: str) -> tuple[int, str]:
    """Start it on a terminal, press Ctrl-C once it has written `when`; returns exit code and all output.

    As by a terminal, SIGINT reaches the whole process group.
    """
    terminal, its_end = pty.openpty()
    fcntl.ioctl(its_end, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    process = subprocess.Popen([*RCD, *map(str, arguments)], stdout=its_end, stderr=its_end, start_new_session=True)
    os.close(its_end)
    seen = b""
    try:
        while when.encode() not in seen:
            more = _read(terminal)
            assert more, f"it ended before it wrote '{when}': {seen.decode()}"
            seen += more
        os.killpg(process.pid, signal.SIGINT)
        while more := _read(terminal):
            seen += more
        return process.wait(timeout=60.0), seen.decode().replace("\r\n", "\n")
    finally:
        os.close(terminal)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _read(terminal: int) -> bytes:
    """What comes next; nothing once all writers have ended."""
    ready, _, _ = select.select([terminal], [], [], 60.0)
    assert ready, "nothing was written for a minute"
    try:
        return os.read(terminal, 4096)
    except OSError:  # how Linux tells that the other end is closed
        return b""
