"""Rewards, completions and last observations of demonstrations that were recorded without them, by simulation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rcd_ros.data.episodes import Episode
from rcd_ros.errors import RcdError
from rcd_ros.simulation.interface import Simulation
from rcd_ros.tasks.task import Task


@dataclass(frozen=True)
class Recomputed:
    """One demonstration made whole, and what an open-loop replay of its actions achieved.

    Attributes:
        episode: observations as recorded, plus the last one; 1 reward per goal newly completed in these states.
        recorded: goals that the recorded states complete.
        reproduced: goals that the replay completed.
    """

    episode: Episode
    recorded: tuple[str, ...]
    reproduced: tuple[str, ...]


def recompute(
    task: Task, demonstrations: Sequence[Episode], seed: int = 0, last_known: Sequence[bool] | None = None
) -> Iterator[Recomputed]:
    """Make demonstrations whole, one after another.

    The last observation is where one simulated step with the last action leads from the last recorded state: an
    open-loop replay of the whole demonstration may have drifted away by then. An episode counts as terminated when
    all goals are complete, even where the recording goes on for a few steps.

    Args:
        task: one that is scored by completed goals.
        demonstrations: in the layout of the task's data sets; their rewards are ignored.
        seed: of the simulator's sensor noise.
        last_known: of which demonstrations the last observation is the recorded one; None: of none.

    Raises:
        RcdError: the task is not scored by completions, or its simulator is not installed.
    """
    if task.spec.score.kind != "completions":
        raise RcdError(f"task '{task.spec.name}' is not scored by completions; import data that have rewards")
    check_widths(task, demonstrations)
    simulation = task.make_simulation()
    try:
        known = [False] * len(demonstrations) if last_known is None else last_known
        for demonstration, complete in zip(demonstrations, known, strict=True):
            whole = demonstration if complete else _with_last(task, simulation, demonstration, seed)
            episode, recorded = _complete(task, simulation, whole)
            yield Recomputed(episode, recorded, _replay_open_loop(task, simulation, demonstration, seed))
    finally:
        simulation.close()


def check_widths(task: Task, episodes: Sequence[Episode]) -> None:
    """Check that episodes have as many observed and commanded values as the task.

    Raises:
        RcdError: they have not.
    """
    expected = (max(task.spec.observation_columns) + 1, max(task.spec.command.columns) + 1)
    for i, episode in enumerate(episodes):
        widths = (episode.observations.shape[1], episode.actions.shape[1])
        if widths != expected:
            raise RcdError(
                f"episode {i} has {widths[0]} observed and {widths[1]} commanded values a step; "
                f"task '{task.spec.name}' has {expected[0]} and {expected[1]}: name the task they belong to"
            )


def _with_last(task: Task, simulation: Simulation, demonstration: Episode, seed: int) -> Episode:
    scale = np.asarray(task.spec.command.scale)
    simulation.reset(seed)
    simulation.set_state(demonstration.observations[-2])
    last = simulation.step(demonstration.actions[-1] * scale).observation
    observations = np.concatenate((demonstration.observations[:-1], last[None].astype(np.float32)))
    return replace(demonstration, observations=observations)


def _complete(task: Task, simulation: Simulation, demonstration: Episode) -> tuple[Episode, tuple[str, ...]]:
    rewards = np.zeros(len(demonstration), dtype=np.float32)
    completed: set[str] = set()
    for step, observation in enumerate(demonstration.observations[1:]):
        newly = set(simulation.achieved(observation)) - completed
        completed |= newly
        rewards[step] = len(newly)
    goals = tuple(goal for goal in task.spec.score.goals if goal in completed)
    terminated = len(goals) == len(task.spec.score.goals)
    return replace(demonstration, rewards=rewards, terminated=terminated, truncated=not terminated), goals


def _replay_open_loop(task: Task, simulation: Simulation, demonstration: Episode, seed: int) -> tuple[str, ...]:
    scale = np.asarray(task.spec.command.scale)
    simulation.reset(seed)
    completed: set[str] = set()
    for action in demonstration.actions:
        result = simulation.step(action * scale)
        completed.update(result.completed)
        if result.terminated:
            break
    return tuple(goal for goal in task.spec.score.goals if goal in completed)
