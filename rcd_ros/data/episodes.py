"""Episodes, the data sets they form, and what a task reads of them: actions, columns, returns-to-go."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import CommandChannel
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.simulation.interface import StepResult

FloatArray = NDArray[np.float32]

UNSEEN_SHARE = 0.05
"""Largest share of a steady reward's discounted return that may lie behind a time limit."""


@dataclass(frozen=True)
class Episode:
    """Observations, actions and rewards of T steps, from a reset to the end.

    Attributes:
        observations: (T + 1, n_obs), in the data set's own columns; the last one follows the last action.
        actions: (T, n_act), in the data set's own units (kitchen: normalised, [-1, 1]).
        rewards: (T,).
        terminated: the last step led to a terminal state (goal achieved, or failed for good).
        truncated: it was cut off, by a time limit or the end of a recording: what would have followed is unknown.
        seed: of the environment's reset, where known.
        info: how this episode was made (replays: source episode, speed, noise).
    """

    observations: FloatArray
    actions: FloatArray
    rewards: FloatArray
    terminated: bool
    truncated: bool
    seed: int | None = None
    info: Mapping[str, int | float | str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of steps."""
        return len(self.actions)

    @property
    def total_reward(self) -> float:
        """Undiscounted return; for tasks scored by completions the number of completed goals."""
        return float(self.rewards.sum())


@dataclass(frozen=True)
class Dataset:
    """Episodes under a name, with what is known of their origin.

    Attributes:
        name: Minari id, such as `rcd/kitchen/complete-v0`.
        metadata: `task` (a name, or None), `origin` (how the data were made) and Minari's own entries.
        content_hash: SHA-256 over all episodes' arrays; independent of name and storage format.
        episodes: in stored order.
    """

    name: str
    metadata: dict[str, Any]
    content_hash: str
    episodes: list[Episode]

    @property
    def returns(self) -> NDArray[np.float64]:
        """Undiscounted return of each episode."""
        return np.array([episode.total_reward for episode in self.episodes])


class EpisodeLog:
    """Gathers an episode while it is driven in a simulation."""

    def __init__(self, first: NDArray[np.float64]) -> None:
        """Begin with the observation vector (n_obs,) after the reset."""
        self.observations = [first]
        self._actions: list[NDArray[np.float64]] = []
        self._rewards: list[float] = []
        self._terminated = self._truncated = False

    def __len__(self) -> int:
        """Number of steps so far."""
        return len(self._actions)

    def is_over(self) -> bool:
        """Whether the last step ended the episode."""
        return self._terminated or self._truncated

    def add(self, action: NDArray[np.float64], result: StepResult) -> None:
        """Add a step: the action (n_act,) to record, in the data set's units, and what the simulation answered."""
        self.observations.append(result.observation)
        self._actions.append(action)
        self._rewards.append(result.reward)
        self._terminated, self._truncated = result.terminated, result.truncated

    def episode(self, seed: int, info: Mapping[str, int | float | str] | None = None) -> Episode:
        """The episode so far, of one or more steps."""
        return Episode(
            observations=np.asarray(self.observations, dtype=np.float32),
            actions=np.asarray(self._actions, dtype=np.float32),
            rewards=np.asarray(self._rewards, dtype=np.float32),
            terminated=self._terminated,
            truncated=self._truncated,
            seed=seed,
            info=info or {},
        )


def hash_episodes(episodes: Sequence[Episode]) -> str:
    """SHA-256 (hex) over shapes and values of all episodes, in order."""
    digest = hashlib.sha256()
    for episode in episodes:
        for array in (episode.observations, episode.actions, episode.rewards):
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array, dtype="<f4").tobytes())
        digest.update(bytes((episode.terminated, episode.truncated)))
    return digest.hexdigest()


def split_episodes(count: int, held_out: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of training and held-out episodes; whole episodes, never steps of the same one on both sides.

    Args:
        count: of all episodes.
        held_out: share of them, in [0, 1]; of two or more episodes at least one is held out where it is above 0.
        seed: by which they are drawn.
    """
    order = np.random.default_rng(seed).permutation(count)
    held = max(1, round(count * held_out)) if held_out > 0.0 and count > 1 else 0
    return np.sort(order[held:]), np.sort(order[:held])


def best_episodes(episodes: Sequence[Episode], share: float = 0.1) -> NDArray[np.int64]:
    """Indices of the episodes of highest return that together have at least this share of all steps, best first."""
    ranked = np.argsort([-episode.total_reward for episode in episodes], kind="stable")
    steps = np.array([len(episodes[index]) for index in ranked], np.int64).cumsum()
    return ranked[: np.searchsorted(steps, share * steps[-1]) + 1] if len(steps) else ranked.astype(np.int64)


def planned_values(episode: Episode, command: CommandChannel) -> FloatArray:
    """The actions of an episode as its task plans them, (T, n_cmd), physical units.

    They are the stored actions or, where a task commands states, the observations that follow each step.

    Args:
        episode: of T steps, in the data set's units.
        command: says which columns, and their scale.
    """
    source = episode.actions if command.source == "action" else episode.observations[1:]
    values: FloatArray = source[:, list(command.columns)] * np.asarray(command.scale, dtype=np.float32)
    return values


def check_columns(episode: Episode, index: int, spec: TaskSpec) -> None:
    """Check that an episode has every column that a task reads.

    Args:
        episode: of a data set.
        index: its place there, for the message.
        spec: of the task.

    Raises:
        RcdError: it has fewer columns of observations or actions.
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
    """Return-to-go of each step, (T,): R_t = r_t + discount R_{t+1}, 0 after the last one. `rewards` is (T,)."""
    result = np.zeros(len(rewards), dtype=np.float64)
    running = 0.0
    for step in range(len(rewards) - 1, -1, -1):
        running = float(rewards[step]) + discount * running
        result[step] = running
    return result.astype(np.float32)


def steps_to_see(discount: float) -> float:
    """Fewest n with discount^n <= `UNSEEN_SHARE`: the share of a steady reward's return that lies n steps ahead.

    Args:
        discount: per step, above 0; at 1 the answer is infinite.
    """
    return math.inf if discount >= 1.0 else math.ceil(math.log(UNSEEN_SHARE) / math.log(discount))


def known_returns(episode: Episode, discount: float) -> NDArray[np.bool_]:
    """(T,) whether each step's return-to-go in a continuing task is known.

    It is where the episode terminated, and `steps_to_see` steps or more before an episode was truncated; without
    discount the return of a truncated episode is never known.
    """
    left = np.arange(len(episode), 0, -1)
    return np.full(len(episode), True) if episode.terminated else left >= steps_to_see(discount)
