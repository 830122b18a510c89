"""From episodes to transitions: what was observed, what was commanded, what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Episode
from rcd_ros.data.windows import FloatArray, check_columns, known_returns, planned_values, return_to_go
from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec


@dataclass(frozen=True)
class Transitions:
    """N transitions of k control periods, physical units.

    Attributes:
        histories: (N, history, n_obs), oldest observation first; before an episode's start the first one is repeated.
        commands: (N, k, n_cmd), from the last observation of the history on.
        rewards: (N,), discounted sum over the k periods.
        following: (N, history, n_obs), k periods later.
        goes_on: (N,), whether the episode had not ended by itself by then; a time limit ends nothing.
        returns: (N,), discounted return-to-go.
        known: (N,), whether it is complete (`windows.known_returns`).
        first: (N,), whether the history is an episode's start.
    """

    histories: FloatArray
    commands: FloatArray
    rewards: FloatArray
    following: FloatArray
    goes_on: NDArray[np.bool_]
    returns: FloatArray
    known: NDArray[np.bool_]
    first: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rewards)


def cut_transitions(
    episodes: Sequence[Episode], spec: TaskSpec, history: int, periods: int, discount: float
) -> Transitions:
    """Every transition of `periods` control periods, from every step on.

    Raises:
        RcdError: no episode is long enough, or the data set has fewer columns than the task reads.
    """
    parts = [
        _cut_episode(episode, index, spec, history, periods, discount)
        for index, episode in enumerate(episodes)
        if len(episode) >= periods
    ]
    if not parts:
        raise RcdError(f"no episode has {periods} steps, as many as the planner executes of a chunk")
    return Transitions(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _cut_episode(
    episode: Episode, index: int, spec: TaskSpec, history: int, periods: int, discount: float
) -> tuple[NDArray[np.generic], ...]:
    check_columns(episode, index, spec)
    observations = episode.observations[:, spec.observation_columns].astype(np.float32)
    starts = np.arange(len(episode) - periods + 1)
    ahead = starts[:, None] + np.arange(periods)
    past = np.arange(1 - history, 1)
    known = known_returns(episode, discount) if spec.continuing else np.full(len(episode), True)
    return (
        observations[np.clip(starts[:, None] + past, 0, None)],
        planned_values(episode, spec.command)[ahead],
        (episode.rewards[ahead] * discount ** np.arange(periods)).sum(axis=1).astype(np.float32),
        observations[np.clip(starts[:, None] + periods + past, 0, None)],
        (starts + periods < len(episode)) | (not episode.terminated),
        return_to_go(episode.rewards, discount)[starts],
        known[starts],
        starts == 0,
    )
