"""From a source of episodes to those of a task, with an account of what was used, what not, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Episode
from rcd_ros.data.imports.columns import ColumnMap, column_map, first_usable
from rcd_ros.data.imports.completions import Recomputed, recompute
from rcd_ros.data.imports.declared import declared
from rcd_ros.data.imports.ingest import IngestRules, Kept, Refused, ingest, notes
from rcd_ros.data.imports.suspicions import suspicions
from rcd_ros.errors import RcdError
from rcd_ros.formats.recording import FloatArray, Recording
from rcd_ros.formats.registry import BAG
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.tasks.task import Task

BY_HAND, RECORDED, LABELLED = "by hand", "recorded", "the data's success labels"
BY_TASK, SIMULATED, NOTHING = "the task's success, seen in the observations", "goals counted by the simulator", "none"
Show = Callable[[str, int, int], None]
"""Called with what is done, how many episodes are done, and how many there are."""


@dataclass(frozen=True)
class ImportSettings:
    """What the user asks of an import.

    Attributes:
        labels: the source's numbers of the episodes that have succeeded; None: not stated.
        min_steps: episodes of fewer control periods are refused.
        recount: the task's goals are counted again, in place of recorded rewards.
    """

    labels: frozenset[int] | None = None
    min_steps: int = 1
    recount: bool = False


@dataclass
class Imported:
    """What became of a source.

    Attributes:
        columns: where the source has what the task needs.
        kept: in the source's order.
        refused: likewise.
        rewards: where they come from, one of this module's constants.
        notes: what was left out or filled in, one sentence each.
        suspicions: what is to be looked at before training, one sentence each.
        recomputed: of each kept episode, what a simulator made of it; empty where none was asked.
    """

    columns: ColumnMap
    kept: list[Kept]
    refused: list[Refused]
    rewards: str
    notes: list[str] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)
    recomputed: list[Recomputed] = field(default_factory=list)

    @property
    def episodes(self) -> list[Episode]:
        """Those that were kept."""
        return [each.episode for each in self.kept]


def import_source(
    recording: Recording, task: Task, settings: ImportSettings, show: Show, columns: ColumnMap | None = None
) -> Imported:
    """Every episode of a source, in the task's layout or refused with its reason.

    Rewards are those that the user states, else the source's own, else a label of the source, else the task's
    success as the observations show it. Recorded rewards that are zero throughout say nothing.

    Args:
        recording: the source.
        task: that it belongs to.
        settings: what the user asks.
        show: called with the progress.
        columns: where the source has what the task needs; None: as the task declares it, or as names and numbers tell.

    Raises:
        RcdError: the source has not the task's columns or rate, no episode of it can be used, `settings` label one that
            is not there, or ask to count goals of a task that has none.
    """
    spec = task.spec
    columns = columns or column_map(recording, spec, declared(task, recording.format))
    rewards = _rewards(recording, task, columns, settings)
    rules = IngestRules(
        min_steps=settings.min_steps,
        success=_success(spec) if spec.success else None,
        labels=settings.labels,
        recorded_rewards=rewards == RECORDED,
        keep_last=rewards == SIMULATED,
    )
    kept, refused = _ingest(recording, spec, columns, rules, show)
    told = notes(recording, spec, columns)
    silent = rewards == RECORDED and not any(each.episode.rewards.any() for each in kept)
    said = any("success" in each.episode.info for each in kept)
    if silent and (said or rules.success is not None):
        rewards = LABELLED if said else BY_TASK
        told.append("the recorded rewards are all 0 and are not used")
        kept, refused = _ingest(recording, spec, columns, replace(rules, recorded_rewards=False), show)
    _check_labels(recording, settings, kept, refused)
    imported = Imported(columns, kept, refused, rewards, told)
    if rewards == SIMULATED:
        _recompute(imported, task, show)
    has_length = task.file is None or task.file.content.simulation is not None
    imported.suspicions = [*recording.suspicions, *suspicions(imported.episodes, spec, has_length)]
    # Files of other formats have often been cut at the success, which is what their labels say.
    if (
        recording.format == BAG
        and rewards == BY_TASK
        and not any(episode.total_reward for episode in imported.episodes)
    ):
        imported.suspicions.append(
            f"in none of {len(imported.episodes)} episodes the task's success is observed: record on until it is, or "
            "what leads to it is not learned"
        )
    return imported


def _rewards(recording: Recording, task: Task, columns: ColumnMap, settings: ImportSettings) -> str:
    """Where rewards come from, one of this module's constants."""
    if settings.labels is not None:
        return BY_HAND
    counted = task.spec.score.kind == "completions"
    by_simulator = counted and task.file is None
    if settings.recount:
        if not (by_simulator or task.spec.success):
            raise RcdError(f"task '{task.spec.name}' has no goals that could be counted again: leave --recount out")
        return SIMULATED if by_simulator else BY_TASK
    example = first_usable(recording)
    if columns.reward is not None or example.rewards is not None:
        return RECORDED
    if columns.success is not None or example.success is not None:
        return LABELLED
    if by_simulator:
        return SIMULATED
    return BY_TASK if task.spec.success else NOTHING


def _success(spec: TaskSpec) -> Callable[[FloatArray], NDArray[np.bool_]]:
    """(T, goals) of observations (T, n_obs): which of the task's goals hold."""
    places = {channel.name: (channel.value_names, its.start) for channel, its in spec.placed()}

    def holds(seen: FloatArray) -> NDArray[np.bool_]:
        found = np.ones((len(seen), len(spec.score.goals)), bool)
        for condition in spec.success:
            names, begin = places[condition.channel]
            goal = spec.score.goals.index(condition.goal)
            found[:, goal] &= condition.holds(seen[:, begin + names.index(condition.value)])
        return found

    return holds


def _ingest(
    recording: Recording, spec: TaskSpec, columns: ColumnMap, rules: IngestRules, show: Show
) -> tuple[list[Kept], list[Refused]]:
    kept: list[Kept] = []
    refused: list[Refused] = []
    for each in ingest(recording, spec, columns, rules):
        if isinstance(each, Kept):
            kept.append(each)
        else:
            refused.append(each)
        show("reading", len(kept) + len(refused), len(recording))
    if not kept:
        reason = f"{refused[0].name}: {refused[0].reason}" if refused else "it has none"
        raise RcdError(f"no episode of '{recording.path}' can be used: {reason}")
    return kept, refused


def _check_labels(
    recording: Recording, settings: ImportSettings, kept: Sequence[Kept], refused: Sequence[Refused]
) -> None:
    """Refuse labels of episodes that are not there: the numbers may be counted otherwise."""
    numbers = {each.number for each in kept} | {each.number for each in refused}
    unknown = sorted((settings.labels or frozenset()) - numbers)
    if unknown:
        raise RcdError(
            f"--success names episode {unknown[0]}, '{recording.path}' has episodes {min(numbers)} to {max(numbers)}"
        )


def _recompute(imported: Imported, task: Task, show: Show) -> None:
    """Rewards, ends and last observations by the task's simulator."""
    complete = [not each.last_repeated for each in imported.kept]
    for result in recompute(task, imported.episodes, last_known=complete):
        imported.recomputed.append(result)
        show("replaying", len(imported.recomputed), len(imported.kept))
    imported.kept = [
        replace(each, episode=result.episode) for each, result in zip(imported.kept, imported.recomputed, strict=True)
    ]
    if not all(complete):
        imported.notes.append("the last observation of each episode is simulated from the one before")
