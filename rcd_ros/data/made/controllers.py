"""Data from a task's own controller: an episode from each seed, or continuing runs with goal after goal.

In a run, a new goal is set as soon as one is achieved. Every run starts from a seed of its own and is cut into episodes
where goals are achieved, as Minari's maze data are. The runs follow from the seed and their number alone, so that the
number of processes changes nothing but the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from rcd_ros.data.episodes import Episode, EpisodeLog
from rcd_ros.errors import RcdError
from rcd_ros.parallel import map_in_order
from rcd_ros.simulation.interface import Controller, DrivenSimulation
from rcd_ros.suggest import did_you_mean
from rcd_ros.tasks.task import Task

RUN_STEPS = 2_000
"""Control periods of a run."""


@dataclass(frozen=True)
class Run:
    """One uninterrupted run to be made; `index` counts them and, with the seed, determines all its randomness."""

    index: int
    steps: int
    seed: int


def runs_of(steps: int, seed: int) -> list[Run]:
    """Runs of `RUN_STEPS` each that together have `steps` steps, the last one shorter where these do not divide.

    Raises:
        RcdError: less than one step, or a negative seed.
    """
    if steps < 1:
        raise RcdError(f"the number of steps must be at least 1, got {steps}")
    if seed < 0:
        raise RcdError(f"seed must be >= 0, got {seed}")
    begins = range(0, steps, RUN_STEPS)
    return [Run(i, min(RUN_STEPS, steps - begin), seed) for i, begin in enumerate(begins)]


def make_runs(
    task: Task, controller: str, runs: list[Run], workers: int, settings: Mapping[str, object] | None = None
) -> Iterator[list[Episode]]:
    """Drive the runs in several processes; yields each one's episodes, in the order of the runs.

    Args:
        task: made with random goals.
        controller: name of one of the task's.
        runs: what to make.
        workers: processes.
        settings: of the controller, in place of its own.

    Raises:
        RcdError: the task has no such controller, or it does not take these settings.
    """
    check_controller(task, controller, settings)
    return map_in_order(_MakeDriver(task, controller, settings or {}), runs, workers)


def make_episodes(
    task: Task, controller: str, seeds: range, workers: int, settings: Mapping[str, object] | None = None
) -> Iterator[Episode]:
    """Drive an episode from each seed, in several processes; yields them in order.

    Args:
        task: whose simulation is driven.
        controller: name of one of the task's.
        seeds: of simulation and controller, one an episode.
        workers: processes.
        settings: of the controller, in place of its own.

    Raises:
        RcdError: the task has no such controller, or it does not take these settings.
    """
    check_controller(task, controller, settings)
    return map_in_order(_MakeEpisode(task, controller, settings or {}), seeds, workers)


def check_controller(task: Task, controller: str, settings: Mapping[str, object] | None = None) -> None:
    """Make a controller once, so that what it refuses is said before any worker starts.

    Raises:
        RcdError: the task has no such controller, or it does not take these settings.
    """
    make = task.controllers.get(controller)
    if make is None:
        known = ", ".join(task.controllers) or "none"
        raise RcdError(
            f"task '{task.spec.name}' has no controller '{controller}'{did_you_mean(controller, task.controllers)}; "
            f"it has: {known}"
        )
    make(**(settings or {}))


@dataclass(frozen=True)
class _MakeDriver:
    task: Task
    controller: str
    settings: Mapping[str, object]

    def __call__(self) -> Callable[[Run], list[Episode]]:
        simulation = cast(DrivenSimulation, self.task.make_simulation())
        controller = self.task.controllers[self.controller](**self.settings)
        return lambda run: drive_run(simulation, controller, run)


@dataclass(frozen=True)
class _MakeEpisode:
    task: Task
    controller: str
    settings: Mapping[str, object]

    def __call__(self) -> Callable[[int], Episode]:
        simulation = cast(DrivenSimulation, self.task.make_simulation())
        controller = self.task.controllers[self.controller](**self.settings)
        return lambda seed: drive_episode(simulation, controller, seed)


def drive_episode(simulation: DrivenSimulation, controller: Controller, seed: int) -> Episode:
    """One episode from a seed's start to its end; `seed` is of the controller, too."""
    controller.reset(seed)
    log = EpisodeLog(simulation.reset(seed))
    while not log.is_over():
        action = controller.act(log.observations[-1])
        log.add(action, simulation.drive(action))
    return log.episode(seed)


def drive_run(simulation: DrivenSimulation, controller: Controller, run: Run) -> list[Episode]:
    """One run: episodes that end where a goal is achieved, the last one where the run's steps are used up."""
    seed = int(np.random.default_rng([run.seed, run.index]).integers(2**31))
    controller.reset(seed)
    log = EpisodeLog(simulation.reset(seed))
    episodes: list[Episode] = []
    for _ in range(run.steps):
        action = controller.act(log.observations[-1])
        result = simulation.drive(action)
        log.add(action, result)
        if result.completed or result.truncated:
            episodes.append(log.episode(seed, {"run": run.index}))
            log = EpisodeLog(simulation.go_on())
    if len(log):
        episodes.append(log.episode(seed, {"run": run.index}))
    return episodes
