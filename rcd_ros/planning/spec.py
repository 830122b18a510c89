"""What a task observes and commands: written once, carried inside every checkpoint.

A robot's joints, a simulator's observation vector and a data set's columns are three views of the same
quantities. `TaskSpec` ties them together by name, so that a planner node needs no simulator to know what it
should read and write, and can refuse a robot that does not match.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
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

ChannelKind = Literal[
    "joint_position", "joint_velocity", "joint_effort", "body_pose", "body_twist", "goal_position", "values"
]
Interface = Literal["position", "velocity", "effort", "state"]
ObservedMessage = Literal["JointState", "Odometry", "PoseStamped", "tf", "Float64MultiArray"]
CommandMessage = Literal["JointTrajectory", "Float64MultiArray", "JointState"]
Alignment = Literal["stamp", "hold", "nearest"]

BODY_SIZES: dict[str, int] = {"body_pose": 7, "body_twist": 6}
AXES = ("x", "y", "z")
POSE_VALUES = (*AXES, "qw", "qx", "qy", "qz")
TWIST_VALUES = ("vx", "vy", "vz", "wx", "wy", "wz")
QUATERNION = slice(3, 7)
"""Where a pose has its orientation."""

USUAL_MESSAGES: dict[str, ObservedMessage] = {
    "joint_position": "JointState",
    "joint_velocity": "JointState",
    "joint_effort": "JointState",
    "body_pose": "Odometry",
    "body_twist": "Odometry",
    "goal_position": "PoseStamped",
    "values": "Float64MultiArray",
}


class _Frozen(BaseModel):
    # Infinite limits are written as .inf and Infinity; JSON's null would not be read back.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class _Sparse(_Frozen):
    """Leaves fields named in `_optional` out of what is stored while they have their default.

    Readers from before these fields existed refuse what they do not know.
    """

    _optional: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _leave_out_defaults(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = serialize(self)
        for name in self._optional:
            if name in fields and getattr(self, name) == type(self).model_fields[name].default:
                fields.pop(name)
        return fields


class ObservationChannel(_Sparse):
    """One group of observed quantities that arrives in one message field.

    `joint_position`, `joint_velocity` and `joint_effort` are read from a `sensor_msgs/JointState` by joint name;
    `body_pose` (x, y, z in m; quaternion w, x, y, z) and `body_twist` (linear in the world frame, m/s;
    angular in the body frame, rad/s: MuJoCo's free-joint convention) from a `nav_msgs/Odometry`;
    `goal_position` (the position axes named in `joints`, m) from a `geometry_msgs/PoseStamped`, which stays in force
    until the next one comes; `values` (any numbers, named in `joints`) from a `std_msgs/Float64MultiArray`.
    `message` names another type where a robot publishes another one.

    A message's number is `topic_scale` * number + `topic_offset` in the channel's unit.
    """

    _optional = frozenset(
        {
            *("achieved", "message", "names", "layout", "topic_scale", "topic_offset"),
            *("frame", "align", "tolerance", "max_age", "continuous"),
        }
    )

    name: str
    kind: ChannelKind
    topic: str = Field(description="relative topic that carries it; empty for a frame of tf")
    joints: tuple[str, ...] = Field(
        description="joint names in vector order; for a body, its name alone; for a goal, axes out of x, y, z"
    )
    units: tuple[str, ...] = Field(description="one unit per value: rad, m, rad/s, m/s, 1")
    columns: tuple[int, ...] = Field(description="columns of the data set's observation vector")
    achieved: tuple[int, ...] = Field(
        default=(), description="for a goal: the data set's columns that show what has been reached of it"
    )
    message: ObservedMessage | None = Field(default=None, description="None: the usual one of this kind")
    names: tuple[str, ...] = Field(
        default=(), description="what the message calls the joints, or the body's child frame; empty: as `joints`"
    )
    layout: tuple[str, ...] = Field(default=(), description="of an array without names: the name of each number")
    topic_scale: tuple[float, ...] = Field(default=(), description="unit of the channel / unit of the message")
    topic_offset: tuple[float, ...] = Field(default=(), description="in the channel's unit")
    frame: str = Field(default="", description="that a pose is in; empty: any")
    align: Alignment = Field(
        default="stamp",
        description="with the clock channel: the same stamp within the tolerance; the newest one until then (hold); "
        "or the nearest one, before or after it",
    )
    tolerance: float | None = Field(default=None, ge=0.0, description="s between stamps; None: the task's")
    max_age: float | None = Field(default=None, gt=0.0, description="s that a held value may be older; None: any age")
    continuous: tuple[str, ...] = Field(default=(), description="joints that turn without end: 2 pi apart is the same")

    @property
    def size(self) -> int:
        """Number of values of this channel."""
        return len(self.columns)

    @property
    def message_type(self) -> ObservedMessage:
        """The message that carries it."""
        return self.message or USUAL_MESSAGES[self.kind]

    @property
    def topic_names(self) -> tuple[str, ...]:
        """What the message calls the joints, in the order of `joints`."""
        return self.names or self.joints

    @property
    def value_names(self) -> tuple[str, ...]:
        """A name for each value: its joint or axis; of a body x, y, z, qw, qx, qy, qz, or vx, vy, vz, wx, wy, wz."""
        if self.kind == "body_pose":
            return POSE_VALUES
        return TWIST_VALUES if self.kind == "body_twist" else self.joints

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
        if self.names and len(self.names) != len(self.joints):
            raise ValueError(f"channel '{self.name}' needs a name on its topic for each of {self.joints}")
        if any(values and len(values) != self.size for values in (self.topic_scale, self.topic_offset)):
            raise ValueError(f"channel '{self.name}' needs a scale and an offset for each of its {self.size} values")
        if not set(self.continuous) <= set(self.joints):
            raise ValueError(f"channel '{self.name}' has no joints {sorted(set(self.continuous) - set(self.joints))}")
        return self


class CommandOutput(_Sparse):
    """One controller's part of the command: which joints it takes, on which topic, in which message and unit.

    command = `topic_scale` * number of the message + `topic_offset`, as with observations.
    """

    _optional = frozenset({"names", "topic_scale", "topic_offset"})

    topic: str
    message: CommandMessage = "JointTrajectory"
    joints: tuple[str, ...]
    names: tuple[str, ...] = Field(default=(), description="what the controller calls them; empty: as `joints`")
    topic_scale: tuple[float, ...] = ()
    topic_offset: tuple[float, ...] = ()

    @property
    def topic_names(self) -> tuple[str, ...]:
        """What the controller calls the joints, in the order of `joints`."""
        return self.names or self.joints

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        for field in ("names", "topic_scale", "topic_offset"):
            if getattr(self, field) and len(getattr(self, field)) != len(self.joints):
                raise ValueError(f"output '{self.topic}' needs one of {field} for each of its joints {self.joints}")
        return self


class CommandChannel(_Sparse):
    """What the planner commands: one value per joint, in physical units, published as a JointTrajectory.

    The interface `state` is the exception: every joint's position, then every joint's velocity, which a tracking
    controller follows. `scale` turns a data set's own value into the physical one: command = scale * data[columns].
    `source` tells which array of the data set is planned: its actions, or (where a tracking controller follows
    planned states) its observations. `outputs` splits the command over several controllers; without any, all of it
    goes to `topic` as a JointTrajectory.
    """

    _optional = frozenset({"outputs", "continuous"})

    topic: str
    interface: Interface
    joints: tuple[str, ...]
    units: tuple[str, ...]
    lower: tuple[float, ...] = Field(description="smallest admissible command, physical units")
    upper: tuple[float, ...] = Field(description="largest admissible command, physical units")
    scale: tuple[float, ...]
    columns: tuple[int, ...]
    source: Literal["action", "observation"] = "action"
    outputs: tuple[CommandOutput, ...] = ()
    continuous: tuple[str, ...] = Field(default=(), description="joints that turn without end: 2 pi apart is the same")

    @property
    def controllers(self) -> tuple[CommandOutput, ...]:
        """The outputs; where none are given, the one that takes the whole command as a JointTrajectory."""
        return self.outputs or (CommandOutput(topic=self.topic, joints=self.joints),)

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
        taken = [joint for output in self.outputs for joint in output.joints]
        if self.outputs and sorted(taken) != sorted(self.joints):
            raise ValueError(f"the outputs of command '{self.topic}' take {taken}, it commands {list(self.joints)}")
        if not set(self.continuous) <= set(self.joints):
            raise ValueError(f"command '{self.topic}' has no joints {sorted(set(self.continuous) - set(self.joints))}")
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


class Condition(_Frozen):
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


class TaskSource(_Frozen):
    """The task file that a specification was made from, word for word, and the folder its relative paths start in."""

    text: str
    folder: str


class TaskSpec(_Sparse):
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
        "gained, and a time limit says nothing about what would have come",
    )
    clock: str = Field(default="", description="channel at whose stamps plans are made; empty: the first")
    tolerance: float | None = Field(
        default=None, ge=0.0, description="s that stamps of one observation may differ; None: as the node is told"
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
        clock = self.clock if self.clock in names else ""
        return self.model_copy(update={"observations": tuple(known[name] for name in names), "clock": clock})
