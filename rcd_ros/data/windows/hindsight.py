"""Goals in hindsight (HER, Andrychowicz et al. 2017): which goal a training window has, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rcd_ros.data.episodes import FloatArray
from rcd_ros.data.windows.tracks import Tracks
from rcd_ros.planning.representation import Normalizer
from rcd_ros.planning.spec import TaskSpec


@dataclass(frozen=True)
class Hindsight:
    """Goals chosen when windows are drawn (HER, Andrychowicz et al. 2017), in physical units.

    Whatever state was reached later in an episode, the way there was a way to that state. So a window's goal is the
    state k steps on (achieved goal), or the goal that its episode had and came to at its end (desired goal).

    Attributes:
        achieved: (R, n_goal), by row.
        desired: (R, n_goal).
        succeeded: (R,), whether the row's episode came to its desired goal.
        observed: (n_goal,), where an observation has its goal.
        commanded: (n_goal,), where an action has what the goal is about.
        observation_scale: (2, n_goal), mean and standard deviation by which goals are normalised in an observation.
        command_scale: (2, n_goal), the same in an action.
        own: share of the windows of a successful episode that keep its desired goal.
    """

    achieved: Tensor
    desired: Tensor
    succeeded: Tensor
    observed: Tensor
    commanded: Tensor
    observation_scale: Tensor
    command_scale: Tensor
    own: float

    def draw(self, start: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Rows (B,) where windows come to their goals, and the goals (B, n_goal); drawn from torch's generator.

        Args:
            start: (B,), row of each window's newest observation.
            last: (B,), last row of its episode.
        """
        ahead = 1 + (torch.rand(len(start), device=start.device) * (last - start)).long()
        own = self.succeeded[start] & (torch.rand(len(start), device=start.device) < self.own)
        arrival = torch.where(own, last, torch.minimum(start + ahead, last))
        return arrival, torch.where(own[:, None], self.desired[arrival], self.achieved[arrival])

    def to(self, device: torch.device) -> Hindsight:
        """The same goals on another device."""
        moved: dict[str, Any] = {name: each.to(device) for name, each in vars(self).items() if isinstance(each, Tensor)}
        return replace(self, **moved)


def goal_places(spec: TaskSpec) -> list[int]:
    """Where an observation vector (n_obs,) has its goal."""
    return [place for channel, places in spec.placed() if channel.kind == "goal_position" for place in places]


def returns_by_arrival(episode_steps: int, discount: float) -> FloatArray:
    """(episode_steps + 1,): the discounted sum of one for every step at the goal, by the number of steps to it.

    An arrival at once (0 steps) counts like one after a step: no action leads there.
    """
    rewards = np.ones(episode_steps, np.float64) * discount ** np.arange(episode_steps)
    after = np.concatenate((rewards[::-1].cumsum()[::-1], [0.0]))
    return np.concatenate((after[:1], after[:-1])).astype(np.float32)


def choose_goals(tracks: Tracks, spec: TaskSpec, scale: Normalizer, own: float) -> Hindsight:
    """How goals of these episodes are chosen; `own` is the share of `Hindsight.own`."""
    observed = goal_places(spec)
    commanded = [spec.command.columns.index(c) for channel in spec.goal_channels for c in channel.achieved]
    return Hindsight(
        achieved=torch.from_numpy(tracks.achieved),
        desired=torch.from_numpy(tracks.desired),
        succeeded=torch.from_numpy(tracks.succeeded),
        observed=torch.tensor(observed),
        commanded=torch.tensor(commanded),
        observation_scale=torch.from_numpy(np.stack((scale.observation_mean, scale.observation_std))[:, observed]),
        command_scale=torch.from_numpy(np.stack((scale.command_mean, scale.command_std))[:, commanded]),
        own=own,
    )
