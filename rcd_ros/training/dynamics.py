"""What a planner would return, asked of data alone: rollouts in a model of the data's dynamics.

From the data's transitions an ensemble learns what an action brings about,

    (o_{t+1} - o_t, r_t, whether the episode terminates) = f(o_{t-h+1}, ..., o_t, a_t),

and a planner drives the model from the data's start states. A critic that was learned from the same data cannot tell
where a planner leaves them. A rollout can, for it ends there: as in MOReL (Kidambi et al. 2020, arXiv 2005.05951), what
the data do not know is not worth anything. Known are observations within the range of those that an action followed,
and somewhat beyond, for a planner that is better than the data goes there. Every member predicts how far it errs at
each transition, and each step is disturbed by as much (PETS, Chua et al. 2018, arXiv 1805.12114), so that a planner
which only works where nothing goes wrong is not worth much either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rcd_ros.data.episodes import Episode, FloatArray
from rcd_ros.data.windows.tracks import join_tracks
from rcd_ros.errors import RcdError
from rcd_ros.networks.dynamics import DynamicsEnsemble, Prediction
from rcd_ros.planning.checkpoint import PathLike, load_tensors
from rcd_ros.planning.engines.torch_modules import one_step
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.representation import Canonical
from rcd_ros.planning.spec import TaskSpec

FLOOR = 1e-2
"""Smallest standard deviation of an observed value or action that it is normalised by, in its unit."""
SATURATED = 3e-4
"""Share of the observations at a value's least or largest, from which on it is clipped there and not unknown beyond."""
MARGIN = 0.2
"""Of a value's range in the data, by which an observation may lie beyond it and still be known."""
Plan = Callable[[FloatArray], FloatArray]
"""Histories (N, h, n_obs) -> chunks (N, H, n_cmd), physical units, within the limits."""


@dataclass(frozen=True)
class FitSettings:
    """How the model learns.

    Attributes:
        steps: of the optimiser.
        batch: transitions a step and member.
        learning_rate: the largest, of one cycle.
        members: of the ensemble.
        widths: of its hidden layers.
        seed: of everything.
    """

    steps: int = 8_000
    batch: int = 256
    learning_rate: float = 1e-3
    members: int = 3
    widths: tuple[int, ...] = (256, 256, 256)
    seed: int = 0


@dataclass(frozen=True)
class Transitions:
    """N transitions of one control period, physical units.

    Attributes:
        histories: (N, h, n_obs), oldest observation first; before an episode's start the first one is repeated.
        actions: (N, n_cmd).
        rewards: (N,).
        following: (N, n_obs), the next observation.
        terminates: (N,), whether the episode terminated by the action; a time limit terminates nothing.
        first: (N,), whether the history is an episode's start.
    """

    histories: FloatArray
    actions: FloatArray
    rewards: FloatArray
    following: FloatArray
    terminates: NDArray[np.bool_]
    first: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def starts(self) -> FloatArray:
        """(E, h, n_obs), histories at the starts of the episodes."""
        return self.histories[self.first]


def cut_transitions(episodes: Sequence[Episode], spec: TaskSpec, history: int) -> Transitions:
    """Every transition of the episodes.

    Raises:
        RcdError: no episode has a step, or the data set has fewer columns than the task reads.
    """
    driven = [index for index, episode in enumerate(episodes) if len(episode)]
    if not driven:
        raise RcdError("no episode has a step: there is nothing to learn the dynamics from")
    tracks = join_tracks(episodes, driven, spec, discount=1.0)
    rows = tracks.inside(1)
    return Transitions(
        histories=tracks.histories(rows, history),
        actions=tracks.actions[rows + 1],
        rewards=tracks.rewards[rows + 1].astype(np.float32),
        following=tracks.observations[rows + 1],
        terminates=~tracks.goes_on(rows, 1),
        first=rows == tracks.firsts[rows],
    )


@dataclass(frozen=True)
class Known:
    """Which observations the data know.

    Attributes:
        least: (n_obs,) of those that an action followed, physical units.
        most: likewise.
        saturates: (n_obs,), whether a value is clipped at its bounds, as by a velocity limit.
    """

    least: FloatArray
    most: FloatArray
    saturates: NDArray[np.bool_]

    @classmethod
    def of(cls, observations: FloatArray) -> Known:
        """What these (N, n_obs) know."""
        least, most = observations.min(axis=0), observations.max(axis=0)
        share = np.maximum((observations == least).mean(axis=0), (observations == most).mean(axis=0))
        return cls(least, most, share > max(SATURATED, 1.5 / len(observations)))

    def clip(self, observations: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Observations (N, n_obs) with what saturates clipped, and which of them (N,) are known."""
        inside, margin = np.clip(observations, self.least, self.most), MARGIN * (self.most - self.least)
        known = ((np.abs(observations - inside) <= margin) | self.saturates).all(axis=1)
        return np.where(self.saturates, inside, observations), known


@dataclass(frozen=True)
class Explained:
    """How well the model predicts episodes that it has not learned from: 1 - mean squared error / variance.

    Attributes:
        motion: of the change of the observation, mean over its values.
        reward: of the reward; 1 where it is constant.
    """

    motion: float
    reward: float


@dataclass(frozen=True)
class Rollouts:
    """N rollouts of a planner in the model.

    Attributes:
        returns: (N,), undiscounted, units of the reward.
        lengths: (N,), control periods.
    """

    returns: FloatArray
    lengths: NDArray[np.int64]


class DynamicsModel:
    """An ensemble that imitates the robot and its surroundings where the data know them."""

    def __init__(self, data: Transitions, settings: FitSettings, tick: Callable[[int], object]) -> None:
        """Learn from the data; `tick` is called with the number of steps that were made since its last call."""
        self._settings = settings
        newest = data.histories[:, -1]
        self.known = Known.of(newest)
        self._observed, self._acted = _Scale(newest), _Scale(data.actions)
        self._moved = _Scale(data.following - newest, floor=1e-6, centred=False)
        self._rewarded = _Scale(data.rewards, floor=1e-6)
        torch.manual_seed(settings.seed)
        outputs, inputs = data.following.shape[1], data.histories.shape[1] * data.following.shape[1]
        self._network = DynamicsEnsemble(inputs, data.actions.shape[1], outputs, settings.members, settings.widths)
        self._fit(data, tick)

    def explained(self, data: Transitions) -> Explained:
        """How well the model predicts these transitions."""
        with torch.no_grad():
            prediction = self._network(*self._inputs(data.histories, data.actions))
        target = self._targets(data)
        unexplained = [
            float((guess.mean(dim=0) - wanted).square().mean() / wanted.var(dim=0).mean().clamp(min=1e-9))
            for guess, wanted in ((prediction.change, target[0]), (prediction.reward[..., None], target[1][:, None]))
        ]
        constant = bool(np.ptp(data.rewards) == 0.0)
        return Explained(1.0 - unexplained[0], 1.0 if constant else 1.0 - unexplained[1])

    def roll_out(self, plan: Plan, starts: FloatArray, count: int, steps: int, execute: int) -> Rollouts:
        """Let a planner drive the model.

        Args:
            plan: the planner.
            starts: (E, h, n_obs), of which each rollout draws one.
            count: of rollouts.
            steps: control periods at most.
            execute: how many of them a plan is followed.
        """
        random = np.random.default_rng(self._settings.seed)
        histories = starts[random.integers(len(starts), size=count)]
        returns, lengths = np.zeros(count, np.float32), np.zeros(count, np.int64)
        alive = np.arange(count)
        chunks = histories[:, :0]
        for step in range(steps):
            if step % execute == 0:
                chunks = plan(histories)[:, :execute]
            following, reward, ends = self._step(histories, chunks[:, step % execute], random)
            returns[alive] += reward
            lengths[alive] += 1
            histories = np.concatenate([histories[:, 1:], following[:, None]], axis=1)[~ends]
            alive, chunks = alive[~ends], chunks[~ends]
            if not len(alive):
                break
        return Rollouts(returns, lengths)

    @torch.no_grad()
    def _step(
        self, histories: FloatArray, actions: FloatArray, random: np.random.Generator
    ) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
        """Next observations (N, n_obs) and rewards (N,) by one member for each, and which rollouts end (N,)."""
        prediction = self._network(*self._inputs(histories, actions))
        rows = torch.arange(len(histories))
        member = torch.from_numpy(random.integers(self._settings.members, size=len(histories)))
        deviation = (0.5 * prediction.log_variance[member, rows]).exp()
        disturbance = torch.from_numpy(random.standard_normal(deviation.shape).astype(np.float32))
        change = prediction.change[member, rows] + deviation * disturbance
        following = histories[:, -1] + self._moved.undo(change)
        following, known = self.known.clip(following)
        terminates = (prediction.termination.mean(dim=0) > 0.0).numpy()
        return following, self._rewarded.undo(prediction.reward[member, rows]), terminates | ~known

    def _inputs(self, histories: FloatArray, actions: FloatArray) -> tuple[Tensor, Tensor]:
        return self._observed(histories).flatten(1), self._acted(actions)

    def _targets(self, data: Transitions) -> tuple[Tensor, Tensor, Tensor]:
        change = self._moved(data.following - data.histories[:, -1])
        return change, self._rewarded(data.rewards), torch.from_numpy(data.terminates.astype(np.float32))

    def _fit(self, data: Transitions, tick: Callable[[int], object]) -> None:
        settings = self._settings
        (seen, acted), targets = self._inputs(data.histories, data.actions), self._targets(data)
        optimizer = torch.optim.AdamW(self._network.parameters(), settings.learning_rate, fused=True)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=settings.steps + 1)
        classify = nn.BCEWithLogitsLoss()
        for _ in range(settings.steps):
            rows = torch.randint(len(data), (settings.members, settings.batch))
            change, reward, terminates = (target[rows] for target in targets)
            guess = self._network(seen[rows], acted[rows])
            loss = _likelihood_loss(guess, change) + (guess.reward - reward).square().mean()
            loss = settings.members * (loss + classify(guess.termination, terminates))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            cycle.step()
            tick(1)


class StudentPlans:
    """What a checkpoint's student plans at many histories at once, inside the limits."""

    def __init__(self, checkpoint: PathLike, manifest: Manifest, seed: int) -> None:
        """Load it.

        Raises:
            RcdError: the checkpoint does not carry its student's weights.
        """
        self._planner = one_step(manifest, load_tensors(checkpoint, "student", manifest)).eval()
        self._canonical = Canonical(manifest.task, manifest.normalizer.observation_mean)
        self._generator = torch.Generator().manual_seed(seed)
        command = manifest.task.command
        self._chunk = (manifest.horizon, command.size)
        self._limits = np.asarray([command.lower, command.upper], np.float32)

    @torch.no_grad()
    def __call__(self, histories: FloatArray) -> FloatArray:
        """Histories (N, h, n_obs) -> chunks (N, H, n_cmd), physical units."""
        seen = self._canonical.histories(histories) if self._canonical.is_needed else histories
        noise = torch.randn(len(seen), *self._chunk, generator=self._generator)
        planned = self._planner(torch.from_numpy(np.asarray(seen, np.float32)), noise)
        chunks: FloatArray = np.clip(planned.numpy(), *self._limits)
        return chunks


def _likelihood_loss(guess: Prediction, change: Tensor) -> Tensor:
    """beta-NLL (Seitzer et al. 2022, arXiv 2203.09168), beta = 1/2: variance^beta times the negative log-likelihood.

    Without the factor, values that are hard to predict are called noise and not learned.
    """
    squared = (guess.change - change).square()
    nll = 0.5 * (squared * (-guess.log_variance).exp() + guess.log_variance)
    return (nll * (0.5 * guess.log_variance).exp().detach()).mean()


class _Scale:
    """Zero mean (unless `centred` is false) and unit variance by the data's own, at least `floor`."""

    def __init__(self, values: FloatArray, floor: float = FLOOR, centred: bool = True) -> None:
        mean = values.mean(axis=0, dtype=np.float64)
        self._mean = (mean if centred else np.zeros_like(mean)).astype(np.float32)
        self._std = np.maximum(values.std(axis=0, dtype=np.float64), floor).astype(np.float32)

    def __call__(self, values: FloatArray) -> Tensor:
        return torch.from_numpy(np.asarray((values - self._mean) / self._std, np.float32))

    def undo(self, values: Tensor) -> FloatArray:
        scaled: FloatArray = values.numpy() * self._std + self._mean
        return scaled
