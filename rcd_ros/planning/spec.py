"""What a task observes and commands: written once, stored in every checkpoint.

A robot's joints, a simulator's observation vector and a data set's columns are three views of the same
quantities. `TaskSpec` ties them together by name, so that a planner node needs no simulator to know what it
should read and write, and can refuse a robot that does not match.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    Field,
    field_validator,
    model_validator,
)
from typing_extensions import Self

from rcd_ros.errors import RcdError
from rcd_ros.planning.channels import ChannelKind, CommandChannel, Frozen, ObservationChannel, Sparse


class MotionSpec(Frozen):
    """What the robot's joints bear, in the order of the commanded joints, rad or m and s; what is not known is None.

    An infinite value says that this joint has no such limit. `rcd_ros.planning.limits` says what holds then.
    """

    position_lower: tuple[float, ...] | None = None
    position_upper: tuple[float, ...] | None = None
    velocity: tuple[float, ...] | None = None
    acceleration: tuple[float, ...] | None = Field(default=None, description="of efforts: their rate, N m/s")
    jerk: tuple[float, ...] | None = None

    @field_validator("velocity", "acceleration", "jerk")
    @classmethod
    def _above_zero(cls, values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if values is not None and not all(value > 0.0 for value in values):
            raise ValueError(f"every value must be above 0, got {values}")
        return values


class ScoreSpec(Frozen):
    """How an episode is scored: `completions` counts named goals, `return` sums rewards.

    score = 100 * (value - reference_low) / (reference_high - reference_low).
    """

    kind: Literal["completions", "return"]
    goals: tuple[str, ...] = ()
    reference_low: float = 0.0
    reference_high: float = Field(description="value that scores 100")

    def score(self, value: float) -> float:
        """Normalised score in points (0 to 100 between the references)."""
        return 100.0 * (value - self.reference_low) / (self.reference_high - self.reference_low)


class Condition(Frozen):
    """One observed value compared with a threshold; a goal is reached while all conditions of its name hold."""

    goal: str
    channel: str
    value: str = Field(description="one of the channel's `value_names`")
    comparison: Literal[">=", ">", "<=", "<"]
    threshold: float

    def holds(self, observed: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether values of this name (...,), in the channel's unit, satisfy it."""
        compare = {">=": np.greater_equal, ">": np.greater, "<=": np.less_equal, "<": np.less}[self.comparison]
        result: NDArray[np.bool_] = compare(observed, self.threshold)
        return result


class TaskSource(Frozen):
    """The task file that a specification was made from, word for word, and the folder its relative paths start in."""

    text: str
    folder: str


class TaskSpec(Sparse):
    """A task as the planner sees it: observation channels, command channel, control period, score, motion limits.

    The channel `clock` says when to plan: an observation is complete at its stamps.
    """

    _optional = frozenset({"motion", "continuing", "clock", "tolerance", "success", "source"})

    name: str
    control_period: float = Field(gt=0.0, description="s")
    episode_steps: int = Field(gt=0, description="control periods in one evaluated episode")
    observations: tuple[ObservationChannel, ...]
    command: CommandChannel
    score: ScoreSpec
    motion: MotionSpec | None = None
    continuing: bool = Field(
        default=False,
        description="the task has no end of its own: what ends an episode early is a failure, after which nothing is "
        "gained, and the return behind a time limit is unknown",
    )
    clock: str = Field(default="", description="channel at whose stamps plans are made; empty: the first")
    tolerance: float | None = Field(
        default=None, ge=0.0, description="s that stamps of one observation may differ; None: the node's parameter"
    )
    success: tuple[Condition, ...] = Field(default=(), description="when the goals of the score are reached")
    source: TaskSource | None = None

    @model_validator(mode="after")
    def _conditions_fit(self) -> Self:
        for condition in self.success:
            if condition.goal not in self.score.goals:
                raise ValueError(f"the score has no goal '{condition.goal}'")
        return self

    @model_validator(mode="after")
    def _motion_fits(self) -> Self:
        for name, values in () if self.motion is None else self.motion:
            if values is not None and len(values) != self.command.size:
                raise ValueError(f"motion limit '{name}' has {len(values)} values for {self.command.size} joints")
        return self

    @property
    def observation_size(self) -> int:
        """Length of the observation vector: the channels' values one after another."""
        return sum(channel.size for channel in self.observations)

    @property
    def observation_columns(self) -> list[int]:
        """Columns of the data set's observation vector, in this spec's order."""
        return [column for channel in self.observations for column in channel.columns]

    @property
    def stored_width(self) -> int:
        """Number of columns of the data set's observation vector, as far as this task reads it."""
        return 1 + max(column for channel in self.observations for column in (*channel.columns, *channel.achieved))

    @property
    def goal_channels(self) -> tuple[ObservationChannel, ...]:
        """The channels whose values are a goal."""
        return tuple(channel for channel in self.observations if channel.kind == "goal_position")

    def placed(self) -> Iterator[tuple[ObservationChannel, range]]:
        """Each channel, with where an observation vector (n_obs,) has its values."""
        begin = 0
        for channel in self.observations:
            yield channel, range(begin, begin + channel.size)
            begin += channel.size

    def commanded_columns(self, kind: ChannelKind) -> list[int | None]:
        """Column of each commanded joint's value of this kind in an observation; None where it is not observed."""
        where: dict[str, int] = {}
        for channel, places in self.placed():
            if channel.kind == kind:
                where.update(zip(channel.joints, places, strict=True))
        return [where.get(joint) for joint in self.command.joints]

    def observed_columns(self, kind: ChannelKind) -> NDArray[np.intp] | None:
        """Columns of this kind of value of all commanded joints (n_cmd,); None when one is not observed."""
        columns = self.commanded_columns(kind)
        return None if None in columns else np.array(columns, np.intp)

    @property
    def uses_frames(self) -> bool:
        """Whether transforms may be of use: a channel is in a frame of the task, or is a frame itself."""
        return any(channel.frame or channel.message_type == "tf" for channel in self.observations)

    @property
    def max_ages(self) -> dict[str, float | None]:
        """Greatest age (s) of each topic that the task gives: None where a held value may have any age."""
        ages: dict[str, float | None] = {}
        for channel in self.observations:
            topic = channel.topic_key
            if channel.max_age is not None:
                ages[topic] = min(channel.max_age, ages.get(topic) or math.inf)
            elif channel.align != "stamp":
                ages.setdefault(topic, None)
        return ages

    def select(self, names: list[str] | tuple[str, ...]) -> TaskSpec:
        """The same task observed through the named channels only, in the given order.

        Raises:
            RcdError: a name is not one of this task's channels.
        """
        known = {channel.name: channel for channel in self.observations}
        for name in names:
            if name not in known:
                raise RcdError(f"task '{self.name}' has no observation channel '{name}'; it has: {', '.join(known)}")
        clock = self.clock if self.clock in names else ""
        return self.model_copy(update={"observations": tuple(known[name] for name in names), "clock": clock})
