"""Faults of processes and of the machine: killed, stopped, started twice; a full disk, stray datagrams, resets."""

from __future__ import annotations

import random
import resource
import signal
import socket

from rcd_ros.faults.checks import exits, no_plans, plans_on, reports, writes
from rcd_ros.faults.fault import Fault
from rcd_ros.faults.harness import END_PATIENCE_S, NAMESPACE, PLANNER_NODE, Harness
from rcd_ros.launching.node_process import NodeProcess
from rcd_ros.nodes.recorder import RECORDER
from rcd_ros.planning.spec import TaskSpec

PROCESSES, MACHINE = "processes", "machine"
"""Groups."""
RIVAL = "rival"
LARGEST_FILE = 128 * 1024
"""Bytes that a process may write into a file where the disk is full; its log still has room."""
DATAGRAMS = 2_000
PORTS = range(10, 30)
"""Where the first participants of a domain listen, from the domain's own ports on."""


def process_faults(spec: TaskSpec) -> list[Fault]:
    """Faults of planner and bridge as processes."""
    robot = f"{spec.name}_bridge"
    return [
        _ends(
            "the planner is killed",
            "the arm follows its plan to the end and comes to rest; it follows the planner once that is started again",
            PLANNER_NODE,
            -signal.SIGKILL,
            quick=True,
        ),
        _ends("the planner is asked to end", "it ends with code 0, the arm comes to rest", PLANNER_NODE, 0),
        _hangs(
            "the planner hangs",
            "the arm comes to rest; a resumed planner makes no plan of stale observations, and plans on",
            PLANNER_NODE,
        ),
        _ends(
            "the bridge is killed",
            "the planner stops planning and reports it; it plans on, with a new history, once the bridge is back",
            robot,
            -signal.SIGKILL,
        ),
        _hangs("the bridge hangs", "the planner stops planning, and plans on when the bridge is resumed", robot),
        Fault(
            "a second planner",
            PROCESSES,
            "each plan is judged like every other: the motion stays inside its limits",
            _start_second_planner,
            (plans_on,),
            end=lambda harness: harness.end_guests(),
            seconds=10.0,
            ends=(RIVAL,),
        ),
        Fault(
            "a second bridge",
            PROCESSES,
            "it ends with code 2 and one sentence before it has published anything; the first goes on",
            _start_second_bridge,
            (exits(RIVAL, 2), writes("another node publishes", RIVAL), plans_on),
            seconds=0.0,
            ends=(RIVAL,),
        ),
    ]


def machine_faults(spec: TaskSpec) -> list[Fault]:
    """Faults around the nodes."""
    return [
        Fault(
            "the disk is full while recording",
            MACHINE,
            "the recorder reports it in its diagnostics and stays; planner and robot go on",
            _record_on_a_full_disk,
            (reports("cannot record", RECORDER), plans_on),
            end=lambda harness: harness.end_guests(),
            seconds=4.0,
        ),
        Fault(
            "random datagrams on the middleware's ports",
            MACHINE,
            "the middleware drops them: planning goes on",
            _send_datagrams,
            (plans_on,),
        ),
        Fault(
            "the robot is reset while it is planned for",
            MACHINE,
            "plans for the old episode are not followed in the new one; the motion starts again",
            _reset_often,
            (plans_on,),
            seconds=0.0,
        ),
    ]


def _ends(name: str, expected: str, process: str, code: int, quick: bool = False) -> Fault:
    """Planner or bridge ends with `code` (negative: by a signal), and is started again."""
    of_planner = process == PLANNER_NODE

    def begin(harness: Harness) -> None:
        harness.processes.send(signal.Signals(-code) if code else signal.SIGINT, process)
        harness.processes.wait(process, seconds=END_PATIENCE_S)

    return Fault(
        name,
        PROCESSES,
        expected,
        begin,
        (exits(process, code), *(() if of_planner else (no_plans,))),
        end=lambda harness: harness.start(harness.planner() if of_planner else harness.bridge()),
        rests=of_planner,
        ends=(process,),
        quick=quick,
    )


def _hangs(name: str, expected: str, process: str) -> Fault:
    """Planner or bridge is stopped, and resumed."""
    return Fault(
        name,
        PROCESSES,
        expected,
        lambda harness: harness.processes.send(signal.SIGSTOP, process),
        (no_plans,),
        end=lambda harness: harness.processes.send(signal.SIGCONT, process),
        rests=process == PLANNER_NODE,
    )


def _start_second_planner(harness: Harness) -> None:
    """One with other noise, not behind the proxy: the bridge receives from two publishers."""
    harness.start(harness.planner(RIVAL, {"seed": 1}, behind_proxy=False))
    harness.wait(lambda: RIVAL in harness.probe.last_report)


def _start_second_bridge(harness: Harness) -> None:
    harness.start(harness.bridge(RIVAL))
    harness.wait(lambda: harness.processes.exit_code(RIVAL) is not None)


def _record_on_a_full_disk(harness: Harness) -> None:
    bag = harness.folder / f"bag-{sum(1 for _ in harness.folder.glob('bag-*'))}"
    parameters = {"output": str(bag), "all": True}
    harness.start(NodeProcess("bag_recorder_node", RECORDER, parameters, namespace=NAMESPACE))
    last = harness.probe.last_report
    last.pop(RECORDER, None)
    harness.wait(lambda: RECORDER in last)
    if (process := harness.processes.process_id(RECORDER)) is not None:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
    harness.wait(lambda: last[RECORDER].level)


def _send_datagrams(harness: Harness) -> None:
    rng = random.Random(0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(DATAGRAMS):
            port = rng.choice(PORTS) + 7400 + 250 * harness.domain  # DDSI 2.1, section 9.6.1
            sender.sendto(b"RTPS" * (number % 2) + rng.randbytes(200), ("127.0.0.1", port))


def _reset_often(harness: Harness) -> None:
    for _ in range(3):
        harness.reset_robot()
        harness.sleep(0.5)
