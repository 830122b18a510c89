"""What a planner is worth, asked of data alone: fitted Q evaluation (Le et al. 2019, arXiv 1903.08738).

A critic of its own, which no student has climbed, first regresses the data's return-to-go and then learns for each
planner pi

    Q(o_t, a) = sum_{i < k} gamma^i r_{t+i} + gamma^k Q(o_{t+k}, pi(o_{t+k}))

on the data's transitions, k being the number of actions that are executed of a plan. The planner's value is the mean of
Q at the data's start states and its own actions there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rcd_ros.data.episodes import Episode, FloatArray
from rcd_ros.data.windows.tracks import join_tracks
from rcd_ros.errors import RcdError
from rcd_ros.networks.critic import CriticEnsemble
from rcd_ros.planning.checkpoint import PathLike, load_tensors
from rcd_ros.planning.engines.torch_modules import one_step
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.representation import Canonical
from rcd_ros.planning.spec import TaskSpec

FLOOR = 1e-2
"""Smallest standard deviation of an observed value or action that it is normalised by, in its unit."""
_BATCH = 4096
Target = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Drawn numbers (B,) -> indices of transitions (B,) and what Q should be there (B,), standardised."""


@dataclass(frozen=True)
class FitSettings:
    """How the judge learns.

    Attributes:
        behaviour_steps: on the data's own returns, once for all planners.
        steps: for each planner from there on.
        batch: transitions a step.
        learning_rate: of Adam; falls to 0 over the second half.
        sync: share by which the target network follows in each step.
        members: of the ensemble.
        widths: of its hidden layers.
        seed: of everything.
    """

    behaviour_steps: int = 1_000
    steps: int = 2_000
    batch: int = 256
    learning_rate: float = 1e-3
    sync: float = 0.01
    members: int = 2
    widths: tuple[int, ...] = (256, 256)
    seed: int = 0


@dataclass(frozen=True)
class Value:
    """A planner's value: discounted return from the start states, units of the reward.

    Attributes:
        mean: over start states and members.
        spread: standard deviation over the members.
    """

    mean: float
    spread: float


@dataclass(frozen=True)
class Transitions:
    """N transitions of k control periods, physical units.

    Attributes:
        histories: (N, history, n_obs), oldest observation first; before an episode's start the first one is repeated.
        actions: (N, k, n_cmd), from the last observation of the history on.
        rewards: (N,), discounted sum over the k periods.
        following: (N, history, n_obs), k periods later.
        goes_on: (N,), whether the episode had not ended by itself by then; a time limit ends nothing.
        returns: (N,), discounted return-to-go.
        known: (N,), whether it is complete (`episodes.known_returns`).
        first: (N,), whether the history is an episode's start.
    """

    histories: FloatArray
    actions: FloatArray
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
    long_enough = [index for index, episode in enumerate(episodes) if len(episode) >= periods]
    if not long_enough:
        raise RcdError(f"no episode has {periods} steps, as many as the planner executes of a chunk")
    tracks = join_tracks(episodes, long_enough, spec, discount)
    rows = tracks.inside(periods)
    return Transitions(
        histories=tracks.histories(rows, history),
        actions=tracks.actions[rows[:, None] + np.arange(1, periods + 1)],
        rewards=tracks.gained(rows, periods, discount),
        following=tracks.histories(rows + periods, history),
        goes_on=tracks.goes_on(rows, periods),
        returns=tracks.returns[rows],
        known=tracks.complete[rows],
        first=rows == tracks.firsts[rows],
    )


class Judge:
    """A critic that no student was trained with, for planners of one data set, `history` and `execute`."""

    def __init__(self, transitions: Transitions, discount: float, settings: FitSettings) -> None:
        """Learn what the data's own behaviour returned.

        Raises:
            RcdError: no return is complete.
        """
        if not transitions.known.any():
            raise RcdError("every episode ran out of time before its return was complete: there is nothing to judge by")
        self._settings, self._discount = settings, discount ** transitions.actions.shape[1]
        self._normalise_observations = _Scale(transitions.histories[:, -1])
        self._normalise_actions = _Scale(transitions.actions[:, 0])
        known = torch.from_numpy(transitions.known)
        self._condition, self._following = (
            self._normalise_observations(each).flatten(1) for each in (transitions.histories, transitions.following)
        )
        self._actions = self._normalise_actions(transitions.actions)
        self._rewards = torch.from_numpy(transitions.rewards)
        self._goes_on = torch.from_numpy(transitions.goes_on).float()
        self._first = torch.from_numpy(transitions.first)
        returns = torch.from_numpy(transitions.returns)
        torch.manual_seed(settings.seed)
        periods, size = transitions.actions.shape[1:]
        self._behaviour = CriticEnsemble(
            self._condition.shape[1], size, members=settings.members, steps=periods, widths=settings.widths
        ).eval()
        mean, std = returns[known].mean(), returns[known].std().clamp(min=1e-6)
        self._behaviour.calibrate(float(mean), float(std))
        rows = known.nonzero().squeeze(1)

        def target(index: Tensor) -> tuple[Tensor, Tensor]:
            chosen = rows[index]
            return chosen, (returns[chosen] - mean) / std

        self._fit(self._behaviour, len(rows), settings.behaviour_steps, target)
        #: Of the data's own actions.
        self.behaviour = self._value(self._behaviour, self._actions)

    def value(self, actions: FloatArray, following: FloatArray) -> Value:
        """A planner's value.

        Args:
            actions: (N, k, n_cmd), what it plans at the transitions' histories, physical units.
            following: likewise at the histories that follow.
        """
        torch.manual_seed(self._settings.seed)
        critic = copy.deepcopy(self._behaviour).requires_grad_(True)
        frozen = copy.deepcopy(critic).requires_grad_(False)
        mean, std = self._behaviour.return_mean, self._behaviour.return_std
        planned = self._normalise_actions(following)

        def target(index: Tensor) -> tuple[Tensor, Tensor]:
            then = frozen.expected_return(self._following[index], planned[index])
            worth = self._rewards[index] + self._discount * self._goes_on[index] * then
            return index, (worth - mean) / std

        self._fit(critic, len(self._rewards), self._settings.steps, target, frozen)
        return self._value(critic, self._normalise_actions(actions))

    def _fit(
        self,
        critic: CriticEnsemble,
        count: int,
        steps: int,
        target: Target,
        frozen: CriticEnsemble | None = None,
    ) -> None:
        settings = self._settings
        optimizer = torch.optim.Adam(critic.members.parameters(), settings.learning_rate, fused=True)
        falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, 2.0 * (1.0 - step / steps)))
        for _ in range(steps):
            with torch.no_grad():
                rows, wanted = target(torch.randint(0, count, (settings.batch,)))
            loss = (critic(self._condition[rows], self._actions[rows]) - wanted).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            falling.step()
            if frozen is not None:
                _follow(frozen, critic, settings.sync)

    @torch.no_grad()
    def _value(self, critic: CriticEnsemble, actions: Tensor) -> Value:
        opinions = critic(self._condition[self._first], actions[self._first]).mean(dim=1)
        opinions = opinions * critic.return_std + critic.return_mean
        return Value(float(opinions.mean()), float(opinions.std(correction=0)))


def plan_all(checkpoint: PathLike, manifest: Manifest, histories: FloatArray, periods: int, seed: int) -> FloatArray:
    """What a checkpoint's student plans at many histories: (N, h, n_obs) -> (N, periods, n_cmd), inside the limits.

    Raises:
        RcdError: the checkpoint does not carry its student's weights.
    """
    planner = one_step(manifest, load_tensors(checkpoint, "student", manifest)).eval()
    canonical = Canonical(manifest.task, manifest.normalizer.observation_mean)
    seen = canonical.histories(histories) if canonical.is_needed else histories
    generator = torch.Generator().manual_seed(seed)
    command = manifest.task.command
    planned = []
    with torch.no_grad():
        for begin in range(0, len(seen), _BATCH):
            part = torch.from_numpy(np.asarray(seen[begin : begin + _BATCH], np.float32))
            noise = torch.randn(len(part), manifest.horizon, command.size, generator=generator)
            planned.append(planner(part, noise)[:, :periods].numpy())
    limits = np.asarray([command.lower, command.upper], np.float32)
    result: FloatArray = np.clip(np.concatenate(planned), *limits)
    return result


class _Scale:
    """Zero mean and unit variance by the data's own."""

    def __init__(self, values: FloatArray) -> None:
        self._mean = values.mean(axis=0)
        self._std = np.maximum(values.std(axis=0), FLOOR)

    def __call__(self, values: FloatArray) -> Tensor:
        return torch.from_numpy(np.asarray((values - self._mean) / self._std, np.float32))


@torch.no_grad()
def _follow(frozen: nn.Module, critic: nn.Module, share: float) -> None:
    for target, source in zip(frozen.parameters(), critic.parameters(), strict=True):
        target.lerp_(source, share)
