"""From a source's columns to a task's episodes: each is kept, or refused with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.column_map import ColumnMap
from rcd_ros.data.derivatives import differences
from rcd_ros.data.episodes import Episode
from rcd_ros.data.formats.recording import FloatArray, RecordedEpisode, Recording
from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSpec

_PERIOD_TOLERANCE = 0.01
"""Part of the control period by which a source's may differ and count as the same."""

Success = Callable[[FloatArray], NDArray[np.bool_]]
"""Whether the task has succeeded in each of some observations (T, n_obs), in the task's order."""


@dataclass(frozen=True)
class Kept:
    """An episode of a source that can be trained on."""

    name: str
    episode: Episode


@dataclass(frozen=True)
class Refused:
    """An episode of a source that cannot, and why, in half a sentence."""

    name: str
    reason: str


@dataclass
class Ingested:
    """What became of a source.

    Attributes:
        kept: in the source's order.
        refused: likewise.
        notes: what was left out or filled in, one sentence each.
        labelled: how rewards came about: "recorded", "label", "task", or empty where there are none.
    """

    kept: list[Kept] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    labelled: str = ""

    @property
    def episodes(self) -> list[Episode]:
        """Those that were kept."""
        return [each.episode for each in self.kept]

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True)
class IngestRules:
    """What is asked of a source.

    Attributes:
        min_steps: shorter episodes are refused.
        success: the task's own test of success, where it has one.
        labels: numbers (from 0) of the source's episodes that have succeeded, as somebody has judged it.
    """

    min_steps: int = 1
    success: Success | None = None
    labels: frozenset[int] | None = None


def ingest(recording: Recording, spec: TaskSpec, columns: ColumnMap, rules: IngestRules) -> Iterator[Kept | Refused]:
    """A source's episodes in the layout of the task's data sets, one after another.

    Without an observation after the last action, that action is left out and its reward counts for the one before.
    Sources of a whole multiple of the task's rate are thinned: positions that are commanded are those at the period's
    end, velocities and efforts its means.

    Args:
        recording: the source.
        spec: all channels of the task.
        columns: where the source has them.
        rules: what else is asked.

    Raises:
        RcdError: the source's rate is no multiple of the task's.
    """
    maker = _EpisodeMaker(spec, columns, rules, _thinning(recording, spec))
    for number, recorded in enumerate(recording):
        if recorded.problem:
            yield Refused(recorded.name, recorded.problem)
            continue
        try:
            episode = maker.make(recorded, number)
        except RcdError as error:
            yield Refused(recorded.name, str(error))
            continue
        if len(episode) < rules.min_steps:
            yield Refused(recorded.name, f"it has {len(episode)} steps, {rules.min_steps} are needed")
        else:
            yield Kept(recorded.name, episode)


def notes(recording: Recording, spec: TaskSpec, columns: ColumnMap) -> list[str]:
    """What is left out of a source, and what is filled in, one sentence each."""
    told = list(recording.notes)
    missing = [channel.name for channel in spec.observations if channel.name not in columns.observe]
    if missing:
        told.append(f"{', '.join(missing)}: not in the source, differences of the positions")
    if columns.command is None:
        told.append("no command was recorded: the next observation is taken for it")
    thinning = _thinning(recording, spec)
    if thinning > 1:
        told.append(f"of the source's rows every {thinning}th is taken, for the task's {spec.control_period:g} s")
    return told


def _thinning(recording: Recording, spec: TaskSpec) -> int:
    """How many of the source's rows make a control period."""
    if recording.period is None:
        return 1
    ratio = spec.control_period / recording.period
    thinning = max(1, round(ratio))
    if abs(ratio / thinning - 1.0) > _PERIOD_TOLERANCE:
        raise RcdError(
            f"'{recording.path}' has a row every {recording.period:.4g} s, task '{spec.name}' a control period of "
            f"{spec.control_period:.4g} s: a whole number of rows must make a period"
        )
    return thinning


class _EpisodeMaker:
    def __init__(self, spec: TaskSpec, columns: ColumnMap, rules: IngestRules, thinning: int) -> None:
        self._spec, self._columns, self._rules, self._thinning = spec, columns, rules, thinning

    def make(self, recorded: RecordedEpisode, number: int) -> Episode:
        """Raises `RcdError` with the reason where it cannot be."""
        seen = self._observed(recorded)
        commands = self._commanded(recorded, seen)
        rewards, success = recorded.rewards, self._success(recorded, number)
        rewards = np.zeros(len(recorded)) if rewards is None else rewards.copy()
        if self._columns.reward is not None:
            rewards = self._column(recorded, self._columns.reward)
        seen, commands, rewards = self._thin(seen, commands, rewards)
        if len(seen) == len(commands):
            if len(commands) < 2:
                raise RcdError("it has a single observation")
            rewards[-2] += rewards[-1]
            commands, rewards = commands[:-1], rewards[:-1]
        terminated = bool(recorded.terminated)
        if recorded.rewards is None and self._columns.reward is None:
            rewards, terminated = self._judged(seen, success)
        return Episode(
            observations=self._placed(seen),
            actions=self._scaled(commands),
            rewards=rewards.astype(np.float32),
            terminated=terminated,
            truncated=not terminated,
            info={"source": recorded.name} | ({} if success is None else {"success": int(success)}),
        )

    def _observed(self, recorded: RecordedEpisode) -> FloatArray:
        """Observations in the task's order (T or T + 1, n_obs), physical units."""
        spec, observe = self._spec, self._columns.observe
        whole = bool(recorded.last) and all(columns.key in recorded.last for columns in observe.values())
        seen = np.full((len(recorded) + whole, spec.observation_size), np.nan)
        for channel, places in spec.placed():
            columns = observe.get(channel.name)
            if columns is None:
                continue
            values = columns.take(recorded.arrays)
            if values.shape[1] != channel.size:
                raise RcdError(
                    f"'{columns.key}' gives channel '{channel.name}' {values.shape[1]} of {channel.size} values"
                )
            seen[: len(values), places.start : places.stop] = values
            if whole:
                seen[-1, places.start : places.stop] = columns.take(recorded.last)
        return differences(spec, seen, self._period())

    def _commanded(self, recorded: RecordedEpisode, seen: FloatArray) -> FloatArray:
        """Commands (T, n_cmd), physical units."""
        size = self._spec.command.size
        if self._columns.command is None:
            return next_observed(self._spec, seen, self._period())[: len(recorded)]
        commands = self._columns.command.take(recorded.arrays)
        if commands.shape[1] != size:
            raise RcdError(f"'{self._columns.command.key}' gives {commands.shape[1]} of {size} commanded values")
        return commands

    def _period(self) -> float:
        return self._spec.control_period / self._thinning

    def _thin(
        self, seen: FloatArray, commands: FloatArray, rewards: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        every = self._thinning
        if every == 1:
            return seen, commands, rewards
        periods = len(commands) // every
        if periods == 0:
            raise RcdError(f"its {len(commands)} rows are less than a control period")
        grouped = commands[: periods * every].reshape(periods, every, -1)
        stays = np.asarray(self._spec.command.stays)
        left = rewards[periods * every :].sum()
        rewards = rewards[: periods * every].reshape(periods, every).sum(1)
        rewards[-1] += left
        return seen[::every][: periods + 1], np.where(stays, grouped[:, -1], grouped.mean(1)), rewards

    def _success(self, recorded: RecordedEpisode, number: int) -> bool | None:
        """What is known of success before the observations are looked at."""
        if self._rules.labels is not None:
            return number in self._rules.labels
        if self._columns.success is not None:
            return bool(self._column(recorded, self._columns.success).any())
        return recorded.success

    def _judged(self, seen: FloatArray, success: bool | None) -> tuple[FloatArray, bool]:
        """Rewards (T,) of an episode that has none of its own: 1 where it first succeeds; and whether it does."""
        rewards = np.zeros(len(seen) - 1)
        if success is not None:
            rewards[-1] = float(success)
            return rewards, success
        if self._rules.success is None:
            return rewards, False
        reached = np.flatnonzero(self._rules.success(seen[1:]))
        if reached.size:
            rewards[reached[0]] = 1.0
        return rewards, bool(reached.size)

    def _column(self, recorded: RecordedEpisode, key: str) -> FloatArray:
        if key not in recorded.arrays:
            raise RcdError(f"it has no '{key}', it has {', '.join(recorded.arrays)}")
        return recorded.arrays[key][:, 0]

    def _placed(self, seen: FloatArray) -> NDArray[np.float32]:
        columns = self._spec.observation_columns
        observations = np.zeros((len(seen), max(columns) + 1), np.float32)
        observations[:, columns] = seen
        return observations

    def _scaled(self, commands: FloatArray) -> NDArray[np.float32]:
        command = self._spec.command
        actions = np.zeros((len(commands), max(command.columns) + 1), np.float32)
        actions[:, list(command.columns)] = commands / np.asarray(command.scale)
        return actions


def next_observed(spec: TaskSpec, seen: FloatArray, period: float) -> FloatArray:
    """Commands (T, n_cmd) that lead from each observation (T, n_obs) to the next one; the last is repeated.

    Positions are the joint's next one; velocities are those that lead there.

    Raises:
        RcdError: a commanded joint's position is not observed, or efforts are commanded.
    """
    from rcd_ros.planning.trajectory import position_columns

    interface = spec.command.interface
    columns = position_columns(spec)
    unseen = [joint for joint, column in zip(spec.command.joints, columns, strict=True) if column is None]
    if unseen or interface not in ("position", "velocity"):
        what = f"{interface}s" if not unseen else f"what is not observed ({', '.join(unseen)})"
        raise RcdError(f"the next observation says nothing of {what}: name where commands were recorded")
    if len(seen) < 2:
        raise RcdError("it has a single observation")
    positions = seen[:, [column for column in columns if column is not None]]
    following = np.vstack((positions[1:], positions[-1:]))
    return following if interface == "position" else (following - positions) / period
