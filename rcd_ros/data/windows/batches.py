"""Training windows, normalised, and mini-batches of them: a history, the chunk that follows it, its return-to-go.

One source for teacher, critic and student: `tracks.join_tracks` lays episodes one after another in physical units,
`cut.cut_windows` normalises them and notes where windows begin, and `Windows.draw` gathers a mini-batch, so that chunks
that overlap are stored once. Where a task observes its goal, the goal is chosen when a window is drawn (`Hindsight`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rcd_ros.data.windows.hindsight import Hindsight, moved

SAMPLED = 4096
"""Windows that stand for all of them where a goal is chosen for each: for validation, and to standardise returns."""


@dataclass(frozen=True)
class Outcome:
    """What followed N chunks, for a critic that bootstraps: Q(o, a) is learned towards gain + carry * V(following).

    Returns are standardised, R' = (R - mean) / std, so that gain = (sum_i discount^i r_i + (carry - 1) mean) / std.

    Attributes:
        following: (N, C), normalised histories after the chunk, flattened.
        gain: (N,), discounted rewards of the chunk, standardised.
        carry: (N,), discount^H, or 0 where the episode terminated by then.
        known: (N,), 1 where the return-to-go is complete, else 0.
    """

    following: Tensor
    gain: Tensor
    carry: Tensor
    known: Tensor

    def at(self, index: Tensor | slice) -> Outcome:
        """Those of the windows at `index`."""
        return Outcome(self.following[index], self.gain[index], self.carry[index], self.known[index])

    def to(self, device: torch.device) -> Outcome:
        """The same on another device."""
        return replace(self, **moved(self, device))


@dataclass(frozen=True)
class Batch:
    """A mini-batch of normalised windows.

    Attributes:
        condition: (B, C), observation histories, flattened.
        chunk: (B, H, A), the actions that follow.
        returns: (B,), standardised return-to-go.
        outcome: what followed the chunks, where a critic bootstraps.
    """

    condition: Tensor
    chunk: Tensor
    returns: Tensor
    outcome: Outcome | None = None

    def __len__(self) -> int:
        return len(self.returns)

    def first(self, count: int) -> Batch:
        """Its first `count` windows."""
        part = slice(count)
        outcome = None if self.outcome is None else self.outcome.at(part)
        return Batch(self.condition[part], self.chunk[part], self.returns[part], outcome)

    def to(self, device: torch.device) -> Batch:
        """The same windows on another device."""
        return replace(self, **moved(self, device))


@dataclass(frozen=True)
class Turns:
    """Whole turns to add to actions that are angles of continuous joints, for their canonical form.

    In it, a chunk's first action is within half a turn of the observed joint, and each later one within half a turn of
    the one before.

    Attributes:
        rows: (R, n_cmd), turns that unwrap a row's action, counted from the first row.
        starts: (N, n_cmd), turns that bring a window's first action within half a turn of the joint.
        turn: (n_cmd,), a turn in standard deviations of the action.
    """

    rows: Tensor
    starts: Tensor
    turn: Tensor

    def added(self, index: Tensor | slice, row: Tensor) -> Tensor:
        """What to add to the normalised actions (B, H, n_cmd) of the windows at `index`.

        Args:
            index: (B,).
            row: (B, H), the rows that the actions are from.
        """
        counted = self.rows[row]
        return (counted - counted[:, :1] + self.starts[index][:, None]) * self.turn

    def to(self, device: torch.device) -> Turns:
        """The same turns on another device."""
        return replace(self, **moved(self, device))


@dataclass(frozen=True)
class Windows:
    """N normalised windows of some episodes, gathered when they are drawn.

    Attributes:
        histories: (N, h, n_obs).
        actions: (R, n_cmd), by row as in `Tracks`.
        starts: (N,), row of each window's newest observation.
        lasts: (N,), last row of its episode.
        returns: (N,), return-to-go; with hindsight (episode_steps + 1,), by the number of steps to the goal.
        stays: (n_cmd,), whether a value keeps its last one after the episode's end (positions); the others are `rest`.
        rest: (n_cmd,), normalised zero.
        horizon: steps of a chunk.
        turns: of actions that are angles of continuous joints, or None where there are none.
        hindsight: how goals are chosen, or None where the task observes none.
        outcome: of length N, what followed the chunks, where a critic bootstraps.
        observation_noise: standard deviation of noise on the drawn histories, but for goals chosen in hindsight.
    """

    histories: Tensor
    actions: Tensor
    starts: Tensor
    lasts: Tensor
    returns: Tensor
    stays: Tensor
    rest: Tensor
    horizon: int
    turns: Turns | None = None
    hindsight: Hindsight | None = None
    outcome: Outcome | None = None
    observation_noise: float = 0.0

    def __len__(self) -> int:
        return len(self.starts)

    def draw(self, index: Tensor | slice) -> Batch:
        """The windows at `index` (B,) as a mini-batch, their goals and noise drawn from torch's generator."""
        if self.hindsight is not None:
            return self.toward(index, *self.hindsight.draw(self.starts[index], self.lasts[index]))
        chunk, behind = self._chunks(index, self.lasts[index])
        chunk = torch.where(behind, torch.where(self.stays, chunk[:, -1:], self.rest), chunk)
        outcome = None if self.outcome is None else self.outcome.at(index)
        return Batch(self._seen(index).flatten(1), chunk, self.returns[index], outcome)

    def toward(self, index: Tensor | slice, arrival: Tensor, goal: Tensor) -> Batch:
        """The windows at `index`, relabelled with these goals.

        Args:
            index: (B,).
            arrival: (B,), row in which a window achieves its goal; the rest of the chunk holds it.
            goal: (B, n_goal), physical units.
        """
        assert self.hindsight is not None
        (mean, std), (action_mean, action_std) = self.hindsight.observation_scale, self.hindsight.action_scale
        condition = self._seen(index)
        condition[:, :, self.hindsight.observation_places] = ((goal - mean) / std)[:, None]
        chunk, behind = self._chunks(index, arrival)
        held = torch.where(self.stays, chunk[:, -1], self.rest)
        held[:, self.hindsight.action_places] = (goal - action_mean) / action_std
        steps = (arrival - self.starts[index]).clamp(max=len(self.returns) - 1)
        return Batch(condition.flatten(1), torch.where(behind, held[:, None], chunk), self.returns[steps])

    def sample(self, seed: int) -> Batch:
        """All windows or, where goals are drawn, `SAMPLED` of them with goals, which follow from the seed."""
        if self.hindsight is None:
            return self.draw(slice(None))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.draw(torch.randint(0, len(self), (SAMPLED,)))

    def return_moments(self, seed: int) -> tuple[float, float]:
        """Mean and standard deviation (at least 1e-6) of the returns of all windows, or of `sample(seed)`."""
        if self.hindsight is None:
            returns = self.returns.numpy()
            return float(returns.mean()), float(max(returns.std(), 1e-6))
        drawn = self.sample(seed).returns
        return float(drawn.mean()), float(drawn.std().clamp(min=1e-6))

    def standardised(self, mean: float, std: float) -> Windows:
        """The same windows with standardised returns, (R - mean) / std."""
        return replace(self, returns=(self.returns - mean) / std)

    def to(self, device: torch.device) -> Windows:
        """The same windows on another device."""
        return replace(self, **moved(self, device))

    def _seen(self, index: Tensor | slice) -> Tensor:
        """Histories (B, h, n_obs), a copy where they are changed."""
        seen = self.histories[index]
        if self.observation_noise:
            return seen + self.observation_noise * torch.randn_like(seen)
        return seen.clone() if self.hindsight is not None else seen

    def _chunks(self, index: Tensor | slice, end: Tensor) -> tuple[Tensor, Tensor]:
        """Actions (B, H, n_cmd) up to the rows `end` (B,), the last one repeated, and (B, H, 1) which are repeated."""
        ahead = torch.arange(1, self.horizon + 1, device=end.device)
        row = self.starts[index][:, None] + ahead
        known = torch.minimum(row, end[:, None])
        chunk = self.actions[known]
        if self.turns is not None:
            chunk = chunk + self.turns.added(index, known)
        return chunk, (row > end[:, None])[:, :, None]
