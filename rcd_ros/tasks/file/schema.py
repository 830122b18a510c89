"""The schema of the task file: what a user writes about a robot and a task, in YAML.

`TaskFile` is the content of the file; `reading` reads and checks it, `spec.spec_of` makes a `TaskSpec` of it.
docs/own_robot.md explains every key.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, FiniteFloat, field_validator, model_validator
from typing_extensions import Self

from rcd_ros.planning.channels import Alignment, CommandMessage, Interface, ObservedMessage
from rcd_ros.tasks.file.columns import ColumnsEntry
from rcd_ros.tasks.file.conversion import Names, OnTopic, PerJoint, Section, as_list

COMPARISON = re.compile(r"\s*(>=|<=|>|<)\s*([-+0-9.eE]+)\s*")
Interval = tuple[float, float]
Room = tuple[FiniteFloat, FiniteFloat]
"""An interval that something is drawn from."""


class ObserveEntry(OnTopic):
    """What one topic observes: one kind of content. A JointState may have several, an Odometry pose and twist."""

    topic: str = Field("", description="empty only for type tf")
    type: ObservedMessage | None = Field(None, description="JointState where joints are named, Odometry for a twist")
    position: Names = Field((), description="joints whose position is observed (rad, m)")
    velocity: Names = Field((), description="joints whose velocity is observed (rad/s, m/s)")
    effort: Names = Field((), description="joints whose effort is observed (N m, N)")
    pose: str = Field("", description="body whose pose is observed; for tf, the child frame")
    twist: str = Field("", description="body whose velocity is observed (Odometry)")
    goal: Names = Field((), description="axes out of x, y, z of a goal (PoseStamped), in force until the next one")
    achieved: Names = Field((), description="for a goal: the observed value that reaches it, for each axis")
    values: Names = Field((), description="names of other numbers (Float64MultiArray)")
    layout: Names = Field((), description="Float64MultiArray: the name of every number in it, where not all are taken")
    frame: str = Field("", description="frame that a pose is in; others are transformed or refused; for tf, the parent")
    align: Alignment = Field(
        "stamp", description="stamp: same stamp as the clock; hold: newest until then; nearest: nearest"
    )
    tolerance: FiniteFloat | None = Field(None, ge=0.0, description="s that its stamp may differ (stamp, nearest)")
    max_age: FiniteFloat | None = Field(None, gt=0.0, description="s that a held value may be old")
    continuous: bool | Names = Field((), description="joints that turn without end; true: all")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        joints, body = (self.position, self.velocity, self.effort), (self.pose, self.twist)
        contents = sum(map(bool, (any(joints), any(body), self.goal, self.values)))
        if contents != 1:
            raise ValueError("name what is observed by one of position/velocity/effort, pose/twist, goal, values")
        kind = "joints" if any(joints) else "goal" if self.goal else "values" if self.values else "body"
        allowed = _MESSAGES_OF[kind]
        if self.message not in allowed:
            raise ValueError(f"type {self.message} does not carry this content: use {' or '.join(allowed)}")
        if self.message == "Float64MultiArray" and sum(map(bool, joints)) > 1:
            raise ValueError("a Float64MultiArray carries one of position, velocity and effort: use two entries")
        if self.twist and self.message != "Odometry":
            raise ValueError(f"type {self.message} carries no twist: use Odometry, or leave twist away")
        if not self.topic and self.message != "tf":
            raise ValueError("needs a topic")
        if self.message == "tf" and not self.frame:
            raise ValueError("type tf needs the frame that the body's pose is looked up in")
        if self.goal and self.achieved and len(self.achieved) != len(self.goal):
            raise ValueError(f"goal has {len(self.goal)} axes, achieved {len(self.achieved)} values")
        return self

    @property
    def message(self) -> ObservedMessage:
        """The message's type, where none is given the usual one for the content."""
        if self.type is not None:
            return self.type
        if self.goal or (self.pose and not self.twist):
            return "PoseStamped"
        return "Odometry" if self.twist else "Float64MultiArray" if self.values else "JointState"


_MESSAGES_OF: dict[str, tuple[ObservedMessage, ...]] = {
    "joints": ("JointState", "Float64MultiArray"),
    "body": ("PoseStamped", "Odometry", "tf"),
    "goal": ("PoseStamped",),
    "values": ("Float64MultiArray",),
}


class CommandEntry(OnTopic):
    """One controller that is commanded."""

    topic: str
    type: CommandMessage = "JointTrajectory"
    interface: Interface = "position"
    joints: Names
    limits: tuple[Interval, ...] | Interval | None = Field(
        None, description="smallest and largest command, SI units: one pair for all, or one each"
    )
    continuous: bool | Names = ()


class LimitsEntry(Section):
    """Motion limits of the joints (rad, m, s): those of a model file, overridden by the values here."""

    urdf: str = ""
    mjcf: str = ""
    position: tuple[Interval, ...] | dict[str, Interval] | None = None
    velocity: PerJoint | None = None
    acceleration: PerJoint | None = None
    jerk: PerJoint | None = None


class ScoreEntry(Section):
    """How an episode is scored. Without it: by the goals of `success`."""

    kind: Literal["completions", "return"] = "completions"
    reference_low: float = 0.0
    reference_high: float | None = Field(None, description="the value that scores 100; completions: number of goals")


class RandomStart(Section):
    """Where one body begins: uniformly in these intervals (m, rad); yaw is about the world's z."""

    x: Room | None = None
    y: Room | None = None
    z: Room | None = None
    yaw: Room | None = None

    @field_validator("*")
    @classmethod
    def _ordered(cls, room: Room | None) -> Room | None:
        if room is not None and not 0.0 <= room[1] - room[0] < math.inf:
            raise ValueError(f"write the smaller value first, then the larger one, got {list(room)}")
        return room


class WayPoint(Section):
    """A point that is reached before the next one counts, relative to a body."""

    body: str = Field("world", description="of the model")
    offset: tuple[float, float, float] = Field((0.0, 0.0, 0.0), description="m, in the world's directions")
    at: dict[Literal["x", "y", "z"], float] = Field({}, description="coordinates that are fixed instead, m")
    within: dict[Literal["x", "y", "z"], float] = Field(
        {"x": 0.01, "y": 0.01, "z": 0.01}, description="m from it, along each axis, that count as reached"
    )


class DemonstrateEntry(Section):
    """How a site of the model is moved to make scripted demonstrations (`rcd data make`)."""

    site: str = Field(description="of the model: the tip of the tool")
    way: tuple[WayPoint, ...] = Field(min_length=1)
    speed: float = Field(0.2, gt=0.0, description="m/s")
    lead: float = Field(2.0, gt=0.0, description="control periods by which the commanded tip is ahead of the tip")
    noise: float = Field(0.0, ge=0.0, description="deviation from the path, m, standard deviation, slowly changing")
    joints: dict[str, float] = Field({}, description="joints that stay at a fixed command, e.g. a gripper")
    pose: str = Field("", description="keyframe whose orientation of the site is kept; empty: the first observed")


class SimulationEntry(Section):
    """A MuJoCo model of robot and scene."""

    model: str = Field(description="MJCF or URDF file, relative to this file")
    keyframe: str = Field("", description="to begin in")
    random: dict[str, FiniteFloat | RandomStart] = Field(
        {}, description="joints: largest deviation of every commanded joint, rad or m; a body: where it begins"
    )
    seconds: float = Field(20.0, gt=0.0, description="length of an episode")
    camera: str = Field("", description="of the model, for video; empty: a free one")
    names: dict[str, str] = Field({}, description="joint or body of this file -> its name in the model")
    demonstrate: DemonstrateEntry | None = None


class TaskFile(Section):
    """A whole task file."""

    task: str = Field(pattern=r"^[A-Za-z][-\w]*$", description="name: letters, digits, - and _")
    rate: float = Field(gt=0.0, le=1000.0, description="control rate, Hz")
    joints: object = Field(None, description="free for anchors (&arm [...]); nothing reads it")
    clock: str = Field("", description="entry of `observe` whose stamps plans are made at; empty: the first")
    tolerance: FiniteFloat | None = Field(None, ge=0.0, description="s that stamps of one observation may differ")
    observe: dict[str, ObserveEntry] = Field(min_length=1)
    command: Annotated[tuple[CommandEntry, ...], BeforeValidator(as_list)] = Field(min_length=1)
    limits: LimitsEntry = LimitsEntry()
    columns: ColumnsEntry = ColumnsEntry()
    success: dict[str, str | dict[str, str]] = Field(
        {}, description="entry.value: '>= 0.62'; all must hold at once; or several named goals with such conditions"
    )
    score: ScoreEntry = ScoreEntry()
    simulation: SimulationEntry | None = None
