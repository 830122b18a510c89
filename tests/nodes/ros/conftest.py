from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rclpy import init, try_shutdown
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

PROGRAMS = Path(__file__).with_name("programs.py")


@pytest.fixture
def start(domain: int) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `programs.py`; what still runs after the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start_program(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(PROGRAMS), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start_program
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def ros(domain: int) -> Iterator[None]:
    """The runtime, started without arguments in this process."""
    init(args=[])
    yield
    try_shutdown()


@pytest.fixture
def spin_until() -> Callable[[Node, Callable[[], bool]], None]:
    """Spins a node until a condition holds; fails after a minute."""

    def spin(node: Node, condition: Callable[[], bool]) -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        deadline = time.monotonic() + 60.0
        while not condition():
            assert time.monotonic() < deadline, "the awaited condition did not come about in a minute"
            executor.spin_once(timeout_sec=0.1)
        executor.shutdown()

    return spin
