"""The supervisor of a launch: nothing outlives it, and its exit code says what happened."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from rcd_ros.launching.supervisor import Failure, Supervisor
from tests.waiting import wait_until

PROGRAMS = Path(__file__).parents[1] / "nodes" / "ros" / "programs.py"


def sleeper(seconds: float, code: int = 0) -> list[str]:
    return [sys.executable, "-c", f"import sys, time; time.sleep({seconds}); sys.exit({code})"]


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_crash_is_reported_with_its_code_and_ends_the_launch() -> None:
    output = io.StringIO()
    supervisor = Supervisor(output)
    supervisor.add("steady", sleeper(300))
    supervisor.add("crasher", sleeper(0.2, code=3))
    assert supervisor.run() == 3
    assert "crasher exited with code 3" in output.getvalue()


def test_the_process_that_failed_first_is_known_with_its_last_line(tmp_path: Path) -> None:
    """The second one fails by the signal that it gets because of the first one."""
    spoiled = f"""
import pathlib, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit("spoiled"))
pathlib.Path({str(tmp_path / "ready")!r}).touch()
time.sleep(300)
"""
    culprit = f"""
import pathlib, sys, time
while not pathlib.Path({str(tmp_path / "ready")!r}).exists():
    time.sleep(0.02)
print("nearly there")
sys.exit("no such file")
"""
    output = io.StringIO()
    supervisor = Supervisor(output)
    supervisor.add("spoiled", [sys.executable, "-c", spoiled])
    supervisor.add("culprit", [sys.executable, "-c", culprit])
    assert supervisor.run() == 1
    assert supervisor.failure == Failure("culprit", "exited with code 1", "no such file", 1)
    assert "spoiled exited with code 1" in output.getvalue()


def test_the_normal_end_of_a_required_process_ends_the_launch_with_0() -> None:
    supervisor = Supervisor(io.StringIO())
    supervisor.add("server", sleeper(300))
    supervisor.add("finisher", sleeper(0.2), required=True)
    assert supervisor.run() == 0
    assert supervisor.failure is None


def test_processes_have_the_given_environment_and_are_found_while_they_run() -> None:
    output = io.StringIO()
    supervisor = Supervisor(output, environment={"COLOUR": "green"})
    code = "import os, time; print(os.environ['COLOUR'], os.getpid(), flush=True); time.sleep(1)"
    supervisor.add("painter", [sys.executable, "-c", code])
    seen: list[int | None] = [supervisor.process_id("painter")]

    def look() -> None:
        wait_until(lambda: "green" in output.getvalue(), 20.0)
        seen.append(supervisor.process_id("painter"))

    looker = threading.Thread(target=look)
    looker.start()
    assert supervisor.run() == 0
    looker.join()
    assert seen[0] is None
    assert f"green {seen[1]}" in output.getvalue()
    assert supervisor.process_id("painter") is None


def test_a_process_that_is_not_required_may_end_before_the_others() -> None:
    supervisor = Supervisor(io.StringIO())
    supervisor.add("short", sleeper(0.0))
    supervisor.add("long", sleeper(1.0, code=4))
    assert supervisor.run() == 4


def test_a_launched_node_does_not_outlive_a_killed_launcher() -> None:
    program = (
        "import sys\nfrom rcd_ros.launching.supervisor import Supervisor\nsupervisor = Supervisor()\n"
        f"supervisor.add('echo', [sys.executable, {str(PROGRAMS)!r}, 'echo'])\nsupervisor.run()\n"
    )
    launcher = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    ready = next(line for line in launcher.stdout if "ready, process" in line)
    node = int(ready.split()[-1])
    launcher.kill()
    launcher.communicate()
    wait_until(lambda: not is_alive(node), 20.0)


def test_one_interrupt_leaves_no_orphans_even_of_a_process_that_ignores_it() -> None:
    output = io.StringIO()
    supervisor = Supervisor(output, patience=0.3)
    supervisor.add("steady", sleeper(300))
    supervisor.add("stubborn", [sys.executable, str(PROGRAMS), "stubborn"])

    def interrupt() -> None:
        wait_until(lambda: "child" in output.getvalue(), 20.0)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    assert supervisor.run() == 0
    grandchild = int(output.getvalue().partition("child ")[2].split()[0])
    wait_until(lambda: not is_alive(grandchild), 20.0)
    assert "stubborn was ended by SIGKILL" in output.getvalue()
