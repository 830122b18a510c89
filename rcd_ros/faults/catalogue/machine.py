"""Faults of the machine and of those who operate it: a full disk, a reset in the middle of the motion."""

from __future__ import annotations

import random
import socket

from rcd_ros.faults.checks import plans_on, reports
from rcd_ros.faults.fault import Fault
from rcd_ros.faults.stage import NAMESPACE, Stage
from rcd_ros.launching.bringup import NodeProcess
from rcd_ros.planning.spec import TaskSpec

GROUP = "machine"
RECORDER = "recorder"

DATAGRAMS = 2_000
PORTS = range(10, 30)
"""Where the first participants of a domain listen, from the domain's own ports on."""


def machine_faults(spec: TaskSpec) -> list[Fault]:
    """Faults around the nodes."""
    return [
        Fault(
            "the disk is full while recording",
            GROUP,
            "the recorder says so in its diagnostics and stays; planner and robot go on",
            _record_on_a_full_disk,
            (reports("cannot record", RECORDER), plans_on),
            end=lambda stage: stage.end_guests(),
            seconds=4.0,
        ),
        Fault(
            "random datagrams on the middleware's ports",
            GROUP,
            "the middleware throws them away: planning goes on",
            _throw_datagrams,
            (plans_on,),
        ),
        Fault(
            "the robot is reset while it is planned for",
            GROUP,
            "plans for the old episode are not taken for the new one; the motion begins anew",
            _reset_often,
            (plans_on,),
            seconds=0.0,
        ),
    ]


def _record_on_a_full_disk(stage: Stage) -> None:
    number = sum(1 for _ in stage.folder.glob("bag-*"))
    bag = NodeProcess(
        "bag_recorder_node", RECORDER, {"output": str(stage.folder / f"bag-{number}"), "all": True}, namespace=NAMESPACE
    )
    stage.start(bag)
    reports = stage.witness.last_report
    reports.pop(RECORDER, None)
    stage.wait(lambda: RECORDER in reports)
    stage.processes.fill_disk(RECORDER)
    stage.wait(lambda: reports[RECORDER].level)


def _throw_datagrams(stage: Stage) -> None:
    rng = random.Random(0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(DATAGRAMS):
            port = rng.choice(PORTS) + 7400 + 250 * stage.domain  # DDSI 2.1, section 9.6.1
            sender.sendto(b"RTPS" * (number % 2) + rng.randbytes(200), ("127.0.0.1", port))


def _reset_often(stage: Stage) -> None:
    for _ in range(3):
        stage.reset_robot()
        stage.sleep(0.5)
