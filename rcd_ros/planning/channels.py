"""Channels of a task: which values one message has for the planner, and which the planner commands.

Both are named joint by joint, so that messages, a simulator's vector and a data set's columns can be matched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from typing_extensions import Self

ChannelKind = Literal[
    "joint_position", "joint_velocity", "joint_effort", "body_pose", "body_twist", "goal_position", "values"
]
Interface = Literal["position", "velocity", "effort", "state"]
ObservedMessage = Literal["JointState", "Odometry", "PoseStamped", "tf", "Float64MultiArray"]
CommandMessage = Literal["JointTrajectory", "Float64MultiArray", "JointState"]
Alignment = Literal["stamp", "hold", "nearest"]

JOINT_UNITS: dict[str, dict[bool, str]] = {
    "position": {True: "rad", False: "m"},
    "velocity": {True: "rad/s", False: "m/s"},
    "effort": {True: "N m", False: "N"},
}
"""Quantity -> SI unit of a joint that turns, and of one that slides."""
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


class Frozen(BaseModel):
    """A record whose fields are checked when it is made and do not change; unknown fields are refused."""

    # Infinite limits are written as .inf and Infinity; JSON's null would not be read back.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Sparse(Frozen):
    """Leaves fields named in `_optional` out of what is stored while they have their default.

    Readers from before these fields existed refuse what they do not know.
    """

    _optional: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _leave_out_defaults(self, serialize: SerializerFunctionWrapHandler) -> dict[str, object]:
        fields: dict[str, object] = serialize(self)
        for name in self._optional:
            if name in fields and getattr(self, name) == type(self).model_fields[name].default:
                fields.pop(name)
        return fields


class ObservationChannel(Sparse):
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
        """The message that contains it."""
        return self.message or USUAL_MESSAGES[self.kind]

    @property
    def topic_key(self) -> str:
        """Its topic; of a frame of tf, which has no topic of its own, `tf:frame`."""
        return f"tf:{self.topic_names[0]}" if self.message_type == "tf" else self.topic

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


class CommandOutput(Sparse):
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


class CommandChannel(Sparse):
    """What the planner commands: one value per joint, in physical units, published as a JointTrajectory.

    The interface `state` is the exception: every joint's position, then every joint's velocity, which a tracking
    controller follows. `scale` turns a data set's own value into the physical one: command = scale * data[columns].
    `source` says which array of the data set is planned: its actions, or (where a tracking controller follows
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
        values = range(len(self.joints), self.size)
        return self.model_copy(update={"interface": "velocity", **self._fields_of(values)})

    def part(self, joints: tuple[str, ...]) -> CommandChannel:
        """A command channel of some of its joints, in their order; not of planned states."""
        continuous = tuple(joint for joint in self.continuous if joint in joints)
        fields = self._fields_of([self.joints.index(joint) for joint in joints])
        return self.model_copy(update={"joints": joints, "continuous": continuous, "outputs": (), **fields})

    def _fields_of(self, values: Sequence[int]) -> dict[str, tuple[object, ...]]:
        fields = ("units", "lower", "upper", "scale", "columns")
        return {name: tuple(getattr(self, name)[value] for value in values) for name in fields}

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
