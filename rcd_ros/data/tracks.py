"""Episodes as a task reads them: the observed columns, the actions, the returns; one after another, physical units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Episode
from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import CommandChannel
from rcd_ros.planning.spec import TaskSpec

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

UNSEEN_SHARE = 0.05
"""Largest share of a steady reward's discounted return that may lie behind a time limit."""


@dataclass(frozen=True)
class Tracks:
    """Episodes one after another, physical units: R rows, T + 1 for an episode of T steps.

    Attributes:
        observations: (R, n_obs), the observed channels.
        commands: (R, n_cmd), in row t + 1 of an episode the action of step t; row 0 repeats row 1 and is in no chunk.
        rewards: (R,), in row t + 1 the reward of step t; 0 in row 0.
        returns: (R,), discounted return-to-go from a row on; 0 in an episode's last row.
        complete: (R,), whether the return-to-go is known (`episodes.known_returns`).
        firsts: (R,), row of the first observation of each row's episode.
        lasts: (R,), row of the last one.
        terminated: (R,), whether the episode ended by itself.
        achieved: (R, n_goal), the goal that hindsight would give; n_goal is 0 where the task observes none.
        desired: (R, n_goal), the goal that the episode had.
        succeeded: (R,), whether the episode's last step was rewarded.
    """

    observations: FloatArray
    commands: FloatArray
    rewards: FloatArray
    returns: FloatArray
    complete: BoolArray
    firsts: IntArray
    lasts: IntArray
    terminated: BoolArray
    achieved: FloatArray
    desired: FloatArray
    succeeded: BoolArray

    def starts(self, horizon: int, spec: TaskSpec) -> IntArray:
        """Rows of the newest observations of all windows with chunks of `horizon` steps, (N,).

        A chunk may go on behind an episode's end where it is known what follows: the robot holds still where the
        episode did its task, or at the goal. Behind the end of a continuing task (a fall) and behind a time limit
        nothing is known.
        """
        rows = np.arange(len(self.lasts))
        held = np.full(len(rows), True) if spec.goal_channels else self.terminated & (not spec.continuing)
        return np.flatnonzero((rows < self.lasts) & (held | (rows + horizon <= self.lasts)))

    def inside(self, steps: int) -> IntArray:
        """Rows from which `steps` actions and the observation after them lie inside the episode, (N,)."""
        return np.flatnonzero(np.arange(len(self.lasts)) + steps <= self.lasts)

    def gained(self, rows: IntArray, steps: int, discount: float) -> FloatArray:
        """(N,) discounted sum of the rewards of the `steps` actions from these rows on."""
        ahead = rows[:, None] + np.arange(1, steps + 1)
        gained: FloatArray = (self.rewards[ahead] * discount ** np.arange(steps)).sum(axis=1).astype(np.float32)
        return gained

    def goes_on(self, rows: IntArray, steps: int) -> BoolArray:
        """(N,) whether the episode has not ended by itself after `steps` actions; a time limit ends nothing."""
        return (rows + steps < self.lasts[rows]) | ~self.terminated[rows]

    def histories(self, rows: IntArray, history: int) -> FloatArray:
        """(N, history, n_obs) up to these rows, oldest first; an episode's first observation repeats before it."""
        back = rows[:, None] + np.arange(1 - history, 1)
        seen: FloatArray = self.observations[np.maximum(back, self.firsts[rows][:, None])]
        return seen


def join_tracks(
    episodes: Sequence[Episode], chosen: Sequence[int] | IntArray, spec: TaskSpec, discount: float
) -> Tracks:
    """The chosen episodes, each of one or more steps, one after another.

    Args:
        episodes: of a data set.
        chosen: indices of one or more of them.
        spec: which columns are observed and commanded.
        discount: of returns, per step.

    Raises:
        RcdError: an episode has fewer columns than the task reads.
    """
    for index in chosen:
        check_columns(episodes[index], int(index), spec)
    parts = [episodes[index] for index in chosen]
    lengths = np.array([len(part) + 1 for part in parts])
    ends = lengths.cumsum()
    achieved = [column for channel in spec.goal_channels for column in channel.achieved]
    desired = [column for channel in spec.goal_channels for column in channel.columns]
    observations = [part.observations[:, spec.observation_columns] for part in parts]
    commands = [planned_values(part, spec.command) for part in parts]
    known = [known_returns(part, discount) if spec.continuing else np.full(len(part), True) for part in parts]
    return Tracks(
        observations=np.concatenate(observations, dtype=np.float32),
        commands=np.concatenate([part[[0, *range(len(part))]] for part in commands]),
        rewards=np.concatenate([np.pad(part.rewards, (1, 0)) for part in parts]),
        returns=np.concatenate([np.pad(return_to_go(part.rewards, discount), (0, 1)) for part in parts]),
        complete=np.concatenate([np.pad(part, (0, 1)) for part in known]),
        firsts=np.repeat(ends - lengths, lengths),
        lasts=np.repeat(ends - 1, lengths),
        terminated=np.repeat([part.terminated for part in parts], lengths),
        achieved=np.concatenate([part.observations[:, achieved] for part in parts]),
        desired=np.concatenate([part.observations[:, desired] for part in parts]),
        succeeded=np.repeat([part.rewards[-1] > 0.0 for part in parts], lengths),
    )


def planned_values(episode: Episode, command: CommandChannel) -> FloatArray:
    """What is planned at each step of an episode, (T, n_cmd), physical units."""
    source = episode.actions if command.source == "action" else episode.observations[1:]
    values: FloatArray = source[:, list(command.columns)] * np.asarray(command.scale, dtype=np.float32)
    return values


def check_columns(episode: Episode, index: int, spec: TaskSpec) -> None:
    """Check that an episode has every column that a task reads.

    Raises:
        RcdError: it has not.
    """
    if spec.command.source == "action" and max(spec.command.columns) >= episode.actions.shape[1]:
        raise RcdError(
            f"task '{spec.name}' commands action column {max(spec.command.columns)}, but episode {index} has only "
            f"{episode.actions.shape[1]} columns: is this the right data set?"
        )
    needed = spec.stored_width
    if episode.observations.shape[1] < needed:
        raise RcdError(
            f"task '{spec.name}' reads observation column {needed - 1}, but episode {index} has only "
            f"{episode.observations.shape[1]} columns: is this the right data set?"
        )


def return_to_go(rewards: FloatArray, discount: float) -> FloatArray:
    """Discounted sum of the rewards from each step on, shape (T,)."""
    result = np.zeros(len(rewards), dtype=np.float64)
    running = 0.0
    for step in range(len(rewards) - 1, -1, -1):
        running = float(rewards[step]) + discount * running
        result[step] = running
    return result.astype(np.float32)


def steps_to_see(discount: float) -> float:
    """Steps after which less than `UNSEEN_SHARE` of a steady reward's discounted return is left; infinite at 1."""
    return math.inf if discount >= 1.0 else math.ceil(math.log(UNSEEN_SHARE) / math.log(discount))


def known_returns(episode: Episode, discount: float) -> NDArray[np.bool_]:
    """(T,): whether the return-to-go of a continuing task's step is known: it ended in a failure, or far enough away.

    Without discount a return that is cut off is never known.
    """
    left = np.arange(len(episode), 0, -1)
    return np.full(len(episode), True) if episode.terminated else left >= steps_to_see(discount)
