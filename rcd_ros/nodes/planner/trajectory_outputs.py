"""Where trajectories go: all joints to one topic, or some of them (a gripper, a mobile base) to a second one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rcd_ros.errors import RcdError
from rcd_ros.nodes.planner.serialized_trajectory import TrajectoryWriter
from rcd_ros.planning.shaping import ShapedPlan
from rcd_ros.planning.spec import CommandChannel
from rcd_ros.planning.trajectory import TrajectoryPoints
from rcd_ros.suggest import did_you_mean

Publish = Callable[[bytes], None]
MOST_FORMS = 256
"""As many are made in advance: a form takes the longer, the more points it has."""
FORMS = 3
"""Trajectories of up to this many horizons are made ready for: a shaped plan has points of its stop behind it."""


class TrajectoryOutputs:
    """Makes a plan's messages, one for each topic, and publishes them. One thread at a time may call it."""

    def __init__(
        self, channel: CommandChannel, make_publisher: Callable[[str], Publish], joints: Sequence[str], topic: str
    ) -> None:
        """Send the commanded joints of `channel` to its topic, those named by `joints` to `topic`.

        Args:
            channel: what is commanded.
            make_publisher: gives what publishes serialised trajectories on a topic.
            joints: may be none.
            topic: of these joints.

        Raises:
            RcdError: a joint is not commanded, or is named twice, or all are, or both topics are the same.
        """
        _check(channel, joints, topic)
        second = [channel.joints.index(joint) for joint in joints]
        first = [place for place in range(len(channel.joints)) if place not in second]
        parts = [(channel.topic, first)] + ([(topic, second)] if second else [])
        self._outputs = [
            (make_publisher(name), TrajectoryWriter([channel.joints[i] for i in places], places if second else None))
            for name, places in parts
        ]

    def prepare(self, like: TrajectoryPoints, horizon: int, kept: int) -> None:
        """Be ready for plans of up to `FORMS` horizons with the same fields filled as in `like`.

        Where these are very many, be ready for what remains of a plan that is kept for `kept` periods; the others are
        made when they are needed.
        """
        few = FORMS * horizon <= MOST_FORMS
        counts = range(1, FORMS * horizon + 1) if few else range(max(1, horizon - kept + 1), horizon + 1)
        for _, writer in self._outputs:
            writer.prepare(like, counts)

    def write(self, plan: ShapedPlan) -> list[bytes]:
        """The plan's messages, one for each topic."""
        return [writer.write(plan.stamp, plan.points) for _, writer in self._outputs]

    def publish(self, messages: Sequence[bytes]) -> None:
        """Send what `write` has made."""
        for (publish, _), message in zip(self._outputs, messages, strict=True):
            publish(message)


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
