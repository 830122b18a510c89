"""Bags (MCAP or SQLite) as a source of episodes. A bag that cannot be read is refused alone, with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rcd_ros.data.bags.bag import Bag
from rcd_ros.data.bags.episodes import BagEpisode, BagEpisodes, read_episodes
from rcd_ros.data.bags.layout import BagLayout
from rcd_ros.data.bags.topics import TaskTopics
from rcd_ros.data.imports.columns import ColumnMap, Columns
from rcd_ros.errors import RcdError
from rcd_ros.formats.recording import RecordedEpisode, Recording
from rcd_ros.formats.registry import BAG
from rcd_ros.planning.spec import TaskSpec

COMMAND = "command"
"""Key of the commands; a channel's key is its name."""


@dataclass(frozen=True)
class BagSettings:
    """What is not in the bag and not in the task.

    Attributes:
        execute: control periods that the robot kept a plan for; None: as a bridge said, else 1.
        tolerance: s that stamps of one observation may differ, at least.
        namespace: of the recorded nodes; None: it is found.
        names: the recorded full name of a topic, where that is another than namespace and name.
    """

    execute: int | None = None
    tolerance: float = 0.0
    namespace: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BagSource:
    """Episodes of bags, and where they have what a task needs.

    Attributes:
        recording: the episodes, those that cannot be used with their reason.
        columns: of its arrays.
        checkpoints: SHA-256 of the planner that each bag says it recorded, by the bag's name.
    """

    recording: Recording
    columns: ColumnMap
    checkpoints: Mapping[str, str]


def bags_in(path: Path) -> list[Path]:
    """The bag at a path, or all bags of a folder of bags."""
    if path.is_dir() and not (path / "metadata.yaml").is_file():
        inside = sorted(child for child in path.iterdir() if (child / "metadata.yaml").is_file())
        return inside or [path]
    return [path]


def read_bags(paths: Sequence[Path], spec: TaskSpec, layout: BagLayout, settings: BagSettings) -> BagSource:
    """All episodes of some bags of a task, in order.

    Args:
        paths: bags, or folders of bags.
        spec: all channels of the task.
        layout: where commands are and what cuts episodes.
        settings: what the user states.
    """
    episodes: list[RecordedEpisode] = []
    read: list[BagEpisodes] = []
    checkpoints: dict[str, str] = {}
    for path in [bag for each in paths for bag in bags_in(each)]:
        try:
            bag = Bag(path)
            topics = TaskTopics(bag, spec, settings.namespace, settings.names, layout)
            found = read_episodes(bag, spec, topics, layout, settings.execute, settings.tolerance)
        except RcdError as error:
            episodes.append(RecordedEpisode(path.name, problem=str(error)))
            continue
        named = len(found.episodes) > 1
        episodes += [
            _recorded(f"{path.name}: {each.name}" if named else path.name, each, spec) for each in found.episodes
        ]
        read.append(found)
        checkpoints |= {path.name: found.checkpoint_sha256} if found.checkpoint_sha256 else {}
    recording = Recording(
        BAG, paths[0], lambda: iter(episodes), len(episodes), period=spec.control_period, notes=_notes(read, layout)
    )
    command = None if layout.commands is None else Columns(COMMAND)
    return BagSource(recording, ColumnMap({c.name: Columns(c.name) for c in spec.observations}, command), checkpoints)


def _recorded(name: str, episode: BagEpisode, spec: TaskSpec) -> RecordedEpisode:
    if episode.problem:
        return RecordedEpisode(name, problem=episode.problem)
    columns = {channel.name: list(places) for channel, places in spec.placed()}
    arrays = {key: episode.observations[:-1, places] for key, places in columns.items()}
    if episode.commands is not None:
        arrays[COMMAND] = episode.commands
    return RecordedEpisode(
        name,
        arrays,
        {key: episode.observations[-1, places] for key, places in columns.items()},
        episode.rewards,
        episode.terminated if episode.rewards is not None else None,
        episode.success,
    )


def _notes(bags: Sequence[BagEpisodes], layout: BagLayout) -> list[str]:
    """What is worth knowing of bags that could be read, one sentence each."""
    observed, steps = sum(each.observed for each in bags), sum(each.steps for each in bags)
    count, held = sum(len(each.usable) for each in bags), sum(each.held for each in bags)
    notes = [
        f"{observed} observations, {steps} steps in {count} episodes, {held} of them without a command that was due"
    ]
    if layout.commands is not None:
        for execute, mode in dict.fromkeys((each.execute, each.mode) for each in bags):
            how = f"{mode}, as the bridge said" if mode else "in real time, as no bridge said otherwise"
            notes.append(f"plans kept for {execute} periods, {how}")
    if splits := sum(each.splits for each in bags):
        notes.append(f"control periods are missing in {splits} places, where episodes are parted")
    if derived := sorted({topic for each in bags for topic in each.derived}):
        notes.append(f"velocities are differences of positions: {', '.join(derived)}")
    for what, counts in (
        ("observations left out", [each.dropped for each in bags]),
        ("messages not used", [each.unusable for each in bags]),
        ("commands refused", [each.refused for each in bags]),
    ):
        if text := _counted(sum(counts, Counter())):
            notes.append(f"{what}: {text}")
    return notes


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()) if count)
