"""Training windows of tasks with goals, cut when they are asked for, the goal chosen in hindsight.

Whatever state was reached later in an episode, the way there was a way to that state (hindsight experience replay,
Andrychowicz et al. 2017). So a window's goal is what its own future reached, k steps on; where that is before the
window's end, the rest of the chunk holds it. Its return counts one for every step at the goal, from there until an
episode of the task would end: the sooner, the better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rcd_ros.data.episodes import Episode
from rcd_ros.data.windows import check_columns, planned_values
from rcd_ros.planning.manifest import NormalizerSpec
from rcd_ros.planning.normalizer import Normalizer
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.training.objective import Batch


@dataclass(frozen=True)
class HindsightWindows:
    """All windows of some episodes, a window for every step but an episode's last observation; normalised.

    Attributes:
        observations: (N, n_obs), every episode's observations one after another.
        values: (N, n_cmd), what is planned to be there.
        reached: (N, n_goal), what would have been the goal, normalised as goals are.
        goal: (n_goal,), where an observation has its goal.
        holding: (n_cmd,), which values stay while the goal is held; the others become `rest`.
        rest: (n_cmd,), planned values at rest.
        starts: (windows,), rows of the windows' newest observations.
        firsts: (windows,), row of the first observation of each window's episode.
        lasts: (windows,), row of the last one.
        returns: (longest + 1,), standardised return by the number of steps to the goal.
        history: observations a planner sees.
        horizon: steps of a chunk.
        final: share of the windows whose goal is the last state of the episode.
    """

    observations: Tensor
    values: Tensor
    reached: Tensor
    goal: Tensor
    holding: Tensor
    rest: Tensor
    starts: Tensor
    firsts: Tensor
    lasts: Tensor
    returns: Tensor
    history: int
    horizon: int
    final: float

    def __len__(self) -> int:
        return len(self.starts)

    def select(self, index: Tensor | slice) -> Batch:
        """The windows at `index`, their goals drawn from torch's generator."""
        start, last = self.starts[index], self.lasts[index]
        ahead = 1 + (torch.rand(len(start), device=start.device) * (last - start)).long()
        to_the_end = torch.rand(len(start), device=start.device) < self.final
        arrival = torch.where(to_the_end, last, torch.minimum(start + ahead, last))
        return self.windows(start, self.firsts[index], arrival)

    def windows(self, start: Tensor, first: Tensor, arrival: Tensor) -> Batch:
        """The windows that begin in these rows, of episodes with these first rows, and reach these rows (each (B,))."""
        back = torch.arange(1 - self.history, 1, device=start.device)
        condition = self.observations[torch.maximum(start[:, None] + back, first[:, None])]
        condition[:, :, self.goal] = self.reached[arrival][:, None]
        row = start[:, None] + torch.arange(1, self.horizon + 1, device=start.device)
        chunk = self.values[torch.minimum(row, arrival[:, None])]
        held_on = (row > arrival[:, None])[:, :, None] & ~self.holding
        return Batch(
            condition=condition.flatten(1),
            chunk=torch.where(held_on, self.rest, chunk),
            returns=self.returns[(arrival - start).clamp(max=len(self.returns) - 1)],
        )

    def sample(self, count: int, seed: int) -> Batch:
        """Some of the windows, always the same ones: for validation."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.select(torch.randint(0, len(self), (count,)))

    def to(self, device: torch.device) -> HindsightWindows:
        """The same windows on another device."""
        moved: dict[str, Any] = {name: each.to(device) for name, each in vars(self).items() if torch.is_tensor(each)}
        return replace(self, **moved)


@dataclass(frozen=True)
class Tracks:
    """Episodes one after another, physical units, not yet cut into windows.

    Attributes:
        observations: (N, n_obs).
        values: (N, n_cmd), what is planned to be there.
        reached: (N, n_goal).
        firsts: (N,), row of the first observation of each row's episode.
        lasts: (N,), row of the last one.
    """

    observations: NDArray[np.float32]
    values: NDArray[np.float32]
    reached: NDArray[np.float32]
    firsts: NDArray[np.int64]
    lasts: NDArray[np.int64]


def has_goals(spec: TaskSpec) -> bool:
    """Whether a task's goal is something it observes."""
    return any(channel.kind == "goal_position" for channel in spec.observations)


def join_tracks(episodes: Sequence[Episode], spec: TaskSpec) -> Tracks:
    """Episodes of one or more steps as tracks.

    Raises:
        RcdError: an episode has fewer columns than the task reads.
    """
    for index, episode in enumerate(episodes):
        check_columns(episode, index, spec)
    lengths = np.array([len(episode) + 1 for episode in episodes])
    ends = lengths.cumsum()
    reached = [column for channel in spec.observations for column in channel.achieved]
    # Nothing leads to an episode's first observation: its planned value is never asked for.
    values = [planned_values(episode, spec.command) for episode in episodes]
    return Tracks(
        observations=np.concatenate([episode.observations[:, spec.observation_columns] for episode in episodes]),
        values=np.concatenate([part[[0, *range(len(part))]] for part in values]),
        reached=np.concatenate([episode.observations[:, reached] for episode in episodes]),
        firsts=np.repeat(ends - lengths, lengths),
        lasts=np.repeat(ends - 1, lengths),
    )


def fit_tracks(tracks: Tracks, spec: TaskSpec, floors: tuple[float, float]) -> NormalizerSpec:
    """Means and standard deviations, of goals those of what was reached; with floors, observed and commanded."""
    observed = tracks.observations.copy()
    observed[:, goal_places(spec)] = tracks.reached
    return NormalizerSpec(
        observation_mean=tuple(observed.mean(axis=0, dtype=np.float64).tolist()),
        observation_std=tuple(np.maximum(observed.std(axis=0, dtype=np.float64), floors[0]).tolist()),
        command_mean=tuple(tracks.values.mean(axis=0, dtype=np.float64).tolist()),
        command_std=tuple(np.maximum(tracks.values.std(axis=0, dtype=np.float64), floors[1]).tolist()),
    )


def goal_places(spec: TaskSpec) -> list[int]:
    """Where an observation vector (n_obs,) has its goal."""
    places: list[int] = []
    begin = 0
    for channel in spec.observations:
        if channel.kind == "goal_position":
            places += range(begin, begin + channel.size)
        begin += channel.size
    return places


def returns_by_arrival(episode_steps: int, discount: float) -> NDArray[np.float32]:
    """(episode_steps + 1,): discounted sum of one for every step at the goal, by the number of steps to it."""
    rewards = np.ones(episode_steps, np.float64) * discount ** np.arange(episode_steps)
    after = np.concatenate((rewards[::-1].cumsum()[::-1], [0.0]))
    return np.concatenate((after[:1], after[:-1])).astype(np.float32)


def cut_in_hindsight(
    tracks: Tracks,
    spec: TaskSpec,
    normalizer: NormalizerSpec,
    history: int,
    horizon: int,
    final: float,
    returns: Tensor,
) -> HindsightWindows:
    """Every window of the tracks; see `HindsightWindows`. `returns` are standardised, by the steps to the goal."""
    places = goal_places(spec)
    scale = Normalizer(normalizer)
    starts = np.flatnonzero(np.arange(len(tracks.lasts)) < tracks.lasts)
    goals = (tracks.reached - scale.observation_mean[places]) / scale.observation_std[places]
    stays = torch.tensor(spec.command.stays)
    return HindsightWindows(
        observations=torch.from_numpy(scale.normalize_observation(tracks.observations)),
        values=torch.from_numpy(scale.normalize_command(tracks.values)),
        reached=torch.from_numpy(goals.astype(np.float32)),
        goal=torch.tensor(places),
        holding=stays,
        rest=torch.from_numpy(scale.normalize_command(np.zeros(spec.command.size))),
        starts=torch.from_numpy(starts),
        firsts=torch.from_numpy(tracks.firsts[starts]),
        lasts=torch.from_numpy(tracks.lasts[starts]),
        returns=returns,
        history=history,
        horizon=horizon,
        final=final,
    )
