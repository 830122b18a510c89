"""Training windows of tasks with goals, cut when they are asked for, the goal chosen then.

Whatever state was reached later in an episode, the way there was a way to that state (hindsight experience replay,
Andrychowicz et al. 2017). So a window's goal is what its own future reached, k steps on, or else the goal that the
episode had and came to at its end. Where that is before the window's end, the rest of the chunk holds the goal. A
window's return counts one for every step at the goal, from there until an episode of the task would end: the sooner,
the better.
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
from rcd_ros.planning.representation import Normalizer
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.training.objective import Batch


@dataclass(frozen=True)
class HindsightWindows:
    """All windows of some episodes, a window for every step but an episode's last observation; normalised.

    Attributes:
        observations: (N, n_obs), every episode's observations one after another.
        values: (N, n_cmd), what is planned to be there.
        reached: (N, n_goal), what would have been the goal in hindsight.
        asked: (N, n_goal), what was the goal.
        goal_scale: (2, n_goal), mean and standard deviation by which an observation has its goal normalised.
        value_scale: (2, n_cmd), the same for planned values.
        goal: (n_goal,), where an observation has its goal.
        held: (n_goal,), where the planned values have what the goal is about.
        holding: (n_cmd,), which values stay while the goal is held; the others become zero.
        starts: (windows,), rows of the windows' newest observations.
        firsts: (windows,), row of the first observation of each window's episode.
        lasts: (windows,), row of the last one.
        came: (windows,), whether the episode came to its own goal at its end.
        returns: (longest + 1,), standardised return by the number of steps to the goal.
        history: observations a planner sees.
        horizon: steps of a chunk.
        own: share of the windows that have the episode's own goal, where it came to it.
    """

    observations: Tensor
    values: Tensor
    reached: Tensor
    asked: Tensor
    goal_scale: Tensor
    value_scale: Tensor
    goal: Tensor
    held: Tensor
    holding: Tensor
    starts: Tensor
    firsts: Tensor
    lasts: Tensor
    came: Tensor
    returns: Tensor
    history: int
    horizon: int
    own: float

    def __len__(self) -> int:
        return len(self.starts)

    def select(self, index: Tensor | slice) -> Batch:
        """The windows at `index`, their goals drawn from torch's generator."""
        start, last = self.starts[index], self.lasts[index]
        ahead = 1 + (torch.rand(len(start), device=start.device) * (last - start)).long()
        own = self.came[index] & (torch.rand(len(start), device=start.device) < self.own)
        arrival = torch.where(own, last, torch.minimum(start + ahead, last))
        goal = torch.where(own[:, None], self.asked[arrival], self.reached[arrival])
        return self.windows(start, self.firsts[index], arrival, goal)

    def windows(self, start: Tensor, first: Tensor, arrival: Tensor, goal: Tensor) -> Batch:
        """The windows that begin in these rows and come to these goals.

        Args:
            start: (B,) row of each window's newest observation.
            first: (B,) row where its episode begins.
            arrival: (B,) row where it comes to its goal.
            goal: (B, n_goal), physical units.
        """
        back = torch.arange(1 - self.history, 1, device=start.device)
        condition = self.observations[torch.maximum(start[:, None] + back, first[:, None])]
        condition[:, :, self.goal] = ((goal - self.goal_scale[0]) / self.goal_scale[1])[:, None]
        row = start[:, None] + torch.arange(1, self.horizon + 1, device=start.device)
        chunk = self.values[torch.minimum(row, arrival[:, None])]
        mean, std = self.value_scale
        kept = torch.where(self.holding, self.values[arrival], -mean / std)
        kept[:, self.held] = (goal - mean[self.held]) / std[self.held]
        return Batch(
            condition=condition.flatten(1),
            chunk=torch.where((row > arrival[:, None])[:, :, None], kept[:, None], chunk),
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
        asked: (N, n_goal).
        firsts: (N,), row of the first observation of each row's episode.
        lasts: (N,), row of the last one.
        came: (N,), whether the episode's last step was rewarded: it came to its goal.
    """

    observations: NDArray[np.float32]
    values: NDArray[np.float32]
    reached: NDArray[np.float32]
    asked: NDArray[np.float32]
    firsts: NDArray[np.int64]
    lasts: NDArray[np.int64]
    came: NDArray[np.bool_]


def has_goals(spec: TaskSpec) -> bool:
    """Whether a task's goal is something it observes."""
    return bool(spec.goal_channels)


def join_tracks(episodes: Sequence[Episode], spec: TaskSpec) -> Tracks:
    """Episodes of one or more steps as tracks.

    Raises:
        RcdError: an episode has fewer columns than the task reads.
    """
    for index, episode in enumerate(episodes):
        check_columns(episode, index, spec)
    lengths = np.array([len(episode) + 1 for episode in episodes])
    ends = lengths.cumsum()
    reached = [column for channel in spec.goal_channels for column in channel.achieved]
    asked = [column for channel in spec.goal_channels for column in channel.columns]
    # Nothing leads to an episode's first observation: its planned value is never asked for.
    values = [planned_values(episode, spec.command) for episode in episodes]
    return Tracks(
        observations=np.concatenate([episode.observations[:, spec.observation_columns] for episode in episodes]),
        values=np.concatenate([part[[0, *range(len(part))]] for part in values]),
        reached=np.concatenate([episode.observations[:, reached] for episode in episodes]),
        asked=np.concatenate([episode.observations[:, asked] for episode in episodes]),
        firsts=np.repeat(ends - lengths, lengths),
        lasts=np.repeat(ends - 1, lengths),
        came=np.repeat([episode.rewards[-1] > 0.0 for episode in episodes], lengths),
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
    return [place for channel, places in spec.placed() if channel.kind == "goal_position" for place in places]


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
    own: float,
    returns: Tensor,
) -> HindsightWindows:
    """Every window of the tracks; see `HindsightWindows`. `returns` are standardised, by the steps to the goal."""
    places = goal_places(spec)
    scale = Normalizer(normalizer)
    starts = np.flatnonzero(np.arange(len(tracks.lasts)) < tracks.lasts)
    reached = [column for channel in spec.goal_channels for column in channel.achieved]
    return HindsightWindows(
        observations=torch.from_numpy(scale.normalize_observation(tracks.observations)),
        values=torch.from_numpy(scale.normalize_command(tracks.values)),
        reached=torch.from_numpy(tracks.reached),
        asked=torch.from_numpy(tracks.asked),
        goal_scale=torch.from_numpy(np.stack((scale.observation_mean[places], scale.observation_std[places]))),
        value_scale=torch.from_numpy(np.stack((scale.command_mean, scale.command_std))),
        goal=torch.tensor(places),
        held=torch.tensor([spec.command.columns.index(column) for column in reached]),
        holding=torch.tensor(spec.command.stays),
        starts=torch.from_numpy(starts),
        firsts=torch.from_numpy(tracks.firsts[starts]),
        lasts=torch.from_numpy(tracks.lasts[starts]),
        came=torch.from_numpy(tracks.came[starts]),
        returns=returns,
        history=history,
        horizon=horizon,
        own=own,
    )
