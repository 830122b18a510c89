"""What a task observes and commands: written once, carried inside every checkpoint.

A robot's joints, a simulator's observation vector and a data set's columns are three views of the same
quantities. `TaskSpec` ties them together by name, so that a planner node needs no simulator to know what it
should read and write, and can refuse a robot that does not match.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)
from typing_extensions import Self

from rcd_ros.errors import RcdError

ChannelKind = Literal["joint_position", "joint_velocity", "body_pose", "body_twist", "goal_position"]
Interface = Literal["position", "velocity", "effort", "state"]

BODY_SIZES: dict[str, int] = {"body_pose": 7, "body_twist": 6}
AXES = ("x", "y", "z")


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ObservationChannel(_Frozen):
    """One group of observed quantities that arrives in one message field.

    `joint_position` and `joint_velocity` are read from a `sensor_msgs/JointState` by joint name;
    `body_pose` (x, y, z in m; quaternion w, x, y, z) and `body_twist` (linear in the world frame, m/s;
    angular in the body frame, rad/s: MuJoCo's free-joint convention) from a `nav_msgs/Odometry`;
    `goal_position` (the position axes named in `joints`, m) from a `geometry_msgs/PoseStamped`, which stays in force
    until the next one comes.
    """

    name: str
    kind: ChannelKind
    topic: str = Field(description="relative topic that carries it")
    joints: tuple[str, ...] = Field(
        description="joint names in vector order; for a body, its name alone; for a goal, axes out of x, y, z"
    )
    units: tuple[str, ...] = Field(description="one unit per value: rad, m, rad/s, m/s, 1")
    columns: tuple[int, ...] = Field(description="columns of the data set's observation vector")
    achieved: tuple[int, ...] = Field(
        default=(), description="for a goal: the data set's columns that show what has been reached of it"
    )

    @property
    def size(self) -> int:
        """Number of values of this channel."""
        return len(self.columns)

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        expected = BODY_SIZES.get(self.kind, len(self.joints))
        if len(self.columns) != expected or len(self.units) != expected:
            raise ValueError(
                f"channel '{self.name}' ({self.kind}) needs {expected} columns and units, "
                f"got {len(self.columns)} and {len(self.units)}"
            )
        if len(set(self.joints)) != len(self.joints):
            raise ValueError(f"channel '{self.name}' names a joint twice: {self.joints}")
        if self.kind == "goal_position":
            if not set(self.joints) <= set(AXES):
                raise ValueError(f"channel '{self.name}' is a goal of axes {self.joints}, known are {AXES}")
            expected = len(self.joints)
        else:
            expected = 0
        if len(self.achieved) != expected:
            raise ValueError(
                f"channel '{self.name}' ({self.kind}) needs {expected} columns of what was achieved, "
                f"got {len(self.achieved)}"
            )
        return self

    @model_serializer(mode="wrap")
    def _leave_out_what_is_not_achieved(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Readers from before there were goals refuse fields that they do not know.
        fields: dict[str, Any] = serialize(self)
        if not self.achieved:
            fields.pop("achieved", None)
        return fields


class CommandChannel(_Frozen):
    """What the planner commands: one value per joint, in physical units, published as a JointTrajectory.

    The interface `state` is the exception: every joint's position, then every joint's velocity, which a tracking
    controller follows. `scale` turns a data set's own value into the physical one: command = scale * data[columns].
    `source` tells which array of the data set is planned: its actions, or (where a tracking controller follows
    planned states) its observations.
    """

    topic: str
    interface: Interface
    joints: tuple[str, ...]
    units: tuple[str, ...]
    lower: tuple[float, ...] = Field(description="smallest admissible command, physical units")
    upper: tuple[float, ...] = Field(description="largest admissible command, physical units")
    scale: tuple[float, ...]
    columns: tuple[int, ...]
    source: Literal["action", "observation"] = "action"

    @property
    def size(self) -> int:
        """Number of commanded values."""
        return len(self.columns)

    @property
    def velocities(self) -> CommandChannel:
        """Of planned states the velocities alone, as commands of their own: what braking to rest is about."""
        part = slice(len(self.joints), None)
        fields = {name: getattr(self, name)[part] for name in ("units", "lower", "upper", "scale", "columns")}
        return self.model_copy(update={"interface": "velocity", **fields})

    @property
    def stays(self) -> tuple[bool, ...]:
        """Which values stay as they are while the robot holds still; the others are zero then."""
        if self.interface == "state":
            return (True,) * len(self.joints) + (False,) * len(self.joints)
        return (self.interface == "position",) * self.size

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        sizes = {len(v) for v in (self.units, self.lower, self.upper, self.scale, self.columns)}
        if len(sizes) != 1:
            raise ValueError(f"command channel '{self.topic}' has fields of different lengths: {sorted(sizes)}")
        if self.interface == "state" and self.size != 2 * len(self.joints):
            raise ValueError(
                f"command channel '{self.topic}' plans states of {len(self.joints)} joints: it needs a position and a "
                f"velocity of each, got {self.size} values"
            )
        if any(low >= high for low, high in zip(self.lower, self.upper, strict=True)):
            raise ValueError(f"command channel '{self.topic}' has a lower limit at or above its upper limit")
        return self


class MotionSpec(_Frozen):
    """What the robot's joints bear, in the order of the commanded joints, rad or m and s; what is not known is None.

    An infinite value says that this joint has no such limit. `rcd_ros.planning.motion_limits` says what holds then.
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


class ScoreSpec(_Frozen):
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


class TaskSpec(_Frozen):
    """A task as the planner sees it: observation channels, command channel, control period, score, motion limits."""

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
        "gained, and a time limit says nothing about what would have come",
    )

    @model_validator(mode="after")
    def _motion_fits(self) -> Self:
        for name, values in () if self.motion is None else self.motion:
            if values is not None and len(values) != self.command.size:
                raise ValueError(f"motion limit '{name}' has {len(values)} values for {self.command.size} joints")
        return self

    @model_serializer(mode="wrap")
    def _leave_out_what_is_usual(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Readers from before there were motion limits or continuing tasks refuse fields that they do not know.
        fields: dict[str, Any] = serialize(self)
        if self.motion is None:
            fields.pop("motion", None)
        if not self.continuing:
            fields.pop("continuing", None)
        return fields

    @property
    def observation_size(self) -> int:
        """Length of the observation vector: the channels' values one after another."""
        return sum(channel.size for channel in self.observations)

    @property
    def observation_columns(self) -> list[int]:
        """Columns of the data set's observation vector, in this spec's order."""
        return [column for channel in self.observations for column in channel.columns]

    @property
    def goal_channels(self) -> tuple[ObservationChannel, ...]:
        """The channels that tell a goal."""
        return tuple(channel for channel in self.observations if channel.kind == "goal_position")

    def placed(self) -> Iterator[tuple[ObservationChannel, range]]:
        """Each channel, with where an observation vector (n_obs,) has its values."""
        begin = 0
        for channel in self.observations:
            yield channel, range(begin, begin + channel.size)
            begin += channel.size

    def select(self, names: list[str] | tuple[str, ...]) -> TaskSpec:
        """The same task observed through the named channels only, in the given order.

        Raises:
            RcdError: a name is not one of this task's channels.
        """
        known = {channel.name: channel for channel in self.observations}
        for name in names:
            if name not in known:
                raise RcdError(f"task '{self.name}' has no observation channel '{name}'; it has: {', '.join(known)}")
        return self.model_copy(update={"observations": tuple(known[name] for name in names)})
