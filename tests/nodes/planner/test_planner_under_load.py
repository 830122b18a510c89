"""The planner node with a planner that the test holds up: what is overtaken, late, refused; how it ends."""

from __future__ import annotations

import errno
import gc
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from numpy.typing import NDArray
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.errors import RcdError
from rcd_ros.nodes.planner import planner_node
from rcd_ros.nodes.planner.parameters import PlannerParameters
from rcd_ros.nodes.planner.planner_node import PlannerNode
from rcd_ros.nodes.ros import listener
from rcd_ros.nodes.ros.messages import joint_state
from rcd_ros.planning.observation.assembler import ObservationAssembler
from tests.nodes.conftest import PATIENCE, Peer
from tests.planning.tiny import tiny_manifest, tiny_spec

PERIOD = 100_000_000


class HeldPlanner:
    """Plans what it sees, one plan for each time that it is allowed to; negative observations have no plan."""

    spec, history, horizon, execute, nfe, seed, counter, sha256 = tiny_spec(), 1, 4, 1, 1, 0, 0, "ab12"
    normalizer = tiny_manifest().normalizer
    engine = SimpleNamespace(name="abacus", choice={"abacus": (0.1, 0.2), "slide rule": (3.0, 4.0)})

    def __init__(self) -> None:
        self.allowed = threading.Semaphore(0)
        self.seen: list[float] = []
        self.calls: list[str] = []
        self.thread = ""

    def warm_up(self) -> None:
        self.calls.append("warm up")

    def plan(self, history: NDArray[np.float64]) -> NDArray[np.float64]:
        self.thread = threading.current_thread().name
        self.seen.append(float(history[-1, 0]))
        assert self.allowed.acquire(timeout=PATIENCE)
        if history[-1, 0] < 0.0:
            raise RcdError("the arm is where it cannot be")
        return np.full((4, 2), history[-1, 0])

    def prepare(self) -> None:
        self.calls.append("prepare")

    def rehearse(self) -> None:
        """Not of interest here, and it comes whenever a test takes its time."""

    def close(self) -> None:
        self.calls.append("close")


class Scene:
    """The node and a peer, served by one executor; `assemblers` are the node's, the newest one last."""

    def __init__(self, arguments: tuple[str, ...], assemblers: Sequence[ObservationAssembler] = ()) -> None:
        self.assemblers = assemblers
        parameters = [item for argument in arguments for item in ("-p", argument)]
        rclpy.init(args=["--ros-args", "-p", "checkpoint:=held", "-p", "max_age:=1.0e+10", *parameters])
        self.planner = planner = HeldPlanner()

        class Node(PlannerNode):
            def make_planner(self, parameters: PlannerParameters) -> HeldPlanner:
                return planner

        self.node = Node()
        self.node.start()
        self.peer = Peer()
        self.executor = SingleThreadedExecutor()
        for node in (self.node, self.peer):
            self.executor.add_node(node)
        self.arm = self.peer.create_publisher(JointState, "joint_states", 10)
        self.door = self.peer.create_publisher(JointState, "object_states", 10)
        self.peer.listen(JointTrajectory, "joint_trajectory")
        self.peer.listen(DiagnosticArray, "diagnostics")
        self.until(lambda: self.arm.get_subscription_count() and self.door.get_subscription_count(), "the planner")

    def show(self, count: int, value: float) -> None:
        """An observation, and wait until the node has taken it in."""
        stamp = PERIOD * count
        self.arm.publish(joint_state(stamp, ("elbow", "wrist"), np.full(2, value), np.zeros(2)))
        self.door.publish(joint_state(stamp, ("door",), np.zeros(1), np.zeros(1)))
        self.until(lambda: self.assemblers[-1].stamp == stamp, "the observation")

    def until(self, condition: Callable[[], object], what: str) -> None:
        self.peer.until(condition, what)

    def values(self) -> dict[str, str]:
        """The newest diagnostics."""
        messages = self.peer.received["diagnostics"]
        return {entry.key: entry.value for entry in messages[-1].status[0].values} if messages else {}

    def end(self) -> None:
        self.planner.allowed.release(1000)
        self.node.destroy_node()
        self.peer.destroy_node()


@pytest.fixture
def scene(domain: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Scene]]:
    scenes: list[Scene] = []
    assemblers: list[ObservationAssembler] = []

    def assemble(*arguments: Any) -> ObservationAssembler:
        assemblers.append(ObservationAssembler(*arguments))
        return assemblers[-1]

    monkeypatch.setattr(planner_node, "ObservationAssembler", assemble)

    def make(*arguments: str) -> Scene:
        scenes.append(Scene(arguments, assemblers))
        return scenes[-1]

    yield make
    for made in scenes:
        made.end()
    rclpy.try_shutdown()  # also where a scene could not be made


def test_the_newest_observation_wins_and_overtaken_ones_are_counted(scene: Callable[..., Scene]) -> None:
    here = scene()
    here.show(1, 0.1)
    here.until(lambda: here.planner.seen == [0.1], "the first plan's begin")
    for count in (2, 3, 4):
        here.show(count, 0.1 * count)
    here.planner.allowed.release(10)
    here.until(lambda: len(here.peer.received["joint_trajectory"]) == 2, "the plans")
    assert set(here.peer.trajectories()) == {PERIOD, 4 * PERIOD}
    assert here.planner.seen == [0.1, 0.4]
    here.until(lambda: here.values().get("plans") == "2", "the diagnostics")
    assert here.values()["dropped: overtaken"] == "2"
    assert int(here.values()["deadlines_missed"]) >= 2, "whoever is overtaken never gets a plan"
    assert here.planner.calls == ["warm up", "prepare", "prepare"], "noise is drawn after publishing"


def test_an_observation_without_a_plan_is_counted_and_the_next_one_planned_on(scene: Callable[..., Scene]) -> None:
    here = scene()
    here.planner.allowed.release(10)
    here.show(1, -1.0)
    here.until(lambda: here.planner.seen, "the refusal")
    here.show(2, 0.5)
    here.until(lambda: 2 * PERIOD in here.peer.trajectories(), "the next plan")
    here.until(lambda: here.values().get("plans") == "1", "the diagnostics")
    assert here.values()["dropped: no plan"] == "1"
    assert PERIOD not in here.peer.trajectories()


def test_by_timer_the_newest_observation_is_planned_on(scene: Callable[..., Scene]) -> None:
    here = scene("trigger:=timer", "rate:=20")
    here.show(1, 0.1)
    here.until(lambda: here.planner.seen == [0.1], "the first tick")
    here.show(2, 0.2)
    here.show(3, 0.3)
    here.planner.allowed.release(10)
    here.until(lambda: 3 * PERIOD in here.peer.trajectories(), "a later tick's plan")
    assert here.planner.seen[-1] == 0.3


def test_warm_up_counts_as_no_plan(scene: Callable[..., Scene]) -> None:
    here = scene()
    here.until(here.values, "the diagnostics")
    assert here.planner.calls == ["warm up"]
    assert (here.values()["plans"], here.values()["plan_ms_max"]) == ("0", "nan")


def test_the_engines_figures_are_told(scene: Callable[..., Scene]) -> None:
    here = scene()
    here.until(here.values, "the diagnostics")
    assert here.values()["engine"] == "abacus"
    assert here.values()["measured: slide rule"] == "3.000 ms p50, 4.000 ms p99"


def test_a_rate_that_is_not_held_is_logged_once_and_shown_as_long_as_it_lasts(
    scene: Callable[..., Scene], capfd: pytest.CaptureFixture[str]
) -> None:
    here = scene("rate:=100000", "deadline:=1.0e-9")
    here.planner.allowed.release(1000)
    for count in range(1, 16):
        here.show(count, 0.1)
        here.until(lambda count=count: count * PERIOD in here.peer.trajectories(), "a plan")
    before = len(here.peer.received["diagnostics"])
    here.until(lambda: len(here.peer.received["diagnostics"]) >= before + 3, "some diagnostics")
    status = here.peer.received["diagnostics"][-1].status[0]
    assert status.level == DiagnosticStatus.WARN
    assert status.message == "15 of 15 observations had no plan within 1e-06 ms in the last 10 s"
    lines = [line for line in capfd.readouterr().err.splitlines() if "cannot be held" in line]
    assert len(lines) == 1
    assert "100000 plans a second cannot be held: " in lines[0]


def test_what_the_system_refuses_is_said_once_and_the_node_goes_on(
    scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*call: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    here = scene("realtime_priority:=80")
    here.planner.allowed.release()
    here.show(1, 0.1)
    here.until(lambda: PERIOD in here.peer.trajectories(), "a plan")
    here.until(lambda: here.values().get("plans") == "1", "the diagnostics")
    sentence = here.values()["refused: realtime_priority"]
    assert sentence.startswith("the system refuses realtime_priority (Operation not permitted): ")
    assert capfd.readouterr().err.count(sentence) == 1


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("cpu_affinity:=[0, 4096]", "cpu_affinity.*4096"),
        ("cpu_affinity:=[a]", "'cpu_affinity'"),
        ("cpu_affinity:=0", "'cpu_affinity'.* 0"),
        ("realtime_priority:=100", "realtime_priority.*100"),
        ("deadline:=-1.0", r"'deadline'.* 0 .*-1"),
        ("rate:=-1.0", r"'rate'.* 0 .*-1"),
    ],
)
def test_parameters_that_cannot_be_are_refused(domain: int, argument: str, named: str) -> None:
    with pytest.raises(RcdError, match=named):
        Scene((argument,))
    rclpy.try_shutdown()


def test_at_its_end_the_plan_in_work_is_awaited(scene: Callable[..., Scene]) -> None:
    here = scene()
    assert gc.get_freeze_count() > 0
    here.show(1, 0.1)
    here.until(lambda: here.planner.seen, "the plan's begin")
    threading.Timer(0.2, here.planner.allowed.release).start()
    here.node.destroy_node()
    assert here.planner.calls[-2:] == ["prepare", "close"]
    assert (gc.get_freeze_count(), gc.isenabled()) == (0, True)


@pytest.mark.parametrize(
    "name", ["planning", "observations"], ids=["in the planning thread", "in the listening thread"]
)
def test_a_planner_that_never_returns_does_not_hold_up_the_end(
    scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """Plans that were quick are made in the listening thread from then on; under load, the first are not."""
    monkeypatch.setattr(planner_node, "STOP_PATIENCE_S", 0.05)
    monkeypatch.setattr(listener, "PATIENCE_S", 0.05)
    here = scene("rate:=0.1")
    count = 1
    while name == "observations" != here.planner.thread and count < 50:
        here.planner.allowed.release()
        here.show(count, 0.1)
        here.until(lambda count=count: count * PERIOD in here.peer.trajectories(), "a plan")
        count += 1
    here.show(count, 0.2)
    here.until(lambda: here.planner.seen[-1:] == [0.2], "the plan's begin")
    assert here.planner.thread == name
    here.node.destroy_node()
    assert "the plan in work has not ended within 0.05 s" in capfd.readouterr().err
    assert "close" not in here.planner.calls, "its network is still in use"
