"""Reading by known places gives what the message's own fields give, for every way in which messages may change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rcd_ros.nodes.planner.observation_reader import JointStateReader, OdometryReader
from rcd_ros.nodes.ros.messages import joint_state, odometry
from rcd_ros.nodes.ros.raw import serialize
from rcd_ros.planning.channels import ObservationChannel
from rcd_ros.planning.observation.assembler import ObservationAssembler
from tests.planning.tiny import tiny_spec

ARM = ("wrist", "camera", "elbow")
RNG = np.random.default_rng(0)


def arm(stamp: int, names: tuple[str, ...] = ARM, frame: str = "", efforts: int = 0) -> Any:
    message = joint_state(stamp, names, RNG.standard_normal(len(names)), RNG.standard_normal(len(names)))
    message.header.frame_id = frame
    message.effort = [0.25] * efforts
    return message


def door(stamp: int) -> Any:
    return joint_state(stamp, ("door",), RNG.standard_normal(1), np.empty(0))


def test_joint_states_read_quickly_and_slowly_are_the_same() -> None:
    """Each change of the form meets a reader that has learnt another one."""
    quick, slow = (ObservationAssembler(tiny_spec(), history=1) for _ in range(2))
    readers = {topic: JointStateReader(quick, topic) for topic in ("joint_states", "object_states")}
    forms: list[dict[str, Any]] = [{}, {}, {"names": ("elbow", "wrist")}, {}, {"frame": "base"}, {"efforts": 3}, {}, {}]
    for count, form in enumerate(forms):
        messages = {"joint_states": arm(count, **form), "object_states": door(count)}
        for topic, message in messages.items():
            expected = slow.joint_state(topic, count, message.name, message.position, message.velocity)
            stamp, observation = readers[topic].read(serialize(message))
            assert stamp == count
        assert expected is not None and observation is not None
        assert np.array_equal(observation.history, expected.history)
    assert quick.dropped == slow.dropped == {}


def test_what_is_wrong_with_a_message_is_noticed_after_the_form_was_learnt() -> None:
    assembler = ObservationAssembler(tiny_spec(), history=1)
    reader = JointStateReader(assembler, "joint_states")
    reader.read(serialize(arm(1)))
    bad = arm(2)
    bad.position[2] = float("nan")
    reader.read(serialize(bad))
    short = arm(3)
    short.velocity = short.velocity[:2]
    reader.read(serialize(short))
    reader.read(serialize(arm(4, names=("wrist", "camera", "hand"))))
    assert reader.read(serialize(arm(5))[:30]) == (None, None)
    reader.read(serialize(arm(1)))
    reasons = ("not finite", "wrong sizes", "missing joints", "unreadable", "repeated")
    assert assembler.dropped == dict.fromkeys(reasons, 1)


def test_another_robot_is_refused() -> None:
    assembler = ObservationAssembler(tiny_spec(), history=1)
    reader = JointStateReader(assembler, "joint_states")
    for stamp in (1, 2):
        assert reader.read(serialize(arm(stamp, names=("hip", "knee")))) == (stamp, None)
    assert assembler.dropped == {"other joints": 2}
    assert "['elbow', 'wrist']" in assembler.missing_joints()["joint_states"]


@pytest.mark.parametrize("kind", ["body_pose", "body_twist"])
def test_odometry_read_quickly_and_slowly_is_the_same(kind: Any) -> None:
    size = 7 if kind == "body_pose" else 6
    channel = ObservationChannel(
        name="kettle",
        kind=kind,
        topic="kettle/odometry",
        joints=("kettle",),
        units=("1",) * size,
        columns=tuple(range(size)),
    )
    spec = tiny_spec().model_copy(update={"observations": (channel,)})
    quick = ObservationAssembler(spec, history=1)
    reader = OdometryReader(quick, "kettle/odometry")
    for count, body in enumerate(("kettle", "kettle", "a kettle", "kettle")):
        message = odometry(count, body, RNG.standard_normal(7), RNG.standard_normal(6))
        message.pose.covariance[7] = RNG.standard_normal()
        slow = ObservationAssembler(spec, history=1)
        pose, twist = message.pose.pose, message.twist.twist
        expected = slow.odometry(
            "kettle/odometry",
            count,
            (pose.position.x, pose.position.y, pose.position.z),
            (pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w),
            (twist.linear.x, twist.linear.y, twist.linear.z),
            (twist.angular.x, twist.angular.y, twist.angular.z),
        )
        stamp, observation = reader.read(serialize(message))
        assert stamp == count
        assert expected is not None and observation is not None
        assert np.array_equal(observation.history, expected.history)
    assert reader.read(b"\x00\x01\x00\x00") == (None, None)
    assert quick.dropped == {"unreadable": 1}
