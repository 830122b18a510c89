"""A launched node ends with its launcher, even when that was killed."""

from __future__ import annotations

import os
import signal
import threading
import time

LAUNCHER_VARIABLE = "RCD_ROS_LAUNCHER"
"""Environment variable with the process id of the launcher, for the nodes that it starts."""

_LOOK_EVERY_S = 0.5
_PATIENCE_S = 10.0
"""How long the node may take to end after SIGINT."""


def end_with_launcher() -> None:
    """Watch the launcher that started this process, if one did.

    Once it is gone, this process gets SIGINT; if it still runs 10 s later, it exits with 1.
    """
    launcher = os.environ.pop(LAUNCHER_VARIABLE, "")
    if launcher.isdigit():
        threading.Thread(target=_watch, args=(int(launcher),), name="launcher-watch", daemon=True).start()


def _watch(launcher: int) -> None:
    # An orphan is given another parent. Comparing with the launcher's own id also notices one that died at once.
    while os.getppid() == launcher:
        time.sleep(_LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_PATIENCE_S)
    os._exit(1)
