"""Runs a node's process: start, spin, end cleanly on a signal, one clear line on bad input."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import rclpy
from rclpy.duration import Duration
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros.installation import check_installation, is_sourced, keep_discovery_local
from rcd_ros.nodes.ros.launcher_watch import end_with_launcher
from rcd_ros.nodes.ros.managed_node import ManagedNode
from rcd_ros.nodes.ros.signals import SignalHandling, ignore_signals
from rcd_ros.nodes.ros.unused_parameters import warn_of_unknown, warn_of_unread_files

LAST_WORDS_S = 0.5
"""How long an ending node waits until what it published last has arrived."""


def run_node(make_node: Callable[[], Node], args: Sequence[str] | None = None) -> int:
    """Make a node, spin it until it is asked to end, and return the process's exit code.

    A managed node starts itself unless its parameter `autostart` is false; when that fails, it ends as for bad input.
    SIGINT and SIGTERM end it with 0. A node ends itself by `raise SystemExit(code)` in a callback. Bad input
    (`RcdError`, a parameter that was refused) ends it with one line on stderr and 2. A node that a launch started
    ends with its launcher.
    """
    logging.basicConfig(level=logging.INFO, format="[%(levelname)s] [%(name)s]: %(message)s")
    end_with_launcher()
    node, signals, signalled = None, None, False
    asked_to_end: Future[None] = Future()
    try:
        signals = _init(args, asked_to_end)
        node = make_node()
        if isinstance(node, ManagedNode):
            node.start()
        warn_of_unknown(node)
        warn_of_unread_files(node, sys.argv if args is None else args)
        rclpy.spin_until_future_complete(node, asked_to_end)
        signalled = True
    except (KeyboardInterrupt, ExternalShutdownException):
        signalled = True
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except (RcdError, ParameterException) as error:
        if signals is not None and signals.received:  # it also ends helper processes of what the node imports
            signalled = True
            return 0
        if node is not None:
            node.get_logger().fatal(str(error))
        else:
            sys.stderr.write(f"[FATAL] {error}\n")
        return 2
    finally:
        if node is not None:
            await_acknowledgements(node.publishers)
            node.destroy_node()
        rclpy.try_shutdown()
        if signalled:
            ignore_signals()  # a repeated signal must not turn the exit code into a failure
    return 0


def await_acknowledgements(publishers: Iterable[Publisher[Any]]) -> None:
    """Let what was published last arrive: messages of a process that ends are lost while they are in transit.

    Waits for the reliable subscriptions of all publishers together at most `LAST_WORDS_S`.
    """
    deadline = time.monotonic() + LAST_WORDS_S
    for publisher in publishers:
        left = deadline - time.monotonic()
        if left <= 0.0 or not rclpy.ok():
            return
        publisher.wait_for_all_acked(Duration(seconds=left))


def _init(args: Sequence[str] | None, asked_to_end: Future[None]) -> SignalHandling:
    """Start rclpy; `asked_to_end` is done soon after a signal has come.

    On a signal rclpy shuts down at once, and a node that wants to leave its controller a trajectory to rest cannot
    publish it any more. So its handlers are replaced.
    """
    check_installation()
    if not is_sourced():
        keep_discovery_local()
    try:
        rclpy.init(args=None if args is None else list(args), signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # of rcl, about the arguments or a parameter file
        raise RcdError(str(error)) from error
    return SignalHandling(lambda: asked_to_end.set_result(None))
