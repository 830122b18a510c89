"""From episodes to what is learned: observation histories, the chunks that follow them and their return-to-go."""

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


@dataclass(frozen=True)
class Windows:
    """N training windows in physical units.

    Attributes:
        histories: (N, history, n_obs), oldest observation first; before an episode's start the first one is repeated.
        chunks: (N, horizon, n_cmd), the commands from the last observation of the history on.
        returns: (N,), discounted return-to-go from that observation.
        episodes: (N,), index of the episode a window was cut from.
    """

    histories: FloatArray
    chunks: FloatArray
    returns: FloatArray
    episodes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.returns)

    def of_episodes(self, chosen: NDArray[np.int64]) -> Windows:
        """Those windows that were cut from the chosen episodes."""
        return self.select(np.isin(self.episodes, chosen))

    def select(self, mask: NDArray[np.bool_]) -> Windows:
        """Those windows that a mask (N,) keeps."""
        return Windows(self.histories[mask], self.chunks[mask], self.returns[mask], self.episodes[mask])


def cut_windows(episodes: Sequence[Episode], spec: TaskSpec, history: int, horizon: int, discount: float) -> Windows:
    """Every window of every episode.

    Where an episode that ended by itself has done its task, it is continued by holding still (zero velocity or effort,
    the last position), so that its last steps are learned too. The end of a continuing task is a failure: nothing
    follows it. Nothing follows an episode that only ran out of time either, since its end means nothing.

    Raises:
        RcdError: no episode is long enough, or the data set has fewer columns than the task reads.
    """
    return _join(_cut(episodes, spec, history, horizon, discount))


def cut_scored_windows(
    episodes: Sequence[Episode], spec: TaskSpec, history: int, steps: int, discount: float
) -> Windows:
    """Windows for a critic that sees `steps` commands, cut apart from those of a planner: up to the last step.

    In a continuing task the return-to-go before a time limit lacks what would have come. Windows whose return lacks
    more than `UNSEEN_SHARE` of a steady reward's are left out; those before a fall are complete and stay.

    Raises:
        RcdError: no window is left, or the data set has fewer columns than the task reads.
    """
    parts = _cut(episodes, spec, history, steps, discount)
    if not spec.continuing:
        return _join(parts)
    known = [part.select(known_returns(episodes[part.episodes[0]], discount)[: len(part)]) for part in parts]
    if not any(map(len, known)):
        raise RcdError(
            f"task '{spec.name}' goes on without end, and every episode ran out of time within "
            f"{steps_to_see(discount)} steps: no return is known well enough to train a critic; lower discount"
        )
    return _join(known)


UNSEEN_SHARE = 0.05
"""Largest share of a steady reward's discounted return that may lie behind a time limit."""


def steps_to_see(discount: float) -> float:
    """Steps after which less than `UNSEEN_SHARE` of a steady reward's discounted return is left; infinite at 1."""
    return math.inf if discount >= 1.0 else math.ceil(math.log(UNSEEN_SHARE) / math.log(discount))


def known_returns(episode: Episode, discount: float) -> NDArray[np.bool_]:
    """(T,): whether the return-to-go of a continuing task's step is known: it ended in a failure, or far enough away.

    Without discount a return that is cut off is never known.
    """
    left = np.arange(len(episode), 0, -1)
    return np.full(len(episode), True) if episode.terminated else left >= steps_to_see(discount)


def return_to_go(rewards: FloatArray, discount: float) -> FloatArray:
    """Discounted sum of the rewards from each step on, shape (T,)."""
    result = np.zeros(len(rewards), dtype=np.float64)
    running = 0.0
    for step in range(len(rewards) - 1, -1, -1):
        running = float(rewards[step]) + discount * running
        result[step] = running
    return result.astype(np.float32)


def split_episodes(count: int, held_out: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of training and held-out episodes; whole episodes, never steps of the same one on both sides."""
    order = np.random.default_rng(seed).permutation(count)
    held = max(1, round(count * held_out)) if held_out > 0.0 and count > 1 else 0
    return np.sort(order[held:]), np.sort(order[:held])


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


def _cut(episodes: Sequence[Episode], spec: TaskSpec, history: int, horizon: int, discount: float) -> list[Windows]:
    """Every episode's windows, without the episodes that have none."""
    parts = [_cut_episode(e, i, spec, history, horizon, discount) for i, e in enumerate(episodes)]
    parts = [part for part in parts if len(part)]
    if not parts:
        longest = max((len(e.actions) for e in episodes), default=0)
        raise RcdError(f"no episode is long enough for horizon {horizon}; the longest has {longest} steps: lower it")
    return parts


def _join(parts: Sequence[Windows]) -> Windows:
    return Windows(
        np.concatenate([part.histories for part in parts]),
        np.concatenate([part.chunks for part in parts]),
        np.concatenate([part.returns for part in parts]),
        np.concatenate([part.episodes for part in parts]),
    )


def _cut_episode(episode: Episode, index: int, spec: TaskSpec, history: int, horizon: int, discount: float) -> Windows:
    check_columns(episode, index, spec)
    observations = episode.observations[:, spec.observation_columns].astype(np.float32)
    values = planned_values(episode, spec.command)
    if episode.terminated and not spec.continuing:
        last = np.where(spec.command.stays, values[-1], np.float32(0.0))
        values = np.concatenate([values, np.repeat(last[None], horizon - 1, axis=0)])
    starts = np.arange(max(0, len(values) - horizon + 1))
    past = np.clip(starts[:, None] + np.arange(1 - history, 1), 0, None)
    ahead = starts[:, None] + np.arange(horizon)
    returns = return_to_go(episode.rewards, discount)[starts]
    return Windows(observations[past], values[ahead], returns, np.full(len(starts), index, dtype=np.int64))
