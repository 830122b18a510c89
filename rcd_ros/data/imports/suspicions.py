"""What looks wrong about episodes although they can be read: units, limits, single values, missing ends."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.episodes import Episode, planned_values
from rcd_ros.formats.recording import FloatArray
from rcd_ros.planning.spec import TaskSpec

DEGREES = 2.2 * math.pi
"""rad beyond which an angle of a joint looks like degrees."""
SLACK = 0.02
"""Share of a range by which commands may pass a limit: encoders and servos do."""
DEVIATIONS = 50.0
"""Standard deviations of the other rows' values beyond which a value stands out."""
HUGE = 1e6
"""No SI value of a robot is as large."""
LONG = 2.0
"""Times the task's own length of an episode that one may have."""
LONGER = 5.0
"""Times the median length, where the task has no length of its own."""


def suspicions(episodes: Sequence[Episode], spec: TaskSpec, own_length: bool = True) -> list[str]:
    """What is to be looked at before training, one sentence each.

    Values are looked at in SI units.

    Args:
        episodes: one or more, in the layout of the task's data sets.
        spec: all channels of the task.
        own_length: whether the length of the task's episodes means something: there is a simulation.
    """
    observed = np.concatenate([episode.observations for episode in episodes]).astype(np.float64)
    commands = np.concatenate([planned_values(episode, spec.command) for episode in episodes]).astype(np.float64)
    owners = np.repeat(np.arange(len(episodes)), [len(episode.observations) for episode in episodes])
    commanders = np.repeat(np.arange(len(episodes)), [len(episode) for episode in episodes])
    found = [*_lengths(episodes, spec, own_length), *_degrees(observed, spec), *_limits(commands, spec)]
    for channel in spec.observations:
        for value, column in zip(channel.value_names, channel.columns, strict=True):
            found += _outliers(f"'{channel.name}.{value}'", observed[:, column], owners, episodes)
    for joint, values in zip(_commanded(spec), commands.T, strict=True):
        found += _outliers(f"the command of '{joint}'", values, commanders, episodes)
    if spec.score.kind == "completions":
        most = max(episode.total_reward for episode in episodes)
        if most > len(spec.score.goals) + 1e-6:
            found.append(
                f"an episode returns {most:.6g}, but the task has {len(spec.score.goals)} goals: "
                "rewards are not one a goal"
            )
    return found


def _lengths(episodes: Sequence[Episode], spec: TaskSpec, own_length: bool) -> Iterator[str]:
    lengths = np.array([len(episode) for episode in episodes])
    if own_length:
        most, than = LONG * spec.episode_steps, f"an episode of task '{spec.name}' {spec.episode_steps}"
    else:
        most, than = LONGER * float(np.median(lengths)), f"the middle one {np.median(lengths):g}"
    too_long = np.flatnonzero(lengths > most)
    if too_long.size:
        first = int(too_long[0])
        count = _counted(too_long.size, "episode is", "episodes are")
        yield (
            f"{count} long for the task: {_name(episodes[first], first)} has {lengths[first]} steps, {than}: "
            "are ends of episodes missing?"
        )


def _degrees(observed: FloatArray, spec: TaskSpec) -> Iterator[str]:
    for channel in spec.observations:
        if channel.kind != "joint_position":
            continue
        largest = {
            joint: float(np.abs(observed[:, column]).max())
            for joint, column, unit in zip(channel.joints, channel.columns, channel.units, strict=True)
            if unit == "rad" and joint not in channel.continuous
        }
        wrong = {joint: value for joint, value in largest.items() if DEGREES < value < HUGE}
        if wrong:
            told = ", ".join(f"{joint} {value:.4g}" for joint, value in wrong.items())
            yield f"'{channel.name}' looks like degrees, not rad ({told}): write `unit: deg` in the task's columns"


def _limits(commands: FloatArray, spec: TaskSpec) -> Iterator[str]:
    if spec.command.source != "action":  # what was observed is what the robot did, whatever its limits
        return
    for joint, values, low, high, unit in zip(
        _commanded(spec), commands.T, spec.command.lower, spec.command.upper, spec.command.units, strict=True
    ):
        room = SLACK * (high - low) if math.isfinite(high - low) else 0.0
        beyond = int(((values < low - room) | (values > high + room)).sum())
        if beyond:
            yield (
                f"commands of '{joint}' go from {values.min():.4g} to {values.max():.4g} {unit}, its limits are "
                f"{low:.4g} and {high:.4g}: {_counted(beyond, 'step', 'steps')} beyond"
            )


def _outliers(what: str, values: FloatArray, owners: NDArray[np.int64], episodes: Sequence[Episode]) -> Iterator[str]:
    largest = int(np.argmax(np.abs(values)))
    of = _name(episodes[owners[largest]], int(owners[largest]))
    if abs(values[largest]) > HUGE:
        yield f"{what} is {values[largest]:.4g} in {of}"
        return
    middle = float(np.median(values))
    order = np.argsort(np.abs(values - middle))
    rest, farthest = values[order[: len(values) - _few(len(values))]], int(order[-1])
    deviation = float(rest.std()) if rest.size > 1 else 0.0
    away = abs(values[farthest] - float(rest.mean())) if rest.size else 0.0
    if deviation > 0.0 and away > DEVIATIONS * deviation:
        of = _name(episodes[owners[farthest]], int(owners[farthest]))
        yield (f"{what} is {values[farthest]:.4g} in {of}, {away / deviation:.0f} standard deviations from the others")


def _few(count: int) -> int:
    """How many values may be wrong without being taken for the others' spread: a row in 10,000, one at least."""
    return max(1, count // 10_000)


def _commanded(spec: TaskSpec) -> list[str]:
    return [*spec.command.joints, *spec.command.joints][: spec.command.size]


def _name(episode: Episode, place: int) -> str:
    return str(episode.info.get("source", f"episode {place}"))


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
