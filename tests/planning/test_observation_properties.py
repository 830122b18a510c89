"""Whatever the publishers, the order of their messages and of the names in them: the same observations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rcd_ros.planning.channels import ChannelKind, CommandChannel, ObservationChannel
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.spec import ScoreSpec, TaskSpec

PERIOD = 100_000_000
HISTORY = 3
ARM = ("shoulder", "elbow", "wrist", "finger")
SCENE = ("door", "knob")
FOREIGN = ("camera_pan", "left_wheel")
BODY = "kettle"


def _joints(name: str, kind: ChannelKind, topic: str, joints: tuple[str, ...], first: int) -> ObservationChannel:
    columns = tuple(range(first, first + len(joints)))
    return ObservationChannel(
        name=name, kind=kind, topic=topic, joints=joints, units=("1",) * len(joints), columns=columns
    )


SPEC = TaskSpec(
    name="gathered",
    control_period=PERIOD * 1e-9,
    episode_steps=10,
    observations=(
        _joints("arm", "joint_position", "joint_states", ARM, 0),
        _joints("arm_speed", "joint_velocity", "joint_states", ARM, 4),
        _joints("scene", "joint_position", "object_states", SCENE, 8),
        ObservationChannel(
            name="kettle",
            kind="body_pose",
            topic="kettle/odometry",
            joints=(BODY,),
            units=("m",) * 3 + ("1",) * 4,
            columns=tuple(range(10, 17)),
        ),
    ),
    command=CommandChannel(
        topic="joint_trajectory",
        interface="velocity",
        joints=ARM,
        units=("rad/s",) * 4,
        lower=(-1.0,) * 4,
        upper=(1.0,) * 4,
        scale=(1.0,) * 4,
        columns=(0, 1, 2, 3),
    ),
    score=ScoreSpec(kind="return", reference_high=1.0),
)


class Message(NamedTuple):
    """One publisher's message: the joints that it names, in its order; of the body, its name alone."""

    topic: str
    names: tuple[str, ...]


def position_of(name: str, step: int) -> float:
    return 10.0 * (ARM + SCENE + FOREIGN + (BODY,)).index(name) + 0.25 * step


def velocity_of(name: str, step: int) -> float:
    return -1.0 - position_of(name, step)


def expected(step: int) -> list[float]:
    body = [position_of(BODY, step), 1.0, 2.0, 1.0, 0.0, 0.0, 0.0]
    return [
        *(position_of(name, step) for name in ARM),
        *(velocity_of(name, step) for name in ARM),
        *(position_of(name, step) for name in SCENE),
        *body,
    ]


def send(assembler: ObservationAssembler, message: Message, step: int) -> Observation | None:
    if message.topic == "kettle/odometry":
        place = (position_of(BODY, step), 1.0, 2.0)
        return assembler.odometry(
            message.topic, step * PERIOD, place, (0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
        )
    positions = [position_of(name, step) for name in message.names]
    velocities = [velocity_of(name, step) for name in message.names]
    return assembler.joint_state(message.topic, step * PERIOD, message.names, positions, velocities)


@st.composite
def publishers(draw: st.DrawFn) -> list[Message]:
    """Who brings what: the joints of each topic spread over one or more publishers."""
    messages = [Message("kettle/odometry", (BODY,))]
    for topic, joints in (("joint_states", ARM), ("object_states", SCENE)):
        owners = draw(st.lists(st.integers(0, 2), min_size=len(joints), max_size=len(joints)))
        for owner in sorted(set(owners)):
            mine = tuple(joint for joint, of in zip(joints, owners, strict=True) if of == owner)
            foreign = draw(st.sets(st.sampled_from(FOREIGN)))
            messages.append(Message(topic, (*mine, *sorted(foreign))))
    return messages


def shuffled(draw: st.DrawFn, messages: list[Message]) -> list[Message]:
    """The messages in any order, each with its names in any order."""
    return [Message(m.topic, tuple(draw(st.permutations(m.names)))) for m in draw(st.permutations(messages))]


@settings(max_examples=40)
@given(data=st.data())
def test_order_of_messages_and_names_does_not_matter(data: st.DataObject) -> None:
    assembler = ObservationAssembler(SPEC, HISTORY)
    messages = data.draw(publishers())
    for step in range(5):
        answers = [send(assembler, message, step) for message in shuffled(data.draw, messages)]
        *incomplete, last = answers
        # A topic's first message does not tell how many publishers follow: only the last one completes.
        assert incomplete == [None] * len(incomplete)
        assert last is not None and last.stamp == step * PERIOD
        rows = [max(0, step - back) for back in range(HISTORY - 1, -1, -1)]
        np.testing.assert_array_equal(last.history, [expected(row) for row in rows])
    assert assembler.taken == 5 * len(messages)
    assert not assembler.dropped


@settings(max_examples=40)
@given(data=st.data())
def test_an_observation_is_of_one_stamp_whatever_is_lost(data: st.DataObject) -> None:
    assembler = ObservationAssembler(SPEC, 1)
    messages = data.draw(publishers())
    whole = set()
    for step in range(8):
        arrived = data.draw(st.sets(st.sampled_from(messages)))
        observed = [send(assembler, message, step) for message in shuffled(data.draw, sorted(arrived))]
        if len(arrived) == len(messages):
            whole.add(step)
        complete = [observation for observation in observed if observation is not None]
        assert len(complete) == (step in whole)
        for observation in complete:
            assert observation.stamp == step * PERIOD
            np.testing.assert_array_equal(observation.history, [expected(step)])
    assert assembler.stamp == (max(whole) * PERIOD if whole else None)
