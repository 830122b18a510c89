"""Episodes laid one after another for training: what a task observes, the actions, rewards and returns, by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Episode, FloatArray, check_columns, known_returns, planned_values, return_to_go
from rcd_ros.planning.spec import TaskSpec

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Tracks:
    """Episodes one after another, physical units: R rows, T + 1 for an episode of T steps.

    Row t of an episode has the observation before step t, row T the one after the last step.

    Attributes:
        observations: (R, n_obs), the observed channels.
        actions: (R, n_cmd), in row t + 1 of an episode the action of step t; row 0 repeats row 1 and is in no chunk.
        rewards: (R,), in row t + 1 the reward of step t; 0 in row 0.
        returns: (R,), discounted return-to-go from a row on; 0 in an episode's last row.
        complete: (R,), whether the return-to-go is known (`episodes.known_returns`).
        firsts: (R,), row of the first observation of each row's episode.
        lasts: (R,), row of the last one.
        terminated: (R,), whether the row's episode terminated; False: it was truncated.
        achieved: (R, n_goal), achieved goal of the row; n_goal is 0 where the task observes no goal.
        desired: (R, n_goal), desired goal of the row.
        succeeded: (R,), whether the episode's last step was rewarded.
    """

    observations: FloatArray
    actions: FloatArray
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

        A chunk may extend beyond an episode's end where it is known what follows: the robot holds still where the
        episode terminated by doing its task, and at a relabelled goal. After the end of a continuing task (a fall) and
        after a truncated episode nothing is known.

        Args:
            horizon: steps of a chunk.
            spec: the task's.
        """
        rows = np.arange(len(self.lasts))
        held = np.full(len(rows), True) if spec.goal_channels else self.terminated & (not spec.continuing)
        return np.flatnonzero((rows < self.lasts) & (held | (rows + horizon <= self.lasts)))

    def inside(self, steps: int) -> IntArray:
        """(N,) rows from which `steps` actions and the observation after them lie inside the episode."""
        return np.flatnonzero(np.arange(len(self.lasts)) + steps <= self.lasts)

    def gained(self, rows: IntArray, steps: int, discount: float) -> FloatArray:
        """(N,) discounted sum of the rewards of the `steps` actions from these rows on, which `inside` has named."""
        ahead = rows[:, None] + np.arange(1, steps + 1)
        gained: FloatArray = (self.rewards[ahead] * discount ** np.arange(steps)).sum(axis=1).astype(np.float32)
        return gained

    def goes_on(self, rows: IntArray, steps: int) -> BoolArray:
        """(N,) whether the episode has not terminated after `steps` actions; a truncated one has not."""
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
        spec: of the task: which columns are observations, actions and goals.
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
    actions = [planned_values(part, spec.command) for part in parts]
    known = [known_returns(part, discount) if spec.continuing else np.full(len(part), True) for part in parts]
    return Tracks(
        observations=np.concatenate(observations, dtype=np.float32),
        actions=np.concatenate([part[[0, *range(len(part))]] for part in actions]),
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
