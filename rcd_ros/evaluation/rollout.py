"""Seeded closed-loop episodes: plan, send a trajectory, execute it, plan again.

The same classes decide here as on a robot: `CommandStream` makes the trajectories, `TrajectoryReceiver` executes them.

An episode depends only on the policy, the task and its own seed, not on earlier episodes of the same process. The
number of workers changes only the run time.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Episode, EpisodeLog
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.policy import ReturnEstimate
from rcd_ros.parallel import map_in_order
from rcd_ros.planning.execution.received_plan import PointFields, ReceivedPlan, received_plan
from rcd_ros.planning.execution.receiver import TrajectoryReceiver
from rcd_ros.planning.execution.shaping import Anchor
from rcd_ros.planning.execution.stream import CommandStream, StreamSettings
from rcd_ros.planning.execution.trajectory import ShapedPlan
from rcd_ros.planning.planner import Policy
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.interface import Controller, DrivenSimulation, MixedCommands, Simulation
from rcd_ros.tasks.task import Task

Watch = Callable[[Simulation], None]
_LOSSES = 1
"""Second part of the seed of lost trajectories, so that they are independent of the policy's noise."""


class PolicyLoader(Protocol):
    """Loads policy and critic, once in each worker; picklable."""

    def load(self) -> Policy:
        """The policy, ready to plan."""

    def load_critic(self) -> ReturnEstimate | None:
        """The estimate of the return of a plan; None without a critic."""


@dataclass(frozen=True)
class EpisodeResult:
    """One finished episode.

    Attributes:
        episode: observations, actions and rewards; its seed is that of the environment and of the policy's noise.
        completed_at: goal -> step (from 0) at which it was completed.
        planned_at: step of each plan.
        plan_seconds: wall time of each plan (s).
        predicted_returns: what the critic expected at each plan; empty without a critic.
        first_plan: (horizon, n_cmd) in physical units; None where a controller drove.
    """

    episode: Episode
    completed_at: dict[str, int]
    planned_at: tuple[int, ...]
    plan_seconds: tuple[float, ...]
    predicted_returns: tuple[float, ...] = ()
    first_plan: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.episode)

    def value(self, spec: TaskSpec) -> float:
        """What the task scores: number of completed goals, or return."""
        return float(len(self.completed_at)) if spec.score.kind == "completions" else self.episode.total_reward


@dataclass(frozen=True)
class Drive:
    """How plans are executed.

    Attributes:
        settings: of the stream of commands.
        latency: control periods from an observation to the arrival of the trajectory that is planned from it. Until
            the first trajectory arrives the robot holds its position.
        loss: probability that a trajectory does not arrive; drawn from the episode's seed.
        command_timeout: s after the newest trajectory until the robot holds; 0: until its last point has passed.
        enforces_limits: whether the receiver limits the rate of commands (`RateLimiter`).
    """

    settings: StreamSettings
    latency: int = 0
    loss: float = 0.0
    command_timeout: float = 0.0
    enforces_limits: bool = False

    def __post_init__(self) -> None:
        if self.latency < 0:
            raise RcdError(f"the latency of a plan must be 0 or more control periods, got {self.latency}")
        if not 0.0 <= self.loss <= 1.0:
            raise RcdError(f"the loss of trajectories is a probability from 0 to 1, got {self.loss:g}")
        if not 0.0 <= self.command_timeout < float("inf"):
            raise RcdError(f"the command timeout must be 0 or more s, got {self.command_timeout:g}")

    @classmethod
    def chunks(cls, execute: int) -> Drive:
        """`execute` commands of each chunk as it was planned, then the next one."""
        return cls(StreamSettings(mode="chunk", execute=execute))

    @classmethod
    def simulated(cls, spec: TaskSpec, settings: StreamSettings, latency: int | None = None) -> Drive:
        """As `settings` say, of a simulated robot: velocity commands are added to where it is.

        A splice is made while the robot executes: its latency is one period unless it is given, and it commits as many.
        """
        if latency is None:
            latency = int(settings.mode == "splice")
        anchor: Anchor = "measured" if spec.command.interface == "velocity" else "commanded"
        return cls(replace(settings, anchor=anchor, execute=settings.kept, delay=latency), latency)


def run_episode(
    simulation: Simulation,
    policy: Policy,
    seed: int,
    drive: Drive,
    critic: ReturnEstimate | None = None,
    watch: Watch | None = None,
) -> EpisodeResult:
    """Drive one episode to its end.

    Args:
        simulation: of the policy's task.
        policy: planned from the channels of `policy.spec` only.
        seed: of both.
        drive: how its plans are executed.
        critic: asked about every plan; its time does not count as planning.
        watch: called after the reset and after every step, to draw the scene.
    """
    spec = _limited(policy.spec, simulation.spec)
    columns, all_columns = spec.observation_columns, simulation.spec.observation_columns
    scale = np.asarray(spec.command.scale)
    log = EpisodeLog(simulation.reset(seed))
    policy.reset(seed)
    robot = _Robot(spec, simulation, drive, seed)
    history = deque([log.observations[0][columns]] * policy.history, maxlen=policy.history)
    completed_at: dict[str, int] = {}
    planned_at: list[int] = []
    plan_seconds: list[float] = []
    predicted: list[float] = []
    first_plan: NDArray[np.float64] | None = None
    if watch is not None:
        watch(simulation)
    while not log.is_over():
        seen = log.observations[-1][all_columns]
        if robot.wants(seen, len(log)):
            observed = np.stack(history)
            started = time.perf_counter()
            chunk = policy.plan(observed)
            plan_seconds.append(time.perf_counter() - started)
            planned_at.append(len(log))
            first_plan = chunk if first_plan is None else first_plan
            robot.send(chunk, observed[-1], len(log))
            if critic is not None:
                predicted.append(critic(observed, chunk))
        command = robot.command(seen, len(log))
        result = simulation.step(command)
        completed_at.update(dict.fromkeys(result.completed, len(log)))
        log.add(command / scale, result)
        history.append(result.observation[columns])
        if watch is not None:
            watch(simulation)
    return EpisodeResult(
        log.episode(seed), completed_at, tuple(planned_at), tuple(plan_seconds), tuple(predicted), first_plan
    )


def control_episode(simulation: DrivenSimulation, controller: Controller, seed: int) -> EpisodeResult:
    """Let a task's own controller drive one episode to its end; every action counts as a plan. `seed` is of both."""
    log = EpisodeLog(simulation.reset(seed))
    controller.reset(seed)
    completed_at: dict[str, int] = {}
    seconds: list[float] = []
    while not log.is_over():
        started = time.perf_counter()
        action = controller.act(log.observations[-1])
        seconds.append(time.perf_counter() - started)
        result = simulation.drive(action)
        completed_at.update(dict.fromkeys(result.completed, len(log)))
        log.add(action, result)
    return EpisodeResult(log.episode(seed), completed_at, tuple(range(len(log))), tuple(seconds))


class _Robot:
    """The planner's and the robot's end of the connection; a step counts control periods since the reset."""

    def __init__(self, spec: TaskSpec, simulation: Simulation, drive: Drive, seed: int) -> None:
        self._stream = CommandStream(spec, drive.settings)
        self._joints = spec.command.joints
        self._period = round(spec.control_period * 1e9)
        self._drive = drive
        self._losses = np.random.default_rng((seed, _LOSSES))
        interfaces = simulation.interfaces if isinstance(simulation, MixedCommands) else None
        # The robot observes all channels of the task; the policy may select some of them.
        self._receiver = TrajectoryReceiver(
            simulation.spec,
            interfaces=interfaces,
            timeout=drive.command_timeout,
            enforces_limits=drive.enforces_limits,
        )
        self._under_way: deque[tuple[NDArray[np.float64], NDArray[np.float64], int]] = deque()

    def wants(self, observation: NDArray[np.float64], step: int) -> bool:
        """Whether the observation of this step is to be planned on."""
        self._receive(observation, step)
        return self._stream.wants(step * self._period)

    def send(self, chunk: NDArray[np.float64], observation: NDArray[np.float64], step: int) -> None:
        """Take a chunk that was planned from the observation of this step."""
        self._under_way.append((chunk, observation, step))

    def command(self, observation: NDArray[np.float64], step: int) -> NDArray[np.float64]:
        """The command (n_cmd,) of the control period that begins with this step."""
        self._receive(observation, step)
        return self._receiver.execute(step * self._period, observation).command

    def _receive(self, seen: NDArray[np.float64], step: int) -> None:
        """The trajectories of all chunks that are due by this step arrive at a robot that is observed so."""
        while self._under_way and self._under_way[0][2] + self._drive.latency <= step:
            chunk, observation, planned = self._under_way.popleft()
            sent = self._stream.next(chunk, observation, planned * self._period, step * self._period)
            if self._losses.random() < self._drive.loss:
                continue
            problem = self._receiver.accept(self._received(sent), step * self._period, seen)
            # What the robot refuses because it comes too late is no error: the robot holds.
            if problem is not None and not problem.startswith("stale"):
                raise RuntimeError(f"a trajectory was refused: {problem}")

    def _received(self, sent: ShapedPlan) -> ReceivedPlan:
        points = sent.points
        nothing = np.empty((len(points.time_from_start), 0))
        fields = PointFields(points.positions, points.velocities, nothing, points.efforts)
        interfaces = dict(zip(self._joints, self._receiver.interfaces, strict=True))
        return received_plan(self._joints, sent.stamp, points.time_from_start, fields, interfaces)


def run_episodes(task: Task, source: PolicyLoader, seeds: range, drive: Drive, workers: int) -> Iterator[EpisodeResult]:
    """Yields the episodes of `seeds`, in order, driven in `workers` processes.

    Raises:
        RcdError: the policy does not fit the task or cannot be driven so, or a policy or simulator cannot be made.
    """
    return map_in_order(_MakeDriver(task, source, drive), seeds, workers)


def run_controlled(task: Task, controller: str, seeds: range, workers: int) -> Iterator[EpisodeResult]:
    """Yields the episodes of `seeds`, in order, that one of the task's controllers drives in `workers` processes."""
    return map_in_order(_MakeController(task, controller), seeds, workers)


def check_fit(policy: Policy, task: Task, drive: Drive) -> None:
    """Refuse a policy that does not fit the task, or settings that cannot be used.

    Raises:
        RcdError: as said, `execute` is not between 1 and the policy's horizon, plans arrive after their last command,
            or a setting cannot be used.
    """
    name, execute = task.spec.name, drive.settings.execute
    if not 1 <= execute <= policy.horizon:
        raise RcdError(f"execute must be between 1 and the planned horizon {policy.horizon}, got {execute}")
    if drive.latency >= policy.horizon:
        raise RcdError(
            f"a plan that arrives {drive.latency} control periods late is over: it has {policy.horizon} commands, so "
            f"delay must be below {policy.horizon}"
        )
    if policy.spec.command != task.spec.command:
        raise RcdError(f"the policy does not command what task '{name}' executes: it was made for another version")
    wanted = policy.spec.observations
    if task.spec.select([channel.name for channel in wanted]).observations != wanted:
        raise RcdError(f"the policy does not observe what task '{name}' shows: it was made for another version")
    spec = _limited(policy.spec, task.spec)
    if drive.settings.shape and spec.motion is None:
        raise RcdError(f"task '{name}' knows no motion limits of its robot to shape within: leave --shape away")
    CommandStream(spec, drive.settings)


def _limited(spec: TaskSpec, simulated: TaskSpec) -> TaskSpec:
    """A policy's specification; without motion limits, completed by those of the simulated robot."""
    return spec if spec.motion is not None else spec.model_copy(update={"motion": simulated.motion})


@dataclass(frozen=True)
class _MakeController:
    task: Task
    controller: str

    def __call__(self) -> Callable[[int], EpisodeResult]:
        simulation = cast(DrivenSimulation, self.task.make_simulation())
        controller = self.task.controllers[self.controller]()
        return lambda seed: control_episode(simulation, controller, seed)


@dataclass(frozen=True)
class _MakeDriver:
    task: Task
    source: PolicyLoader
    drive: Drive

    def __call__(self) -> Callable[[int], EpisodeResult]:
        policy, critic = self.source.load(), self.source.load_critic()
        check_fit(policy, self.task, self.drive)
        simulation = self.task.make_simulation()
        # The first evaluation of a network is slow (allocation, graph optimisation) and not representative.
        policy.reset(0)
        first = simulation.reset(0)[policy.spec.observation_columns]
        policy.plan(np.tile(first, (policy.history, 1)))
        return lambda seed: run_episode(simulation, policy, seed, self.drive, critic)
