"""Execution modes: what is kept of the current plan when a new chunk arrives (receding horizon, real-time chunking).

A mode takes every new chunk with the stamp of the observation that it was planned from, and returns the plan to follow.
It reads no clock and no ROS: equal calls give equal plans.

A chunk's command i belongs to the end of control period i: to the time `stamp + (i + 1) * period`. Chunks whose
stamps are no whole number of periods apart are interpolated.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar, get_args

import numpy as np
from numpy.typing import NDArray

from rcd_ros.choices import ModeName
from rcd_ros.errors import RcdError
from rcd_ros.suggest import did_you_mean

MODES: tuple[ModeName, ...] = get_args(ModeName)


@dataclass(frozen=True)
class ModeSettings:
    """An execution mode by name, and the options of all modes; each mode reads those that concern it.

    Attributes:
        mode: which one.
        execute: of `Chunk`, control periods that a plan is kept.
        decay: of `TemporalEnsemble`, per control period.
        delay: of `Splice`, control periods that stay as committed.
        overlap: of `Splice`, control periods of blending.
    """

    mode: ModeName = "first_action"
    execute: int = 1
    decay: float = 0.01
    delay: int = 1
    overlap: int = 4

    @property
    def kept(self) -> int:
        """Control periods that a plan is kept."""
        return self.execute if self.mode == "chunk" else 1

    @property
    def mode_options(self) -> tuple[object, ...]:
        """What determines the execution mode: its name and all options."""
        return tuple(getattr(self, each.name) for each in fields(ModeSettings))


@dataclass(frozen=True)
class Plan:
    """Commands (m, n_cmd) in physical units, one a control period of `period` ns from `stamp` (ns) on."""

    commands: NDArray[np.float64]
    stamp: int
    period: int

    def due(self, now: int) -> NDArray[np.float64] | None:
        """The command (n_cmd,) of the control period that holds `now` (ns); None before the first, after the last."""
        index = (now - self.stamp) // self.period
        return self.commands[index] if 0 <= index < len(self.commands) else None

    def since(self, stamp: int) -> NDArray[np.float64]:
        """Commands (m, n_cmd) as if planned from a later `stamp`: those still ahead; 0 rows when it is used up."""
        return _ahead(self.commands, (stamp - self.stamp) / self.period)


class Mode(ABC):
    """One way to execute chunks; keeps the current plan.

    A stream keeps shallow copies of its mode, to withdraw a plan: a mode replaces what it keeps, and never
    writes into it.

    Attributes:
        period: control period, ns.
        delay: control periods from an observation to the first command that its plan may change, at least; what a
            plan is late beyond that is known from `now`.
    """

    delay: int = 0

    def __init__(self, period: int) -> None:
        """Execute chunks of one command every `period` ns."""
        self.period = period
        self.plan: Plan | None = None

    def reset(self) -> None:
        """Discards the current plan."""
        self.plan = None

    def wants(self, now: int) -> bool:
        """Whether an observation at `now` (ns) is to be planned on."""
        return True

    def next(self, chunk: NDArray[np.float64], stamp: int, now: int) -> Plan:
        """The plan to follow from `now` on (ns).

        A chunk that is no newer than the current plan changes nothing.

        Args:
            chunk: (horizon, n_cmd) in physical units, planned from the observation at `stamp`.
            stamp: ns.
            now: ns, not before `stamp`.

        Raises:
            RcdError: the chunk is not finite or has another shape than the current plan.
        """
        old = self.plan
        if chunk.ndim != 2 or len(chunk) == 0 or not np.isfinite(chunk).all():
            raise RcdError(f"a chunk to execute is (horizon, n_cmd) finite values, got shape {chunk.shape}")
        if old is not None and old.commands.shape[1] != chunk.shape[1]:
            raise RcdError(f"a chunk of {chunk.shape[1]} commands cannot follow one of {old.commands.shape[1]}: reset")
        if old is None or stamp > old.stamp:
            self.plan = Plan(self._merge(chunk, stamp, now), stamp, self.period)
        assert self.plan is not None
        return self.plan

    @abstractmethod
    def _merge(self, chunk: NDArray[np.float64], stamp: int, now: int) -> NDArray[np.float64]:
        """Commands (m, n_cmd) from `stamp` on; `self.plan` is still the old plan."""


class FirstAction(Mode):
    """Replan every period: the newest chunk replaces the one before it."""

    def _merge(self, chunk: NDArray[np.float64], stamp: int, now: int) -> NDArray[np.float64]:
        return np.array(chunk)


class Chunk(Mode):
    """Receding horizon: execute the first `execute` (n_action_steps) commands of a chunk, then plan again."""

    def __init__(self, period: int, execute: int) -> None:
        """Keep each plan for `execute` control periods.

        Raises:
            RcdError: `execute` is less than 1.
        """
        super().__init__(period)
        if execute < 1:
            raise RcdError(f"execute must be 1 or more control periods, got {execute}")
        self.execute = execute

    def wants(self, now: int) -> bool:
        """Whether `execute` periods of the current plan are over, less a quarter of a period for jitter of stamps."""
        early = self.period // 4
        return self.plan is None or now + early >= self._kept_until(self.plan) or self.plan.due(now) is None

    def next(self, chunk: NDArray[np.float64], stamp: int, now: int) -> Plan:
        """See `Mode`; a chunk that was not requested changes nothing."""
        if self.plan is not None and not self.wants(stamp):
            return self.plan
        return super().next(chunk, stamp, now)

    def _kept_until(self, plan: Plan) -> int:
        return plan.stamp + min(self.execute, len(plan.commands)) * self.period

    def _merge(self, chunk: NDArray[np.float64], stamp: int, now: int) -> NDArray[np.float64]:
        return np.array(chunk)


class TemporalEnsemble(Mode):
    """Averages the predictions of all chunks so far for the same time (Zhao et al. 2023, ACT, section IV-B).

    A prediction weighs exp(-decay * rank) with the oldest one at rank 0, so that newer ones count for less: written
    as a factor exp(decay) per period of age it needs no chunks kept, only their weighted sums.
    """

    STEEPEST: ClassVar[float] = 5.0
    """Largest decay: of two predictions one counts 150 times as much then; beyond it, weights overflow."""

    def __init__(self, period: int, decay: float = 0.01) -> None:
        """Weigh predictions by exp(decay * age in periods); below zero the newest count most.

        Raises:
            RcdError: `decay` is no number within +-`STEEPEST`.
        """
        super().__init__(period)
        if not abs(decay) <= self.STEEPEST:
            raise RcdError(f"the decay of a temporal ensemble must be within +-{self.STEEPEST:g}, got {decay}")
        self.decay = decay
        self._sums: NDArray[np.float64] | None = None
        self._weights = np.empty((0, 1))

    def reset(self) -> None:
        """Discards all chunks."""
        super().reset()
        self._sums = None

    def _merge(self, chunk: NDArray[np.float64], stamp: int, now: int) -> NDArray[np.float64]:
        sums, weights = np.array(chunk), np.ones((len(chunk), 1))
        if self.plan is not None and self._sums is not None:
            age = (stamp - self.plan.stamp) / self.period
            grown = math.exp(self.decay * age)
            old_sums, old_weights = _ahead(self._sums, age), _ahead(self._weights, age)
            common = min(len(old_sums), len(chunk))
            sums[:common] += grown * old_sums[:common]
            weights[:common] += grown * old_weights[:common]
        self._sums, self._weights = sums, weights
        return np.asarray(sums / weights)


class Splice(Mode):
    """Plan while executing: a new chunk takes over at the point due now, and gradually.

    In the spirit of real-time chunking (Black, Galliker and Levine 2025): commands that are executed before the new
    chunk can be there stay as they were committed; over the periods after them the old plan's weight falls to zero
    with their soft mask, c (e^c - 1) / (e - 1) for c from 1 to 0. They guide a flow model's sampling by it, a student
    of one step is blended.
    """

    def __init__(self, period: int, delay: int = 1, overlap: int = 4) -> None:
        """Blend over `overlap` control periods after the first `delay` ones, which are committed.

        Raises:
            RcdError: either is negative.
        """
        super().__init__(period)
        if delay < 0 or overlap < 0:
            raise RcdError(f"delay and overlap must be 0 or more control periods, got {delay} and {overlap}")
        self.delay = delay
        self.overlap = overlap

    def _merge(self, chunk: NDArray[np.float64], stamp: int, now: int) -> NDArray[np.float64]:
        merged = np.array(chunk)
        if self.plan is None:
            return merged
        old = self.plan.since(stamp)[: len(chunk)]
        committed = max(self.delay, -((stamp - now) // self.period))
        share = np.clip((committed + self.overlap - np.arange(len(old))) / (self.overlap + 1.0), 0.0, 1.0)[:, None]
        kept = share * np.expm1(share) / math.expm1(1.0)
        merged[: len(old)] += kept * (old - merged[: len(old)])
        # To the last bit: what a weight of one leaves of it depends on the processor.
        merged[: min(committed, len(old))] = old[:committed]
        return merged


def make_mode(settings: ModeSettings, period: int) -> Mode:
    """The mode that settings name, for control periods of `period` ns.

    Raises:
        RcdError: an unknown mode, or an option out of range.
    """
    match settings.mode:
        case "first_action":
            return FirstAction(period)
        case "chunk":
            return Chunk(period, settings.execute)
        case "temporal_ensemble":
            return TemporalEnsemble(period, settings.decay)
        case "splice":
            return Splice(period, settings.delay, settings.overlap)
    raise RcdError(
        f"there is no execution mode '{settings.mode}'{did_you_mean(settings.mode, MODES)}; "
        f"there are: {', '.join(MODES)}"
    )


def _ahead(commands: NDArray[np.float64], periods: float) -> NDArray[np.float64]:
    """Rows of `commands` from `periods` >= 0 later on, interpolated between rows; none beyond the last."""
    whole = math.floor(periods)
    share = periods - whole
    if share < 1e-6 or whole + 1 >= len(commands):
        return commands[whole:]
    return commands[whole:-1] + share * (commands[whole + 1 :] - commands[whole:-1])
