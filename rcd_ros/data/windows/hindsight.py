"""Hindsight experience replay (HER, Andrychowicz et al. 2017): which goal a training window has, and its return."""

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
    """Goals that are chosen when windows are drawn, in physical units.

    A window's goal is the achieved goal of a later row of its episode, each with the same probability (HER's strategy
    `future`), or, where the episode succeeded, with probability `own` the desired goal of its last row.

    Attributes:
        achieved: (R, n_goal), achieved goal by row.
        desired: (R, n_goal), desired goal by row.
        succeeded: (R,), whether the row's episode achieved its desired goal.
        observation_places: (n_goal,), where an observation vector has the desired goal.
        action_places: (n_goal,), where an action has the values that a goal is made of.
        observation_scale: (2, n_goal), mean and standard deviation by which a goal is normalised in an observation.
        action_scale: (2, n_goal), the same in an action.
        own: share of the windows of a successful episode that keep its desired goal.
    """

    achieved: Tensor
    desired: Tensor
    succeeded: Tensor
    observation_places: Tensor
    action_places: Tensor
    observation_scale: Tensor
    action_scale: Tensor
    own: float

    def draw(self, start: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Rows (B,) in which windows achieve their goals, and the goals (B, n_goal); drawn from torch's generator.

        Args:
            start: (B,), row of each window's newest observation, before `last`.
            last: (B,), last row of its episode.
        """
        ahead = 1 + (torch.rand(len(start), device=start.device) * (last - start)).long()
        own = self.succeeded[start] & (torch.rand(len(start), device=start.device) < self.own)
        arrival = torch.where(own, last, torch.minimum(start + ahead, last))
        return arrival, torch.where(own[:, None], self.desired[arrival], self.achieved[arrival])

    def to(self, device: torch.device) -> Hindsight:
        """The same goals on another device."""
        return replace(self, **moved(self, device))


def moved(record: object, device: torch.device) -> dict[str, Any]:
    """The fields of a record that lie on a device, on this one: tensors, and records of them."""
    return {name: each.to(device) for name, each in vars(record).items() if hasattr(each, "to")}


def goal_places(spec: TaskSpec) -> list[int]:
    """Where an observation vector (n_obs,) has the desired goal."""
    return [place for channel, places in spec.placed() if channel.kind == "goal_position" for place in places]


def returns_by_arrival(episode_steps: int, discount: float) -> FloatArray:
    """(episode_steps + 1,): return-to-go by the number of steps to the goal; each step at the goal is rewarded with 1.

    An arrival after 0 steps counts like one after 1: no action leads there.
    """
    rewards = np.ones(episode_steps, np.float64) * discount ** np.arange(episode_steps)
    after = np.concatenate((rewards[::-1].cumsum()[::-1], [0.0]))
    return np.concatenate((after[:1], after[:-1])).astype(np.float32)


def choose_goals(tracks: Tracks, spec: TaskSpec, scale: Normalizer, own: float) -> Hindsight:
    """How the goals of these episodes' windows are chosen.

    Args:
        tracks: the episodes.
        spec: of their task, which observes a goal.
        scale: by which observations and actions are normalised.
        own: see `Hindsight.own`.
    """
    seen = goal_places(spec)
    done = [spec.command.columns.index(c) for channel in spec.goal_channels for c in channel.achieved]
    return Hindsight(
        achieved=torch.from_numpy(tracks.achieved),
        desired=torch.from_numpy(tracks.desired),
        succeeded=torch.from_numpy(tracks.succeeded),
        observation_places=torch.tensor(seen),
        action_places=torch.tensor(done),
        observation_scale=torch.from_numpy(np.stack((scale.observation_mean, scale.observation_std))[:, seen]),
        action_scale=torch.from_numpy(np.stack((scale.command_mean, scale.command_std))[:, done]),
        own=own,
    )
