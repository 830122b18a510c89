"""A launched node ends with its launcher, even when that was killed and could not say so."""

from __future__ import annotations

import os
import signal
import threading
import time

LAUNCHER_VARIABLE = "RCD_ROS_LAUNCHER"
"""Environment variable by which the supervisor gives its process id to the nodes it starts."""

_LOOK_EVERY = 0.5  # s
_PATIENCE = 10.0  # s for an orderly end


def end_with_launcher() -> None:
    """Watch the launcher that started this process, if one did.

    Once it is gone, this process gets SIGINT; what has not ended by that ends the hard way.
    """
    launcher = os.environ.pop(LAUNCHER_VARIABLE, "")
    if launcher.isdigit():
        threading.Thread(target=_watch, args=(int(launcher),), name="launcher-watch", daemon=True).start()


def _watch(launcher: int) -> None:
    # An orphan is given another parent. Comparing with the launcher's own id also notices one that died at once.
    while os.getppid() == launcher:
        time.sleep(_LOOK_EVERY)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_PATIENCE)
    os._exit(1)
