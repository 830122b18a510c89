"""What a process can ask of the system to plan in time: cores, priority, locked memory, a quiet garbage collector."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rcd_ros.errors import RcdError

_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4  # on fault: what is never touched needs no memory
_TASKS = Path("/proc/self/task")
_SWITCH_S = 5e-5
_TURN_NS = 100_000  # the least that Linux grants
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}  # the system call's number: the C library may be too old to know it
WAKE_UP_LATENCY = Path("/dev/cpu_dma_latency")


@dataclass(frozen=True)
class Realtime:
    """Wishes that the system may refuse; empty, 0 and false ask for nothing.

    They hold for every thread of the process: a plan waits for the middleware's threads as much as for its own.
    """

    cpus: tuple[int, ...] = ()
    """Cores to run on."""
    priority: int = 0
    """1 to 99: SCHED_FIFO."""
    lock_memory: bool = False
    """Keep all pages in memory."""
    keep_awake: bool = False
    """Keep every core of the machine from sleeping while it waits: waking up takes time, and costs warm caches."""

    def check(self) -> None:
        """Refuse what no system could grant.

        Raises:
            RcdError: a core that this machine does not have, or a priority out of range.
        """
        count = os.cpu_count() or 1
        unknown = [cpu for cpu in self.cpus if not 0 <= cpu < count]
        if unknown:
            raise RcdError(f"cpu_affinity names core {unknown[0]}, this machine has cores 0 to {count - 1}")
        if not 0 <= self.priority <= 99:
            raise RcdError(f"realtime_priority is {self.priority}: set it from 1 to 99, or to 0 for none")

    def for_new_threads(self) -> Realtime:
        """What has to be asked for again when the process has got new threads."""
        return replace(self, lock_memory=False, keep_awake=False)

    def apply(self) -> dict[str, str]:
        """Ask the system.

        Returns:
            What it refused: the parameter's name and a sentence with the reason and the remedy.
        """
        wishes: list[tuple[str, bool, Callable[[], None], str]] = [
            (
                "cpu_affinity",
                bool(self.cpus),
                self._set_affinity,
                "choose among the cores that this process may use (taskset -p shows them; docker: --cpuset-cpus)",
            ),
            (
                "realtime_priority",
                self.priority > 0,
                self._set_priority,
                "give the user 'rtprio 99' in /etc/security/limits.conf and log in again "
                "(docker: --cap-add=sys_nice --ulimit rtprio=99)",
            ),
            (
                "lock_memory",
                self.lock_memory,
                _lock_memory,
                "give the user 'memlock unlimited' in /etc/security/limits.conf and log in again "
                "(docker: --cap-add=ipc_lock --ulimit memlock=-1)",
            ),
            (
                "keep_awake",
                self.keep_awake,
                _keep_awake,
                f"let the user write to {WAKE_UP_LATENCY} (docker: --device={WAKE_UP_LATENCY})",
            ),
        ]
        refused = {}
        for name, wanted, ask, remedy in wishes:
            if not wanted:
                continue
            try:
                ask()
            except OSError as error:
                refused[name] = f"the system refuses {name} ({error.strerror}): {remedy}"
        return refused

    def _set_affinity(self) -> None:
        _linux_only()
        for thread in _threads():
            os.sched_setaffinity(thread, self.cpus)

    def _set_priority(self) -> None:
        _linux_only()
        for thread in _threads():
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(self.priority))


class QuietCollector:
    """Keeps Python's garbage collector out of the way of planning.

    Objects that exist when planning begins are frozen, and the others are collected only when `collect` is called:
    a collection that starts by itself would stop every thread at any time.
    """

    def __init__(self) -> None:
        self._quiet = False

    def freeze(self) -> None:
        """Begin."""
        gc.collect()
        gc.freeze()
        gc.disable()
        self._quiet = True

    def settle(self) -> None:
        """Set aside what has come since it began, too; nothing happens when it was not begun."""
        if self._quiet:
            gc.collect()
            gc.freeze()

    def collect(self) -> None:
        """Free what was made since and refers to itself; quick, since few objects are left."""
        if self._quiet:
            gc.collect()

    def release(self) -> None:
        """Return to normal; nothing happens when it was not begun."""
        if self._quiet:
            self._quiet = False
            gc.unfreeze()
            gc.enable()


@contextmanager
def stepping_back() -> Iterator[None]:
    """Run the body in this thread with low priority, so that it delays the other threads of its process little.

    The interpreter's switch interval is shortened meanwhile. Where the process has SCHED_FIFO, this thread gives it up
    and runs as an ordinary thread with short time slices: an engine that compiles with real-time priority would keep a
    core from the robot's other processes. An ordinary thread can be preempted while it holds the interpreter, which
    delays the threads of its own process. The body should therefore do little in Python.
    """
    interval = sys.getswitchinterval()
    sys.setswitchinterval(min(interval, _SWITCH_S))
    if sys.platform == "linux" and os.sched_getscheduler(0) == os.SCHED_FIFO:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        _take_short_turns()
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def _threads() -> list[int]:
    return [int(task.name) for task in _TASKS.iterdir()]


def _take_short_turns() -> None:
    """Ask for turns of `_TURN_NS` on a core, where Linux lets an ordinary thread choose (6.12); else nothing."""
    number = _SCHED_SETATTR.get(platform.machine())
    if number is not None:
        # struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period, utilisation from and to.
        attributes = struct.pack("=IIQiIQQQII", 56, os.SCHED_OTHER, 0, 0, 0, _TURN_NS, 0, 0, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, attributes, 0)


def _linux_only() -> None:
    if sys.platform != "linux":
        raise OSError(0, f"{sys.platform} cannot do this")


def _lock_memory() -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _keep_awake() -> None:
    """Ask for a wake-up latency of 0 us; the kernel grants it as long as the file is open: until the process ends."""
    os.write(os.open(WAKE_UP_LATENCY, os.O_WRONLY | os.O_CLOEXEC), (0).to_bytes(4, sys.byteorder))
