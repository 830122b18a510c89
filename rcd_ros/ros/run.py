"""The life of a node's process: start, spin, end cleanly on a signal, one clear line on bad input."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any

from rcd_ros.errors import RcdError
from rcd_ros.ros.launcher_watch import end_with_launcher


def run_node(make_node: Callable[[], Any], args: Sequence[str] | None = None) -> int:
    """Make a node, spin it until it is asked to end, and return the process's exit code.

    SIGINT and SIGTERM end it with 0. A node ends itself by `raise SystemExit(code)` in a callback. Bad input
    (`RcdError`, a parameter that was refused) ends it with one line on stderr and 2. A node that a launch started
    ends with its launcher.
    """
    from rcd_ros.ros import ExternalShutdownException, ParameterException, init, spin, try_shutdown

    logging.basicConfig(level=logging.INFO, format="[%(levelname)s] [%(name)s]: %(message)s")
    end_with_launcher()
    node = None
    try:
        init(args=args)
        node = make_node()
        spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except (RcdError, ParameterException) as error:
        if node is not None:
            node.get_logger().fatal(str(error))
        else:
            sys.stderr.write(f"[FATAL] {error}\n")
        return 2
    finally:
        if node is not None:
            node.destroy_node()
        try_shutdown()
    return 0
