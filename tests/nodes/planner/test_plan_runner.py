"""What the planning thread does with observations, on a clock that the test sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from trajectory_msgs.msg import JointTrajectory

from rcd_ros.errors import RcdError
from rcd_ros.nodes.planner.parameters import PlannerParameters
from rcd_ros.nodes.planner.plan_runner import PlanRunner, PlanTask
from rcd_ros.nodes.planner.timing import PeriodTimes
from rcd_ros.nodes.planner.trajectory_outputs import TrajectoryOutputs
from rcd_ros.nodes.ros.messages import nanoseconds
from rcd_ros.nodes.ros.raw import deserialize
from rcd_ros.planning.execution.trajectory import ShapedPlan, TrajectoryPoints
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.planner import Planner
from tests.planning.controller import Controller
from tests.planning.tiny import tiny_spec, write_tiny

PERIOD = 100_000_000
SHAPED = {"shape": True, "limits.acceleration": (2.0, 2.0)}


class Scene:
    """A runner with the tiny planner (horizon 4) and what it has published."""

    def __init__(self, folder: Path, **parameters: Any) -> None:
        self.now = 1000 * PERIOD
        self.step = 0
        """What passes whenever the time is read, ns."""
        self.sent: list[bytes] = []
        self.logged: list[str] = []
        self.planner = Planner.load(folder, "onnxruntime")
        outputs = TrajectoryOutputs(tiny_spec(), lambda kind, topic: self.sent.append, (), "gripper", lambda: self.now)
        given = PlannerParameters(**parameters)
        times = PeriodTimes(0.1)
        self.runner = PlanRunner(self.planner, given, outputs, times, self.read_clock, self.logged.append)
        self.runner.begin()

    def read_clock(self) -> int:
        self.now += self.step
        return self.now

    def see(self, periods: float = 1.0, restarts: int = 0, stamp: int | None = None) -> None:
        """Let time pass, and plan on an observation."""
        self.now += round(periods * PERIOD)
        stamp = self.now if stamp is None else stamp
        self.runner.plan(PlanTask(Observation(stamp, np.tile([0.1, 0.2, 0.0, 0.0, 0.5], (2, 1))), stamp, restarts))

    @property
    def newest(self) -> JointTrajectory:
        return deserialize(JointTrajectory, self.sent[-1])


def plan_of(message: JointTrajectory) -> ShapedPlan:
    times = np.array([point.time_from_start.sec * 10**9 + point.time_from_start.nanosec for point in message.points])
    positions, speeds = (
        np.array([list(getattr(p, name)) for p in message.points]) for name in ("positions", "velocities")
    )
    return ShapedPlan(
        nanoseconds(message.header.stamp), TrajectoryPoints(times, positions, speeds, np.empty((len(times), 0)))
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiny(tmp_path / "tiny", gain=0.5)
    return tmp_path / "tiny"


def velocities(message: JointTrajectory) -> NDArray[np.float64]:
    return np.array([list(point.velocities) for point in message.points])


def test_nothing_is_planned_before_it_begins_nor_after_it_has_stopped(folder: Path) -> None:
    here = Scene(folder)
    here.see()
    here.now += PERIOD
    here.runner.stop()
    assert velocities(here.newest)[-1].tolist() == [0.0, 0.0]
    here.see()
    here.runner.stop()
    assert (len(here.sent), here.runner.plans) == (2, 1)
    here.runner.begin()
    here.see()
    assert len(here.sent) == 3


def test_a_hold_brakes_once_from_what_is_commanded_and_nothing_older_is_sent_again(folder: Path) -> None:
    here = Scene(folder, **SHAPED)
    here.runner.hold("nothing is commanded yet")
    assert here.sent == []
    for _ in range(5):
        here.see()
    stamp, before = here.now, velocities(here.newest)
    here.now += PERIOD // 2
    here.runner.hold("the robot is gone")
    assert (here.runner.held_for, nanoseconds(here.newest.header.stamp)) == ("the robot is gone", here.now)
    after = velocities(here.newest)
    assert np.abs(after[0]) == pytest.approx(np.abs(before[0]), abs=0.2 + 1e-9), "2 rad/s^2 for a tenth of a second"
    assert after[-1].tolist() == [0.0, 0.0]
    count = len(here.sent)
    here.runner.hold("still gone")
    here.runner.answer_again(stamp)
    assert len(here.sent) == count
    here.see()
    assert (len(here.sent), here.runner.held_for) == (count + 1, "")


def test_old_observations_and_those_of_the_future_are_not_planned_on(folder: Path) -> None:
    here = Scene(folder)
    here.see(stamp=here.now + 9 * PERIOD)
    here.see(stamp=here.now - 9 * PERIOD)
    assert (here.sent, here.runner.dropped["from the future"], here.runner.dropped["stale"]) == ([], 1, 1)
    assert any("use_sim_time:=true" in line for line in here.logged)


def test_an_observation_ahead_of_the_clock_is_kept_until_a_newer_one_comes(folder: Path) -> None:
    """Pins: a simulator in lockstep waited for ever where the clock of a new episode came after its observation."""
    here = Scene(folder)
    here.see(stamp=here.now + 9 * PERIOD)
    early = here.runner.early
    assert early is not None
    here.now = early.observation.stamp
    here.runner.plan(early)
    assert here.runner.early is None
    assert nanoseconds(here.newest.header.stamp) == early.observation.stamp
    here.see(stamp=here.now - 9 * PERIOD)
    assert here.runner.early is None


def test_a_trajectory_that_is_not_ready_in_time_is_shaped_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pins: a process that paused before it published made a genuine controller jump by 41 mrad in one cycle."""
    here = Scene(folder, **SHAPED, sampling="spline", lead=0.02)
    robot = Controller.at(here.now, np.array([0.1, 0.2]), splices=False)
    for _ in range(5):
        here.see()
        robot.receive(plan_of(here.newest), here.now)
    here.now += PERIOD
    pauses = [3 * PERIOD]
    write = TrajectoryOutputs.write

    def slow(outputs: TrajectoryOutputs, plan: ShapedPlan) -> Any:
        here.now += pauses.pop() if pauses else 0
        return write(outputs, plan)

    monkeypatch.setattr(TrajectoryOutputs, "write", slow)
    here.see(0.0)
    assert not pauses and (here.runner.after_lead, here.runner.plans) == (0, 6)
    before = robot.state(np.array([here.now]))
    assert np.abs(before[1]).max() > 0.01, "it is in motion"
    robot.receive(plan_of(here.newest), here.now)
    for old, new in zip(before, robot.state(np.array([here.now])), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)


def test_without_a_lead_trajectories_are_sent_late_and_counted(folder: Path) -> None:
    here = Scene(folder, **SHAPED, sampling="spline")
    here.step = 1000
    here.see()
    assert (len(here.sent), here.runner.after_lead) == (1, 1)


def test_a_clock_that_begins_anew_begins_a_new_motion(folder: Path) -> None:
    here = Scene(folder, **SHAPED)
    for _ in range(5):
        here.see()
    here.now = 5 * PERIOD
    here.see(restarts=1)
    assert nanoseconds(here.newest.header.stamp) == 6 * PERIOD
    assert np.abs(velocities(here.newest)[0]).max() <= 0.2 + 1e-9, "from rest, as measured"
    assert here.logged == []


def test_a_planner_and_parameters_are_exchanged_without_a_jump(folder: Path, tmp_path: Path) -> None:
    write_tiny(tmp_path / "other", gain=-0.5)
    here = Scene(folder, **SHAPED)
    for _ in range(5):
        here.see()
    before = velocities(here.newest)[0]
    other = Planner.load(tmp_path / "other", "onnxruntime")
    here.runner.check(other, PlannerParameters(**SHAPED))
    assert here.runner.exchange(other) is here.planner
    here.runner.change(PlannerParameters(**SHAPED, mode="splice", seed=3))
    here.see()
    assert velocities(here.newest)[0] == pytest.approx(before, abs=0.2 + 1e-9)
    assert (here.runner.planner, other.seed, other.counter) == (other, 3, 1)


def test_what_the_task_cannot_do_is_refused(folder: Path) -> None:
    here = Scene(folder)
    with pytest.raises(RcdError, match=r"'jerk'.* 2 "):
        here.runner.check(here.planner, PlannerParameters(**{"limits.jerk": (1.0, 2.0, 3.0)}))


@pytest.mark.parametrize(
    ("joints", "topic", "named"),
    [
        (("wirst",), "gripper", "gripper_joints.*'wirst'.*'wrist'.*elbow, wrist"),
        (("wrist", "wrist"), "gripper", "gripper_joints.*twice"),
        (("wrist", "elbow"), "gripper", "gripper_joints.*all"),
        (("wrist",), "joint_trajectory", "gripper.*topic"),
    ],
)
def test_gripper_joints_must_be_some_of_the_commanded_ones(joints: tuple[str, ...], topic: str, named: str) -> None:
    with pytest.raises(RcdError, match=named):
        TrajectoryOutputs(tiny_spec(), lambda kind, name: lambda message: None, joints, topic, lambda: 0)


def test_an_observation_that_an_episode_begins_behind_is_planned_on_when_it_is_shown_again(folder: Path) -> None:
    """A request that had to wait until the planner was loaded made it forget the plan, and nobody ever got another."""
    here = Scene(folder)
    here.see()
    here.runner.begin_episode()
    task = here.runner.answer_again(here.now)
    assert task is not None and len(here.sent) == 1
    here.runner.plan(task)
    assert (len(here.sent), here.runner.plans) == (2, 2)
    assert here.runner.answer_again(here.now) is None and len(here.sent) == 3
    assert here.runner.answer_again(here.now - PERIOD) is None and len(here.sent) == 3
