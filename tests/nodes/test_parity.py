"""Bridge, evaluation and bag import execute the same commands for the same trajectories and observations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from rcd_ros.data.bags.bag import Bag
from rcd_ros.data.bags.episodes import read_episodes
from rcd_ros.data.bags.topics import TaskTopics
from rcd_ros.evaluation import rollout
from rcd_ros.evaluation.rollout import Drive, run_episode
from rcd_ros.nodes.bridge.command_intake import CommandIntake
from rcd_ros.nodes.ros.messages import joint_trajectory
from rcd_ros.planning.execution.received_plan import ReceivedPlan
from rcd_ros.planning.execution.receiver import Executed, TrajectoryReceiver
from rcd_ros.planning.execution.stream import StreamSettings
from rcd_ros.planning.execution.trajectory import TrajectoryPoints
from rcd_ros.planning.spec import MotionSpec, TaskSpec
from rcd_ros.simulation.interface import StepResult
from tests.data.bags.bag_files import PERIOD, Event, observe, report, trajectory, write_bag
from tests.nodes.conftest import Peer
from tests.planning.tiny import tiny_spec

SPEC = tiny_spec().model_copy(
    update={"episode_steps": 60, "motion": MotionSpec(velocity=(2.0, 2.0), acceleration=(1.5, 3.0))}
)
STEPS, HORIZON = 60, 6


class Arm:
    """Two joints that follow velocity commands with a lag, and a door that never moves."""

    def __init__(self, spec: TaskSpec) -> None:
        self.spec = spec
        self.commands: list[NDArray[np.float64]] = []

    def reset(self, seed: int) -> NDArray[np.float64]:
        self.steps, self.seen = 0, np.random.default_rng(seed).uniform(-0.2, 0.2, 5)
        return self.seen.copy()

    def step(self, command: ArrayLike) -> StepResult:
        self.commands.append(np.array(command, np.float64))
        self.seen[2:4] += 0.7 * (self.commands[-1] - self.seen[2:4])
        self.seen[:2] += self.spec.control_period * self.seen[2:4]
        self.steps += 1
        return StepResult(self.seen.copy(), 0.0, (), False, self.steps >= STEPS)


class Swinger:
    """Plans smooth random velocities for the arm from the arm's channels only."""

    def __init__(self, spec: TaskSpec) -> None:
        self.spec, self.history, self.horizon, self.nfe = spec, 1, HORIZON, 1

    def reset(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def plan(self, history: NDArray[np.float64]) -> NDArray[np.float64]:
        begin, end = self.random.uniform(-1.0, 1.0, (2, 2))
        return np.linspace(begin, end, HORIZON) - 0.1 * history[-1, :2]


class Recording(TrajectoryReceiver):
    """A receiver that remembers what arrived, when, and what it was asked with."""

    made: list[Recording] = []  # noqa: RUF012  of the class on purpose

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self.arrived: list[tuple[ReceivedPlan, int]] = []
        self.seen: list[NDArray[np.float64]] = []
        self.executed: list[Executed] = []
        self.made.append(self)

    def accept(self, plan: ReceivedPlan, now: int, observation: NDArray[np.float64] | None = None) -> str | None:
        self.arrived.append((plan, now))
        return super().accept(plan, now, observation)

    def execute(self, now: int, observation: NDArray[np.float64]) -> Executed:
        self.seen.append(np.array(observation))
        self.executed.append(super().execute(now, observation))
        return self.executed[-1]


DRIVES = {
    "first action": Drive(StreamSettings()),
    "chunk": Drive(StreamSettings(mode="chunk", execute=HORIZON)),
    "late chunk": Drive(StreamSettings(mode="chunk", execute=HORIZON), latency=3),
    "very late": Drive(StreamSettings(), latency=HORIZON - 1, loss=0.5),
    "lost": Drive(StreamSettings(mode="chunk", execute=3), loss=0.6),
    "ensemble": Drive(StreamSettings(mode="temporal_ensemble"), latency=1, loss=0.7),
    "splice": Drive(StreamSettings(mode="splice", delay=2), latency=2, loss=0.8),
    "shaped": Drive(StreamSettings(mode="chunk", execute=4, shape=True, anchor="measured"), latency=2, loss=0.4),
    "spline": Drive(StreamSettings(mode="splice", shape=True, sampling="spline"), latency=1, loss=0.9),
    "takeover": Drive(
        StreamSettings(mode="splice", shape=True, sampling="spline", stamping="takeover"), latency=1, loss=0.9
    ),
    "timeout": Drive(StreamSettings(mode="chunk", execute=HORIZON), latency=1, loss=0.3, command_timeout=0.25),
    "limited": Drive(StreamSettings(mode="chunk", execute=2), latency=4, loss=0.6, enforces_limits=True),
}
NEVER_HOLDS = ("first action", "chunk")


@pytest.mark.parametrize("name", DRIVES)
def test_bridge_evaluation_and_bag_import_execute_the_same_commands(
    name: str, peer: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = DRIVES[name]
    monkeypatch.setattr(rollout, "TrajectoryReceiver", Recording)
    Recording.made.clear()
    simulation = Arm(SPEC)
    policy = Swinger(SPEC.select([SPEC.observations[0].name]))
    run_episode(simulation, policy, seed=3, drive=drive)  # type: ignore[arg-type]
    (evaluated,) = Recording.made
    commands = np.array([each.command for each in evaluated.executed])
    holds = [each.holds for each in evaluated.executed]
    assert np.array_equal(commands, simulation.commands)
    begin = holds.index(False)
    assert any(holds[begin:]) != (name in NEVER_HOLDS), "the case must show what it is for"
    assert (evaluated.limited > 0) == drive.enforces_limits

    bridge = CommandIntake(peer, SPEC)
    bridge.receiver.timeout, bridge.receiver.enforces_limits = drive.command_timeout, drive.enforces_limits
    bridged = []
    for step in range(STEPS):
        for plan, now in evaluated.arrived:
            if now == step * PERIOD:
                message = joint_trajectory(plan.stamp, tuple(plan.names), points(plan))
                bridge.receive(message, now, observation=evaluated.seen[step])
        bridged.append(bridge.due(step * PERIOD, evaluated.seen[step]))
    assert np.array_equal([command for command, _ in bridged], commands)
    assert [held for _, held in bridged] == holds

    settings = {"command_timeout": drive.command_timeout, "enforce_command_limits": drive.enforces_limits}
    events: list[Event] = [report(0, mode="lockstep", episodes_done=0, **settings)]
    for step in range(STEPS):
        events += observe(step * PERIOD, step * PERIOD, evaluated.seen[step].tolist())
    events += [
        trajectory(
            now + 10 + order,
            plan.stamp,
            np.asarray(plan.commands),
            points(plan).positions,
            ends=np.asarray(plan.time_from_start).tolist(),
        )
        for order, (plan, now) in enumerate(evaluated.arrived)
    ]
    bag = Bag(write_bag(tmp_path / "bag", sorted(events, key=lambda event: event[0])))
    (episode,) = read_episodes(bag, SPEC, TaskTopics(bag, SPEC)).episodes
    assert episode.commands == pytest.approx(commands[begin:-1], abs=1e-6)  # a bag ends with the last observation
    assert episode.held == sum(holds[begin:-1])


def points(plan: ReceivedPlan) -> TrajectoryPoints:
    """The points of a plan as the planner node sends them."""
    velocities = np.asarray(plan.commands, np.float64)
    return TrajectoryPoints(
        np.asarray(plan.time_from_start, np.int64),
        np.empty((len(velocities), 0)) if plan.positions is None else np.asarray(plan.positions, np.float64),
        velocities,
        np.zeros((len(velocities), 0)),
    )
