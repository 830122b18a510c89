"""From a source's columns to a task's episodes: each is kept, or refused with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Episode
from rcd_ros.data.imports.columns import ColumnMap
from rcd_ros.data.imports.derivatives import differences
from rcd_ros.errors import RcdError
from rcd_ros.formats.recording import FloatArray, RecordedEpisode, Recording
from rcd_ros.planning.spec import TaskSpec

_PERIOD_TOLERANCE = 0.01
"""Part of the control period by which a source's may differ and count as the same."""

Success = Callable[[FloatArray], NDArray[np.bool_]]
"""Which goals hold in each observation (T, n_obs; the task's order, SI units): (T, goals), or (T,) of a single one."""


@dataclass(frozen=True)
class Kept:
    """An episode of a source that can be trained on.

    Attributes:
        name: where it is in the source.
        episode: in the layout of the task's data sets.
        number: by which the source counts it.
        last_repeated: nothing was observed after the last action: the observation before it stands there.
    """

    name: str
    episode: Episode
    number: int = 0
    last_repeated: bool = False


@dataclass(frozen=True)
class Refused:
    """An episode of a source that cannot be trained on.

    Attributes:
        name: where it is in the source.
        reason: why, in half a sentence.
        number: by which the source counts it.
    """

    name: str
    reason: str
    number: int = 0


@dataclass(frozen=True)
class IngestRules:
    """What is asked of a source.

    Attributes:
        min_steps: episodes of fewer control periods are refused.
        success: the task's own test of success, where it has one.
        labels: the source's numbers of the episodes that have succeeded, as the user states; they replace rewards.
        recorded_rewards: rewards that the source has are taken.
        keep_last: an action after which nothing was observed is kept, the last observation repeated.
    """

    min_steps: int = 1
    success: Success | None = None
    labels: frozenset[int] | None = None
    recorded_rewards: bool = True
    keep_last: bool = False


def ingest(recording: Recording, spec: TaskSpec, columns: ColumnMap, rules: IngestRules) -> Iterator[Kept | Refused]:
    """A source's episodes in the layout of the task's data sets, one after another.

    Without an observation after the last action, that action is left out and its reward counts for the one before,
    unless `rules` say otherwise.
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
    for place, recorded in enumerate(recording):
        number = place if recorded.number is None else recorded.number
        if recorded.problem:
            yield Refused(recorded.name, recorded.problem, number)
            continue
        try:
            kept = maker.make(recorded, number)
        except RcdError as error:
            yield Refused(recorded.name, str(error), number)
            continue
        if len(kept.episode) < rules.min_steps:
            yield Refused(recorded.name, f"it has {len(kept.episode)} steps, {rules.min_steps} are needed", number)
        else:
            yield kept


def notes(recording: Recording, spec: TaskSpec, columns: ColumnMap) -> list[str]:
    """What is left out of a source, and what is filled in, one sentence each.

    Raises:
        RcdError: the source's rate is no multiple of the task's.
    """
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
    """How many of the source's rows make a control period; 1 where the source does not say its rate."""
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

    def make(self, recorded: RecordedEpisode, number: int) -> Kept:
        """The episode in the task's layout.

        Raises:
            RcdError: why it cannot be, in half a sentence.
        """
        seen = self._observed(recorded)
        commands = self._commanded(recorded, seen)
        success, given = self._success(recorded, number), self._rewards(recorded)
        rewards = np.zeros(len(recorded)) if given is None else given
        seen, commands, rewards = self._thin(seen, commands, rewards)
        incomplete = len(seen) == len(commands)
        if incomplete and self._rules.keep_last:
            seen = np.vstack((seen, seen[-1:]))
        elif incomplete:
            if len(commands) < 2:
                raise RcdError("it has a single observation")
            rewards[-2] += rewards[-1]
            commands, rewards = commands[:-1], rewards[:-1]
        terminated = bool(recorded.terminated)
        if given is None:
            rewards, terminated = self._judged(seen, success)
        episode = Episode(
            observations=self._placed(seen),
            actions=self._scaled(commands),
            rewards=_narrow(rewards),
            terminated=terminated,
            truncated=not terminated,
            info={"source": recorded.name} | ({} if success is None else {"success": int(success)}),
        )
        return Kept(recorded.name, episode, number, incomplete and self._rules.keep_last)

    def _rewards(self, recorded: RecordedEpisode) -> FloatArray | None:
        """Rewards (T,) that the source has, where they are to be taken."""
        if self._rules.labels is not None or not self._rules.recorded_rewards:
            return None
        if self._columns.reward is not None:
            return self._columns.reward.take(recorded.arrays)[:, 0]
        return None if recorded.rewards is None else recorded.rewards.copy()

    def _observed(self, recorded: RecordedEpisode) -> FloatArray:
        """Observations in the task's order (T or T + 1, n_obs), SI units."""
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
        """Commands (T, n_cmd), SI units."""
        size = self._spec.command.size
        if self._columns.command is None:
            return next_observed(self._spec, seen, self._period())[: len(recorded)]
        commands = self._columns.command.take(recorded.arrays)
        if self._spec.command.source == "action" and commands.shape[1] != size:
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
        stays = np.asarray(self._spec.command.stays if self._spec.command.source == "action" else True)
        left = rewards[periods * every :].sum()
        rewards = rewards[: periods * every].reshape(periods, every).sum(1)
        rewards[-1] += left
        return seen[::every][: periods + 1], np.where(stays, grouped[:, -1], grouped.mean(1)), rewards

    def _success(self, recorded: RecordedEpisode, number: int) -> bool | None:
        """What is known of success before the observations are looked at."""
        if self._rules.labels is not None:
            return number in self._rules.labels
        if self._columns.success is not None:
            return bool(self._columns.success.take(recorded.arrays).any())
        return recorded.success

    def _judged(self, seen: FloatArray, success: bool | None) -> tuple[FloatArray, bool]:
        """Rewards (T,) of an episode that has none of its own: 1 where it first succeeds; and whether it does."""
        rewards = np.zeros(len(seen) - 1)
        if success is not None:
            rewards[-1] = float(success)
            return rewards, success
        if self._rules.success is None:
            return rewards, False
        reached = self._rules.success(seen[1:]).reshape(len(rewards), -1)
        for goal in reached.T:
            rewards[np.flatnonzero(goal)[:1]] += 1.0  # where it first holds
        return rewards, bool(reached.any(axis=0).all())

    def _placed(self, seen: FloatArray) -> NDArray[np.float32]:
        observations = np.zeros((len(seen), self._spec.stored_width))
        observations[:, self._spec.observation_columns] = seen
        return _narrow(observations)

    def _scaled(self, commands: FloatArray) -> NDArray[np.float32]:
        command = self._spec.command
        if command.source != "action":
            return _narrow(commands)
        actions = np.zeros((len(commands), max(command.columns) + 1))
        actions[:, list(command.columns)] = commands / np.asarray(command.scale)
        return _narrow(actions)


def _narrow(values: FloatArray) -> NDArray[np.float32]:
    """Values as they are stored, in 32 bits.

    Raises:
        RcdError: one of them is too large.
    """
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        raise RcdError(f"it holds a value of {np.abs(values).max():.3g}, more than 32 bits can hold")
    return narrow


def next_observed(spec: TaskSpec, seen: FloatArray, period: float) -> FloatArray:
    """Commands (T, n_cmd) that lead from each observation (T, n_obs) to the next one.

    A position is the joint's next one, a velocity the one that leads there within the period; where observations are
    planned, a command is the next observation. From the last observation nothing leads on: its command stays there.

    Args:
        spec: of the task.
        seen: in the task's order, SI units.
        period: s between two rows.

    Raises:
        RcdError: a commanded joint's position is not observed, efforts are commanded, or there is a single row.
    """
    if spec.command.source != "action":
        places = [spec.observation_columns.index(column) for column in spec.command.columns]
        return np.vstack((seen[1:], seen[-1:]))[:, places]
    interface = spec.command.interface
    columns = spec.commanded_columns("joint_position")
    unseen = [joint for joint, column in zip(spec.command.joints, columns, strict=True) if column is None]
    if unseen or interface not in ("position", "velocity"):
        what = f"{interface}s" if not unseen else f"what is not observed ({', '.join(unseen)})"
        raise RcdError(f"the next observation says nothing of {what}: name where commands were recorded")
    if len(seen) < 2:
        raise RcdError("it has a single observation")
    positions = seen[:, [column for column in columns if column is not None]]
    following = np.vstack((positions[1:], positions[-1:]))
    return following if interface == "position" else (following - positions) / period
