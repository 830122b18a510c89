"""Child processes: started, stopped, resumed, ended, with all that they have started."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from rcd_ros.launching.processes import Processes
from tests.launching.test_supervisor import PROGRAMS, is_alive
from tests.waiting import wait_until


@pytest.fixture
def processes() -> Processes:
    return Processes({"COLOUR": "green"})


def test_output_goes_into_a_file_and_the_exit_code_is_kept(processes: Processes, tmp_path: Path) -> None:
    program = "import os, sys; print(os.environ['COLOUR']); sys.exit(3)"
    with (tmp_path / "log").open("wb") as log:
        processes.start("painter", [sys.executable, "-c", program], log)
    assert processes.wait("painter", seconds=20.0)
    assert (tmp_path / "log").read_text() == "green\n"
    assert (processes.exit_code("painter"), processes.process_id("painter")) == (3, None)
    assert (processes.names(), processes.running()) == (["painter"], [])
    processes.forget("painter")
    assert processes.names() == []


def test_a_stopped_process_is_not_running_and_still_ends_on_sigint(processes: Processes) -> None:
    for name in ("one", "two"):
        processes.start(name, ["sleep", "300"])  # not Python: SIGINT while that starts ends it with code 1
    processes.send(signal.SIGSTOP, "one")
    assert processes.running() == ["two"]
    processes.send(signal.SIGCONT, "one")
    assert processes.running() == ["one", "two"]
    processes.send(signal.SIGSTOP, "one")
    processes.end("one", patience=20.0)
    assert processes.exit_code("one") == -signal.SIGINT
    assert processes.running() == ["two"]
    processes.end(patience=20.0, escalation=(signal.SIGKILL,))
    assert processes.exit_code("two") == -signal.SIGKILL


def test_escalation_ends_what_ignores_the_first_signal_and_what_it_has_started() -> None:
    lines: list[str] = []
    ended: list[str] = []
    escalations: list[tuple[list[str], signal.Signals]] = []
    processes = Processes(on_line=lambda name, line: lines.append(line), on_end=ended.append)
    processes.start("stubborn", [sys.executable, str(PROGRAMS), "stubborn"])
    wait_until(lambda: any("child" in line for line in lines), 20.0)
    processes.end(
        patience=0.3,
        escalation=(signal.SIGINT, signal.SIGKILL),
        on_escalation=lambda late, number: escalations.append((late, number)),
    )
    assert escalations == [(["stubborn"], signal.SIGKILL)]
    assert ended == ["stubborn"]
    child = int(next(line for line in lines if "child" in line).partition("child ")[2].split()[0])
    wait_until(lambda: not is_alive(child), 20.0)
