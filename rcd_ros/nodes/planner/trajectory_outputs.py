"""Where plans go: to each controller of the task on its topic, in its message, under its names and in its unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from trajectory_msgs.msg import JointTrajectory

from rcd_ros.errors import RcdError
from rcd_ros.nodes.planner.serialized_trajectory import TrajectoryWriter, Units
from rcd_ros.nodes.planner.setpoint_output import SETPOINT_TYPES, SetpointOutput
from rcd_ros.planning.channels import CommandChannel, CommandOutput
from rcd_ros.planning.execution.trajectory import ShapedPlan, TrajectoryPoints
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.suggest import did_you_mean

if TYPE_CHECKING:
    from rclpy.type_support import Msg

Publish = Callable[["Msg | bytes"], None]
"""Sends a message, serialised or not."""
MakePublisher = Callable[["type[Msg]", str], Publish]
"""Gives what publishes messages of a type on a topic."""
Written = bytes | ShapedPlan
"""A message that is ready, or what one is made of when its time has come."""
MOST_FORMS = 256
"""As many are made in advance: a form takes the longer, the more points it has."""
FORMS = 3
"""Trajectories of up to this many horizons are made ready for: a shaped plan has points of its stop at its end."""


class _Output(Protocol):
    """One controller."""

    def prepare(self, like: TrajectoryPoints, counts: range) -> None: ...
    def write(self, plan: ShapedPlan) -> Written: ...
    def publish(self, written: Any) -> None: ...


class _TrajectoryOutput:
    """A controller that takes whole trajectories."""

    def __init__(self, writer: TrajectoryWriter, publish: Publish) -> None:
        self.prepare = writer.prepare
        self.publish = publish
        self._writer = writer

    def write(self, plan: ShapedPlan) -> bytes:
        return self._writer.write(plan.stamp, plan.points)


class TrajectoryOutputs:
    """Makes a plan's messages, one for each controller, and publishes them.

    One thread at a time may call it, but `tick` and `answer`, which any thread may call.
    """

    def __init__(
        self,
        spec: TaskSpec,
        make_publisher: MakePublisher,
        joints: Sequence[str],
        topic: str,
        now: Callable[[], int],
    ) -> None:
        """Send the command of `spec` to its controllers.

        Args:
            spec: of the task.
            make_publisher: gives what publishes.
            joints: of a task with one controller, those that go to a topic of their own; may be none.
            topic: of these joints.
            now: the node's clock, ns.

        Raises:
            RcdError: a joint is not commanded, or is named twice, or all are, or both topics are the same; the task
                itself says where joints go; or a controller cannot take what is planned.
        """
        channel = spec.command
        self._outputs: list[_Output] = []
        self._setpoints: list[SetpointOutput] = []
        for output in _controllers(channel, joints, topic):
            if output.message == "JointTrajectory":
                publish = make_publisher(JointTrajectory, output.topic)
                self._outputs.append(_TrajectoryOutput(_writer(channel, output), publish))
            else:
                publish = make_publisher(SETPOINT_TYPES[output.message], output.topic)
                self._setpoints.append(SetpointOutput(spec, output, publish, now))
                self._outputs.append(self._setpoints[-1])

    @property
    def needs_ticks(self) -> bool:
        """Whether `tick` has to be called several times in a control period."""
        return bool(self._setpoints)

    def prepare(self, like: TrajectoryPoints, horizon: int, kept: int) -> None:
        """Be ready for plans of up to `FORMS` horizons with the same fields filled as in `like`.

        Where these are very many, be ready for what remains of a plan that is kept for `kept` periods; the others are
        made when they are needed.
        """
        few = FORMS * horizon <= MOST_FORMS
        counts = range(1, FORMS * horizon + 1) if few else range(max(1, horizon - kept + 1), horizon + 1)
        for output in self._outputs:
            output.prepare(like, counts)

    def write(self, plan: ShapedPlan) -> list[Written]:
        """What `publish` takes, one for each controller."""
        return [output.write(plan) for output in self._outputs]

    def publish(self, written: Sequence[Written]) -> None:
        """Send what `write` has made."""
        for output, one in zip(self._outputs, written, strict=True):
            output.publish(one)

    def tick(self) -> None:
        """Send the sets of values whose time has come."""
        for output in self._setpoints:
            output.tick()

    def forget(self) -> None:
        """Send nothing more of what was planned: the robot has been put elsewhere."""
        for output in self._setpoints:
            output.forget()

    def close(self) -> None:
        """Leave controllers of velocities and efforts at zero; those of trajectories stop by themselves."""
        for output in self._setpoints:
            output.close()


def _controllers(channel: CommandChannel, joints: Sequence[str], topic: str) -> tuple[CommandOutput, ...]:
    """The task's controllers; or its only one and that of the joints with a topic of their own."""
    if not joints:
        return channel.controllers
    if channel.outputs:
        raise RcdError(
            f"gripper_joints names {', '.join(joints)}, but the task says where its joints go "
            f"({', '.join(output.topic for output in channel.outputs)}): leave gripper_joints empty"
        )
    _check(channel, joints, topic)
    others = tuple(joint for joint in channel.joints if joint not in joints)
    return CommandOutput(topic=channel.topic, joints=others), CommandOutput(topic=topic, joints=tuple(joints))


def _writer(channel: CommandChannel, output: CommandOutput) -> TrajectoryWriter:
    whole = output.joints == channel.joints
    columns = None if whole else [channel.joints.index(joint) for joint in output.joints]
    return TrajectoryWriter(output.topic_names, columns, Units.of(output, channel.interface))


def _check(channel: CommandChannel, joints: Sequence[str], topic: str) -> None:
    for joint in joints:
        if joint not in channel.joints:
            raise RcdError(
                f"gripper_joints names '{joint}'{did_you_mean(joint, channel.joints)}; "
                f"commanded are: {', '.join(channel.joints)}"
            )
    if len(set(joints)) != len(joints):
        raise RcdError(f"gripper_joints names a joint twice: {', '.join(joints)}")
    if len(joints) == len(channel.joints):
        raise RcdError("gripper_joints names all commanded joints: leave those of the arm out")
    if joints and topic in ("", channel.topic):
        raise RcdError(f"gripper_topic is '{topic}': give the gripper joints a topic of their own")
