"""What the system may refuse; whether it does so here depends on the machine, so its calls are replaced."""

from __future__ import annotations

import ctypes
import errno
import gc
import os
import sys
import threading
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rcd_ros.errors import RcdError
from rcd_ros.nodes.ros import realtime
from rcd_ros.nodes.ros.realtime import QuietCollector, Realtime, stepping_back


@pytest.mark.parametrize(
    ("wishes", "named"),
    [
        (Realtime(cpus=(0, 4096)), "cpu_affinity.* 4096"),
        (Realtime(cpus=(-1,)), "cpu_affinity.* -1"),
        (Realtime(priority=100), "realtime_priority.* 100"),
        (Realtime(priority=-1), "realtime_priority.* -1"),
    ],
)
def test_what_no_system_could_grant_is_refused_at_once(wishes: Realtime, named: str) -> None:
    with pytest.raises(RcdError, match=named):
        wishes.check()


def test_nothing_is_asked_for_unless_it_is_wished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_setaffinity", lambda *call: pytest.fail("asked"))
    monkeypatch.setattr(os, "sched_setscheduler", lambda *call: pytest.fail("asked"))
    monkeypatch.setattr(realtime.ctypes, "CDLL", lambda *args, **options: pytest.fail("asked"))
    Realtime().check()
    assert Realtime().apply() == {}


def test_every_thread_of_the_process_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda *call: calls.append(call))
    monkeypatch.setattr(os, "sched_setscheduler", lambda thread, policy, p: calls.append((thread, policy, p)))
    end = threading.Event()
    threads = [threading.Thread(target=end.wait) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        assert Realtime(cpus=(0,), priority=80).apply() == {}
    finally:
        end.set()
    here = {os.getpid(), *(thread.native_id for thread in threads)}
    cores, priorities = ([call for call in calls if len(call) == length] for length in (2, 3))
    assert here <= {thread for thread, _ in cores} and {cpus for _, cpus in cores} == {(0,)}
    assert here <= {thread for thread, _, _ in priorities}
    assert {call[1:] for call in priorities} == {(os.SCHED_FIFO, os.sched_param(80))}


def test_a_refusal_says_why_and_what_to_do_and_the_other_wishes_are_still_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*call: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    def out_of_cpuset(*call: object) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "sched_setaffinity", out_of_cpuset)
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(realtime.ctypes, "CDLL", lambda *args, **options: SimpleNamespace(mlockall=lambda flags: -1))
    monkeypatch.setattr(realtime.ctypes, "get_errno", lambda: errno.ENOMEM)
    monkeypatch.setattr(os, "open", refuse)
    refused = Realtime(cpus=(0,), priority=80, lock_memory=True, keep_awake=True).apply()
    assert refused["cpu_affinity"].startswith("the system refuses cpu_affinity (Invalid argument): choose among")
    assert refused["realtime_priority"].startswith("the system refuses realtime_priority (Operation not permitted)")
    assert "'rtprio 99' in /etc/security/limits.conf" in refused["realtime_priority"]
    assert refused["lock_memory"].startswith("the system refuses lock_memory (Cannot allocate memory)")
    assert "--ulimit memlock=-1" in refused["lock_memory"]
    assert refused["keep_awake"].startswith("the system refuses keep_awake (Operation not permitted): let the user")
    assert all("\n" not in sentence for sentence in refused.values())


def test_staying_awake_is_asked_for_as_the_kernel_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    latency = tmp_path / "cpu_dma_latency"
    latency.touch()
    monkeypatch.setattr(realtime, "WAKE_UP_LATENCY", latency)
    assert Realtime(keep_awake=True).apply() == {}
    assert latency.read_bytes() == bytes(4)
    assert str(latency) in {os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()}, (
        "closed, it is forgotten"
    )


def test_new_threads_need_cores_and_priority_only() -> None:
    wishes = Realtime(cpus=(0,), priority=80, lock_memory=True, keep_awake=True)
    assert wishes.for_new_threads() == Realtime(cpus=(0,), priority=80)


@pytest.mark.parametrize("granted", [os.SCHED_FIFO, os.SCHED_OTHER])
def test_a_thread_that_steps_back_does_without_real_time(monkeypatch: pytest.MonkeyPatch, granted: int) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(os, "sched_getscheduler", lambda thread: granted)
    monkeypatch.setattr(os, "sched_setscheduler", lambda *call: calls.append(call))
    library = SimpleNamespace(syscall=lambda number, thread, *rest: calls.append(("attributes", thread)))
    monkeypatch.setattr(realtime.ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(realtime.platform, "machine", lambda: "x86_64")
    before = sys.getswitchinterval()
    with stepping_back():
        assert sys.getswitchinterval() <= 1e-4
    back = [(0, os.SCHED_OTHER, os.sched_param(0)), ("attributes", 0)]
    assert calls == (back if granted == os.SCHED_FIFO else [])
    assert sys.getswitchinterval() == before


def test_short_turns_are_asked_for_as_the_kernel_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own answer: 0, or that it knows no such call; a malformed one would be EINVAL or E2BIG."""
    answers: list[int] = []
    library = ctypes.CDLL(None, use_errno=True)

    def ask(*call: object) -> None:
        answers.append(0 if library.syscall(*call) == 0 else ctypes.get_errno())

    def step_back() -> None:
        with stepping_back():
            pass

    monkeypatch.setattr(os, "sched_getscheduler", lambda thread: os.SCHED_FIFO)
    monkeypatch.setattr(os, "sched_setscheduler", lambda *call: None)
    monkeypatch.setattr(realtime.ctypes, "CDLL", lambda name: SimpleNamespace(syscall=ask))
    thread = threading.Thread(target=step_back)
    thread.start()
    thread.join()
    assert answers in ([], [0], [errno.ENOSYS])


class _Itself:
    def __init__(self) -> None:
        self.itself = self


def test_the_collector_rests_while_planning_and_works_again_afterwards() -> None:
    collector = QuietCollector()
    collector.collect()
    collector.freeze()
    try:
        assert gc.get_freeze_count() > 0
        assert not gc.isenabled()
        garbage = _Itself()
        gone = weakref.ref(garbage)
        del garbage
        assert gone() is not None
        collector.collect()
        assert gone() is None, "what was made since is still freed"
    finally:
        collector.release()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    collector.release()
