"""Whether a task file fits the robot: its names, rates, stamps, frames, ranges and units against what was recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rcd_ros.data.bags.bag import MESSAGE_TYPES, Bag, nanoseconds
from rcd_ros.data.episodes import Dataset, check_columns, planned_values
from rcd_ros.data.imports.suspicions import DEGREES, SLACK
from rcd_ros.data.storage.dataset_task import check_same_task
from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import ObservationChannel
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.suggest import did_you_mean


@dataclass
class Findings:
    """What a check found: problems are to be mended, notes to be known."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class _Seen:
    """Messages of one topic: stamps in ns, positions by name in the topic's units."""

    stamps: list[int] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    frames: set[str] = field(default_factory=set)
    positions: dict[str, list[float]] = field(default_factory=dict)
    without_velocity: bool = False


def check_against_dataset(spec: TaskSpec, dataset: Dataset) -> Findings:
    """Compare a task with a data set of it: ranges against limits, angles that look like degrees, constant values.

    Raises:
        RcdError: the data set is of another task, or lacks columns.
    """
    check_same_task(dataset, spec)
    for index, episode in enumerate(dataset.episodes):
        check_columns(episode, index, spec)
    found = Findings()
    observed = np.concatenate([episode.observations for episode in dataset.episodes])
    commands = np.concatenate([planned_values(episode, spec.command) for episode in dataset.episodes])
    steps = sum(len(episode) for episode in dataset.episodes)
    found.notes.append(
        f"{len(dataset.episodes)} episodes, {steps} steps, {steps * spec.control_period:.0f} s at "
        f"{1.0 / spec.control_period:g} Hz"
    )
    for channel in spec.observations:
        for name, unit, column in zip(channel.value_names, channel.units, channel.columns, strict=True):
            _check_values(found, f"{channel.name}.{name}", unit, observed[:, column], channel.kind == "joint_position")
    lower, upper = np.asarray(spec.command.lower), np.asarray(spec.command.upper)
    names = [*spec.command.joints, *spec.command.joints][: spec.command.size]
    for i, (joint, unit) in enumerate(zip(names, spec.command.units, strict=True)):
        _check_range(found, f"command of '{joint}'", unit, commands[:, i], lower[i], upper[i])
    if spec.success:
        rewarded = sum(episode.total_reward > 0.0 for episode in dataset.episodes)
        found.notes.append(f"{rewarded} of {len(dataset.episodes)} episodes are rewarded")
    return found


def check_against_bag(spec: TaskSpec, bag: Bag) -> Findings:
    """Compare a task with a recorded run of the robot.

    Raises:
        RcdError: the bag is damaged, or a message is not as its type says.
    """
    found = Findings()
    names = {channel.topic: _in_bag(channel.topic, bag) for channel in spec.observations if channel.topic}
    for channel in spec.observations:
        if channel.topic:
            _check_topic(found, channel, names[channel.topic], bag)
    seen = _gather(bag, [name for name in names.values() if name is not None])
    for channel in spec.observations:
        name = names.get(channel.topic)
        if name is not None and name in seen:
            _check_channel(found, spec, channel, seen[name])
    clock = next((c for c in spec.observations if c.name == spec.clock), spec.observations[0])
    lead = seen.get(names.get(clock.topic) or "")
    if lead is not None:
        _check_rate(found, spec, clock, lead)
        for channel in spec.observations:
            other = seen.get(names.get(channel.topic) or "")
            if other is not None and channel.topic != clock.topic and channel.kind != "goal_position":
                _check_stamps(found, spec, channel, clock, lead.stamps, other.stamps)
    for output in spec.command.controllers:
        if _in_bag(output.topic, bag) is None:
            found.notes.append(
                f"'{output.topic}' is not in the bag: commands must come from elsewhere (columns.bag.command)"
            )
    observed = {name for channel in spec.observations for name in channel.topic_names}
    left = sorted({name for entry in seen.values() for name in entry.names} - observed)
    if left:
        found.notes.append(f"published but not observed: {', '.join(left)}")
    return found


def _check_topic(found: Findings, channel: ObservationChannel, name: str | None, bag: Bag) -> None:
    if name is None:
        near = did_you_mean(channel.topic, bag.types)
        found.problems.append(f"'{channel.name}': '{channel.topic}' is not in the bag{near}")
        return
    expected = MESSAGE_TYPES[channel.message_type]
    if bag.types[name] != expected:
        found.problems.append(f"'{channel.name}': '{name}' carries {bag.types[name]}, the task says {expected}")


def _in_bag(topic: str, bag: Bag) -> str | None:
    """The bag's full name of a topic, which may be relative in the task."""
    if topic in bag.types:
        return topic
    ends = [name for name in bag.types if name.endswith(f"/{topic.lstrip('/')}")]
    return ends[0] if len(ends) == 1 else None


def _gather(bag: Bag, topics: Sequence[str]) -> dict[str, _Seen]:
    seen: dict[str, _Seen] = {}
    for recorded in bag.messages(list(dict.fromkeys(topics))):
        entry = seen.setdefault(recorded.topic, _Seen())
        message: Any = recorded.message
        header = getattr(message, "header", None)
        entry.stamps.append(nanoseconds(header.stamp) if header is not None else recorded.time)
        if header is not None and header.frame_id:
            entry.frames.add(header.frame_id)
        if hasattr(message, "name"):
            entry.names.update(message.name)
            entry.without_velocity |= len(message.velocity) != len(message.name)
            for name, value in zip(message.name, message.position, strict=False):
                entry.positions.setdefault(name, []).append(float(value))
    return seen


def _check_channel(found: Findings, spec: TaskSpec, channel: ObservationChannel, seen: _Seen) -> None:
    if channel.message_type == "JointState":
        missing = [name for name in channel.topic_names if name not in seen.names]
        if missing:
            near = "".join(did_you_mean(name, seen.names, most=1) for name in missing[:1])
            found.problems.append(
                f"'{channel.name}': '{channel.topic}' never has {', '.join(missing)}{near}; it has: "
                f"{', '.join(sorted(seen.names))}"
            )
        if channel.kind == "joint_velocity" and seen.without_velocity:
            found.problems.append(f"'{channel.name}': messages on '{channel.topic}' carry no velocities")
    if channel.frame and seen.frames and channel.frame not in seen.frames:
        found.problems.append(
            f"'{channel.name}' is to be in frame '{channel.frame}', '{channel.topic}' has: "
            f"{', '.join(sorted(seen.frames))}; say that frame, or see to a transform"
        )
    if channel.kind == "joint_position":
        scale = np.asarray(channel.topic_scale or (1.0,) * channel.size)
        offset = np.asarray(channel.topic_offset or (0.0,) * channel.size)
        limits = dict(zip(spec.command.joints, zip(spec.command.lower, spec.command.upper, strict=False), strict=False))
        for i, (joint, name) in enumerate(zip(channel.joints, channel.topic_names, strict=True)):
            values = np.asarray(seen.positions.get(name, ())) * scale[i] + offset[i]
            if not values.size:
                continue
            _check_values(found, f"{channel.name}.{joint}", channel.units[i], values, joint not in channel.continuous)
            if spec.command.interface == "position" and joint in limits:
                low, high = limits[joint]
                _check_range(found, f"'{channel.name}.{joint}'", channel.units[i], values, low, high)


def _check_values(found: Findings, name: str, unit: str, values: NDArray[Any], joint: bool) -> None:
    largest = float(np.abs(values).max())
    if joint and unit == "rad" and largest > DEGREES:
        found.problems.append(
            f"'{name}' reaches {largest:.4g} rad: that looks like degrees; write `unit: deg`, or `continuous` where it "
            "turns without end"
        )
    elif np.ptp(values) < 1e-6:
        found.notes.append(f"'{name}' never changes: {float(values[0]):.4g} {unit}")


def _check_range(found: Findings, name: str, unit: str, values: NDArray[Any], low: float, high: float) -> None:
    room = SLACK * (high - low) if math.isfinite(high - low) else 0.0
    least, largest = float(values.min()), float(values.max())
    if least < low - room or largest > high + room:
        found.problems.append(
            f"{name} goes from {least:.4g} to {largest:.4g} {unit}, its limits are {low:.4g} and {high:.4g}: another "
            "unit, another joint, or limits that are too tight?"
        )


def _check_rate(found: Findings, spec: TaskSpec, clock: ObservationChannel, seen: _Seen) -> None:
    steps = np.diff(seen.stamps) * 1e-9
    steps = steps[steps > 0.0]
    if not steps.size:
        found.problems.append(f"'{clock.name}', the clock, has one message or stamps that never advance")
        return
    rate = 1.0 / float(np.median(steps))
    text = f"'{clock.name}', the clock, comes at {rate:.4g} Hz, the task plans at {1.0 / spec.control_period:g} Hz"
    (found.problems if rate < 0.95 / spec.control_period else found.notes).append(text)


def _check_stamps(
    found: Findings,
    spec: TaskSpec,
    channel: ObservationChannel,
    clock: ObservationChannel,
    lead: Sequence[int],
    other: Sequence[int],
) -> None:
    """How far a channel's stamps are from the clock's."""
    theirs, ours = np.sort(np.asarray(other)), np.asarray(lead)
    ours = ours[(ours >= theirs[0]) & (ours <= theirs[-1])]
    if not ours.size:
        found.problems.append(
            f"'{channel.name}' and '{clock.name}' have stamps of different times: is one not a clock's?"
        )
        return
    before = np.clip(np.searchsorted(theirs, ours, side="right") - 1, 0, None)
    after = np.clip(before + 1, None, len(theirs) - 1)
    age = (ours - theirs[before]) * 1e-9
    nearest = np.minimum(np.abs(age), np.abs(theirs[after] - ours) * 1e-9)
    if channel.align == "hold":
        late = float(np.quantile(age, 0.95))
        middle = float(np.median(age))
        text = f"'{channel.name}' is {middle * 1e3:.3g} ms old at the clock's stamps, 95 % below {late * 1e3:.3g} ms"
        too_old = channel.max_age is not None and late > channel.max_age
        (found.problems if too_old else found.notes).append(
            text + (f": more than max_age, {channel.max_age} s" if too_old else "")
        )
        return
    tolerance = channel.tolerance if channel.tolerance is not None else spec.tolerance or 0.0
    apart = float(np.quantile(nearest, 0.95))
    text = f"stamps of '{channel.name}' and '{clock.name}' are {apart * 1e3:.3g} ms apart (95 %)"
    if apart > tolerance + 1e-9:
        found.problems.append(f"{text}, {tolerance * 1e3:.3g} ms are allowed: write a tolerance, or `align: hold`")
    else:
        found.notes.append(text)


def describe(spec: TaskSpec) -> Iterator[str]:
    """A task in a few lines."""
    yield (
        f"task '{spec.name}': {1.0 / spec.control_period:g} Hz, {spec.observation_size} observed and "
        f"{spec.command.size} commanded values"
    )
    for channel in spec.observations:
        of = f" of {channel.joints[0]}" if channel.kind.startswith("body") else f": {', '.join(channel.joints)}"
        clock = ", the clock" if channel.name == spec.clock else ""
        come = f"{channel.topic or 'tf'} ({channel.message_type}){clock}"
        yield f"  {channel.name}: {channel.kind.replace('_', ' ')}{of} <- {come}"
    for output in spec.command.controllers:
        yield f"  command: {spec.command.interface} of {', '.join(output.joints)} -> {output.topic} ({output.message})"
    for name, low, high, unit in zip(
        spec.command.joints, spec.command.lower, spec.command.upper, spec.command.units, strict=False
    ):
        yield f"    {name}: {low:.4g} to {high:.4g} {unit}"
    for condition in spec.success:
        what = f"{condition.channel}.{condition.value} {condition.comparison} {condition.threshold:g}"
        yield f"  {condition.goal}: {what}"


def require_something(found: Findings) -> None:
    """Raise when there are problems.

    Raises:
        RcdError: how many there are.
    """
    if found.problems:
        count = len(found.problems)
        raise RcdError(f"the task does not fit: {count} problem{'s' if count > 1 else ''}, see above")
