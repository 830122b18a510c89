"""A planner's own episodes in the simulator: a data source that needs no download."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rcd_ros.data.episodes import Episode, EpisodeLog
from rcd_ros.data.parallel import map_in_order
from rcd_ros.errors import RcdError
from rcd_ros.planning.planner import Planner
from rcd_ros.simulation.tasks import Task, task_of


def rollouts(
    checkpoint: Path, episodes: int, seed: int = 0, execute: int | None = None, workers: int = 1
) -> tuple[Task, Iterator[Episode]]:
    """Lets a checkpoint's student act in its task's simulator.

    Args:
        checkpoint: its folder.
        episodes: how many; episode i is seeded with `seed` + i, simulator and planner alike.
        seed: of the first episode.
        execute: steps executed before planning again; the checkpoint's own number by default.
        workers: processes.

    Returns:
        The task, and the episodes as they are made, in order.

    Raises:
        RcdError: the checkpoint cannot be used or has no simulator here, or a number is out of range.
    """
    if episodes < 1:
        raise RcdError(f"the number of episodes must be at least 1, got {episodes}")
    planner = Planner.load(checkpoint)
    steps = planner.execute if execute is None else execute
    task, horizon = task_of(planner.spec), planner.horizon
    planner.close()
    if not 1 <= steps <= horizon:
        raise RcdError(f"execute must be between 1 and the planner's horizon {horizon}, got {steps}")
    make = _MakeActor(task, checkpoint, steps)
    return task, map_in_order(make, range(seed, seed + episodes), workers)


@dataclass(frozen=True)
class _MakeActor:
    task: Task
    checkpoint: Path
    execute: int

    def __call__(self) -> _Actor:
        return _Actor(self.task, Planner.load(self.checkpoint), self.execute)


class _Actor:
    """Plays one seeded episode after another."""

    def __init__(self, task: Task, planner: Planner, execute: int) -> None:
        self._simulation = task.make_simulation()
        self._planner = planner
        self._execute = execute
        self._columns = planner.spec.observation_columns
        self._scale = np.asarray(task.spec.command.scale)

    def __call__(self, seed: int) -> Episode:
        planner = self._planner
        planner.reset(seed)
        log = EpisodeLog(self._simulation.reset(seed))
        for step in range(self._simulation.spec.episode_steps):
            due = step % self._execute
            if due == 0:
                seen = log.observations[-planner.history :]
                history = np.array([*[seen[0]] * (planner.history - len(seen)), *seen])
                chunk = planner.plan(history[:, self._columns])
            log.add(chunk[due] / self._scale, self._simulation.step(chunk[due]))
            if log.over:
                break
        return log.episode(seed, {})
