"""A data set in Rerun: observations, actions, rewards and returns, episode after episode."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rcd_ros.data.episodes import Dataset, Episode
from rcd_ros.data.rerun_log import RerunLog
from rcd_ros.data.tracks import return_to_go
from rcd_ros.planning.spec import TaskSpec

GAP = 1
"""Steps between two episodes."""


def show_dataset(log: RerunLog, dataset: Dataset, spec: TaskSpec | None, chosen: Sequence[int]) -> None:
    """Log some episodes of a data set, and what was refused when it was imported.

    Args:
        log: where to.
        dataset: whose.
        spec: of its task, in whose names and units the values are shown; None: column by column.
        chosen: places of the episodes.
    """
    origin = dataset.metadata.get("origin")
    refused = origin.get("refused") if isinstance(origin, dict) else None
    for text in refused if isinstance(refused, list) else []:
        log.event(0, f"refused: {text}", bad=True)
    step = 0
    for place in chosen:
        episode = dataset.episodes[place]
        log.event(step, describe(episode, place))
        log_episode(log, episode, spec, step)
        step += len(episode) + 1 + GAP


def describe(episode: Episode, place: int) -> str:
    """An episode in a line."""
    source = episode.info.get("source")
    of = f" ({source})" if source is not None else ""
    end = "terminated" if episode.terminated else "truncated"
    return f"episode {place}{of}: {len(episode)} steps, return {episode.total_reward:.4g}, {end}"


def log_episode(log: RerunLog, episode: Episode, spec: TaskSpec | None, begin: int, actions: bool = True) -> None:
    """Log what was observed, done (if `actions`) and gained in an episode that begins at a step."""
    seen, done = range(begin, begin + len(episode) + 1), range(begin, begin + len(episode))
    ends = begin + len(episode)
    for path, columns, names in _observed(episode, spec):
        values = episode.observations[:, columns].astype(np.float64)
        log.series(path, [*seen, ends + GAP], _interrupted(values), names)
    if spec is not None:
        for channel in spec.observations:
            if channel.kind == "body_pose":
                log.body(channel.name, seen, episode.observations[:, list(channel.columns[:3])].astype(np.float64))
    if actions:
        _log_actions(log, episode, spec, done)
    gained = np.stack((episode.rewards, return_to_go(episode.rewards, 1.0)), axis=1).astype(np.float64)
    log.series("rewards/values", [*done, ends], _interrupted(gained), ["reward", "return from here on"])


def _log_actions(log: RerunLog, episode: Episode, spec: TaskSpec | None, done: range) -> None:
    scale, names = np.ones(episode.actions.shape[1]), [f"[{i}]" for i in range(episode.actions.shape[1])]
    if spec is not None and spec.command.source == "action":
        for column, joint, unit, by in zip(
            spec.command.columns, spec.command.joints, spec.command.units, spec.command.scale, strict=True
        ):
            scale[column], names[column] = by, f"{joint} ({unit})"
    log.series("actions/values", [*done, done.stop], _interrupted(episode.actions * scale), names)


def _observed(episode: Episode, spec: TaskSpec | None) -> list[tuple[str, list[int], list[str]]]:
    """Path, columns and names of each plot of observations."""
    if spec is None:
        columns = list(range(episode.observations.shape[1]))
        return [("observations/values", columns, [f"[{column}]" for column in columns])]
    return [
        (
            f"observations/{channel.name}/values",
            list(channel.columns),
            [f"{name} ({unit})" for name, unit in zip(channel.value_names, channel.units, strict=True)],
        )
        for channel in spec.observations
    ]


def _interrupted(values: np.ndarray) -> np.ndarray:
    """Values with a row of NaN behind them: lines end there."""
    return np.vstack((values, np.full((1, values.shape[1]), np.nan)))
