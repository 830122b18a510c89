"""Seeded closed-loop episodes: plan, execute k of the H planned commands, plan again.

An episode follows from the policy, the task and its own seed alone, whatever ran before it in the same process, so
that the number of workers changes nothing but the time.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Episode, EpisodeLog
from rcd_ros.data.parallel import map_in_order
from rcd_ros.errors import RcdError
from rcd_ros.evaluation.policy import Policy, ReturnEstimate
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.simulation import Controller, DrivenSimulation, Simulation
from rcd_ros.simulation.tasks import Task

Watch = Callable[[Simulation], None]


class PolicyLoader(Protocol):
    """Loads policy and critic, once in each worker; picklable."""

    def load(self) -> Policy:
        """The policy, ready to plan."""

    def load_critic(self) -> ReturnEstimate | None:
        """What says which return the plans promise, if anything does."""


@dataclass(frozen=True)
class EpisodeResult:
    """One finished episode.

    Attributes:
        episode: what was observed, done and gained; its seed is that of the environment and of the policy's noise.
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


def run_episode(
    simulation: Simulation,
    policy: Policy,
    seed: int,
    execute: int,
    critic: ReturnEstimate | None = None,
    watch: Watch | None = None,
) -> EpisodeResult:
    """Drive one episode to its end.

    Args:
        simulation: of the policy's task.
        policy: planned from the channels of `policy.spec` only.
        seed: of both.
        execute: commands executed of each chunk before the next plan.
        critic: asked about every plan; its time does not count as planning.
        watch: called after the reset and after every step, to draw the scene.
    """
    columns, scale = policy.spec.observation_columns, np.asarray(policy.spec.command.scale)
    log = EpisodeLog(simulation.reset(seed))
    policy.reset(seed)
    history = deque([log.observations[0][columns]] * policy.history, maxlen=policy.history)
    completed_at: dict[str, int] = {}
    planned_at: list[int] = []
    plan_seconds: list[float] = []
    predicted: list[float] = []
    first_plan: NDArray[np.float64] | None = None
    if watch is not None:
        watch(simulation)
    while not log.is_over():
        observed = np.stack(history)
        started = time.perf_counter()
        chunk = policy.plan(observed)
        plan_seconds.append(time.perf_counter() - started)
        planned_at.append(len(log))
        first_plan = chunk if first_plan is None else first_plan
        if critic is not None:
            predicted.append(critic(observed, chunk))
        for command in chunk[:execute]:
            result = simulation.step(command)
            completed_at.update(dict.fromkeys(result.completed, len(log)))
            log.add(command / scale, result)
            history.append(result.observation[columns])
            if watch is not None:
                watch(simulation)
            if log.is_over():
                break
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


def run_episodes(task: Task, source: PolicyLoader, seeds: range, execute: int, workers: int) -> Iterator[EpisodeResult]:
    """Yields the episodes of `seeds`, in order, driven in `workers` processes.

    Raises:
        RcdError: the policy does not fit the task, `execute` is out of range, or a policy or simulator cannot be made.
    """
    return map_in_order(_MakeDriver(task, source, execute), seeds, workers)


def run_controlled(task: Task, controller: str, seeds: range, workers: int) -> Iterator[EpisodeResult]:
    """Yields the episodes of `seeds`, in order, that one of the task's controllers drives in `workers` processes."""
    return map_in_order(_MakeController(task, controller), seeds, workers)


def check_fit(policy: Policy, task: Task, execute: int) -> None:
    """Refuse a policy that reads or commands something else than the task has.

    Raises:
        RcdError: as said, or `execute` is not between 1 and the policy's horizon.
    """
    name = task.spec.name
    if not 1 <= execute <= policy.horizon:
        raise RcdError(f"execute must be between 1 and the planned horizon {policy.horizon}, got {execute}")
    if policy.spec.command != task.spec.command:
        raise RcdError(f"the policy does not command what task '{name}' executes: it was made for another version")
    wanted = policy.spec.observations
    if task.spec.select([channel.name for channel in wanted]).observations != wanted:
        raise RcdError(f"the policy does not observe what task '{name}' shows: it was made for another version")


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
    execute: int

    def __call__(self) -> Callable[[int], EpisodeResult]:
        policy, critic = self.source.load(), self.source.load_critic()
        check_fit(policy, self.task, self.execute)
        simulation = self.task.make_simulation()
        # The first evaluation of a network is slow (allocation, graph optimisation) and says nothing about the others.
        policy.reset(0)
        first = simulation.reset(0)[policy.spec.observation_columns]
        policy.plan(np.tile(first, (policy.history, 1)))
        return lambda seed: run_episode(simulation, policy, seed, self.execute, critic)
