"""Messages become observations by name and stamp; whatever is wrong with one has a designed, counted reaction."""

from __future__ import annotations

import numpy as np
import pytest

from rcd_ros.planning.channels import ObservationChannel
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.transforms import to_body, to_world
from tests.planning.tiny import tiny_spec

PERIOD = 100_000_000
ARM = ("elbow", "wrist")


def feed(assembler: ObservationAssembler, stamp: int, value: float) -> Observation | None:
    """Arm and door at one stamp: elbow = value, wrist = value + 1, velocities ten times as much, door = -value."""
    arm = np.array([value, value + 1.0])
    assert assembler.joint_state("joint_states", stamp, ARM, arm, 10.0 * arm) is None
    return assembler.joint_state("object_states", stamp, ("door",), [-value], [0.0])


@pytest.fixture
def assembler() -> ObservationAssembler:
    return ObservationAssembler(tiny_spec(), history=3)


def test_history_is_oldest_first_and_starts_by_repeating(assembler: ObservationAssembler) -> None:
    first = feed(assembler, 0, 1.0)
    assert first is not None and first.stamp == 0
    assert first.history.tolist() == [[1.0, 2.0, 10.0, 20.0, -1.0]] * 3
    feed(assembler, PERIOD, 2.0)
    feed(assembler, 2 * PERIOD, 3.0)
    fourth = feed(assembler, 3 * PERIOD, 4.0)
    assert fourth is not None
    assert fourth.history[:, 0].tolist() == [2.0, 3.0, 4.0]


def test_joints_are_found_by_name_in_any_order_among_others(assembler: ObservationAssembler) -> None:
    assembler.joint_state("joint_states", 0, ("wrist", "camera", "elbow"), [2.0, 9.0, 1.0], [20.0, 90.0, 10.0])
    observation = assembler.joint_state("object_states", 0, ("lid", "door"), [7.0, 5.0], [0.0, 0.0])
    assert observation is not None
    assert observation.history[-1].tolist() == [1.0, 2.0, 10.0, 20.0, 5.0]


def test_another_order_of_names_later_is_noticed(assembler: ObservationAssembler) -> None:
    """The index is cached by the message's names; a cache that ignores them would swap joints silently."""
    feed(assembler, 0, 1.0)
    assembler.joint_state("joint_states", PERIOD, ("wrist", "elbow"), [2.0, 1.0], [0.0, 0.0])
    observation = assembler.joint_state("object_states", PERIOD, ("door",), [0.0], [0.0])
    assert observation is not None
    assert observation.history[-1, :2].tolist() == [1.0, 2.0]


def test_another_robot_is_told_by_name(assembler: ObservationAssembler) -> None:
    assert assembler.joint_state("joint_states", 0, ("elbow", "hand"), [0.0, 0.0], [0.0, 0.0]) is None
    assert assembler.missing_joints().keys() == {"joint_states"}
    assert "['wrist']" in assembler.missing_joints()["joint_states"]
    assert assembler.lacks().keys() == {"joint_states", "object_states"}


@pytest.mark.parametrize(
    ("names", "positions", "velocities", "reason"),
    [
        (ARM, [np.nan, 0.0], [0.0, 0.0], "not finite"),
        (ARM, [0.0, 0.0], [0.0, np.inf], "not finite"),
        (ARM, [0.0], [0.0, 0.0], "wrong sizes"),
        (ARM, [0.0, 0.0], [], "wrong sizes"),
        (("elbow",), [0.0], [0.0], "missing joints"),
        (("elbow", "wrist", "elbow"), [0.0] * 3, [0.0] * 3, "duplicated names"),
    ],
)
def test_unusable_messages_are_dropped_and_counted(
    assembler: ObservationAssembler,
    names: tuple[str, ...],
    positions: list[float],
    velocities: list[float],
    reason: str,
) -> None:
    feed(assembler, 0, 1.0)
    assert assembler.joint_state("joint_states", PERIOD, names, positions, velocities) is None
    assert assembler.joint_state("object_states", PERIOD, ("door",), [0.0], [0.0]) is None, "planned on half an input"
    assert assembler.dropped == {reason: 1}
    assert feed(assembler, 2 * PERIOD, 2.0) is not None, "the next good message is planned on"


def test_older_and_repeated_messages_are_dropped(assembler: ObservationAssembler) -> None:
    feed(assembler, 5 * PERIOD, 1.0)
    assert feed(assembler, 5 * PERIOD, 1.0) is None
    assert feed(assembler, 4 * PERIOD, 2.0) is None
    assert assembler.dropped == {"repeated": 2, "out of order": 2}
    assert assembler.restarts == 0


def test_time_jumping_back_starts_a_new_history(assembler: ObservationAssembler) -> None:
    for step in range(15):
        feed(assembler, step * PERIOD, 1.0)
    observation = feed(assembler, 0, 2.0)
    assert observation is not None
    assert observation.history[:, 0].tolist() == [2.0, 2.0, 2.0]
    assert assembler.restarts == 1


def test_a_short_jump_back_is_noticed_when_it_persists(assembler: ObservationAssembler) -> None:
    """A simulator restarted after half a second repeats small stamps; planning must not wait until they are new."""
    for step in range(6):
        feed(assembler, step * PERIOD, 1.0)
    answers = [feed(assembler, step * PERIOD, 2.0) for step in range(4)]
    assert answers[3] is not None
    assert answers[3].history[0, 0] == 2.0


def test_history_does_not_reach_across_a_gap(assembler: ObservationAssembler) -> None:
    """Bridges put a gap between episodes: the last episode's end is no history of the next one's start."""
    feed(assembler, 0, 1.0)
    feed(assembler, PERIOD, 1.0)
    observation = feed(assembler, 100 * PERIOD, 5.0)
    assert observation is not None
    assert observation.history[:, 0].tolist() == [5.0, 5.0, 5.0]


def test_history_is_spaced_by_the_control_period(assembler: ObservationAssembler) -> None:
    """A robot that publishes ten times as fast must not shrink the history to a tenth of its length."""
    for tick in range(60):
        observation = feed(assembler, tick * PERIOD // 10, float(tick))
    assert observation is not None
    assert observation.history[:, 0].tolist() == [39.0, 49.0, 59.0]


def test_stamps_within_the_tolerance_belong_together() -> None:
    assembler = ObservationAssembler(tiny_spec(), history=1, tolerance=0.02)
    assembler.joint_state("joint_states", PERIOD, ARM, [0.0, 0.0], [0.0, 0.0])
    assert assembler.joint_state("object_states", PERIOD - 30_000_000, ("door",), [0.0], [0.0]) is None
    observation = assembler.joint_state("object_states", PERIOD - 15_000_000, ("door",), [0.0], [0.0])
    assert observation is not None and observation.stamp == PERIOD


def test_odometry_becomes_mujocos_pose_and_twist() -> None:
    """Odometry's linear velocity is in the body's frame, the spec's in the world's; quaternions change their order."""
    spec = tiny_spec()
    channels = (
        ObservationChannel(
            name="pose",
            kind="body_pose",
            topic="kettle/odometry",
            joints=("kettle",),
            units=("m",) * 3 + ("1",) * 4,
            columns=tuple(range(7)),
        ),
        ObservationChannel(
            name="twist",
            kind="body_twist",
            topic="kettle/odometry",
            joints=("kettle",),
            units=("m/s",) * 3 + ("rad/s",) * 3,
            columns=tuple(range(7, 13)),
        ),
    )
    assembler = ObservationAssembler(spec.model_copy(update={"observations": channels}), history=1)
    half = np.sqrt(0.5)  # a quarter turn about z: the body's x axis points along the world's y
    observation = assembler.odometry("kettle/odometry", 0, [1, 2, 3], [0, 0, half, half], [1, 0, 0], [0, 0, 4])
    assert observation is not None
    assert observation.history[0] == pytest.approx([1, 2, 3, half, 0, 0, half, 0, 1, 0, 0, 0, 4])
    assert assembler.odometry("kettle/odometry", 1, [1, 2, 3], [0, 0, 0, 0], [1, 0, 0], [0, 0, 4]) is None
    assert assembler.dropped == {"no orientation": 1}


def test_rotations_are_inverse_even_with_a_noisy_quaternion() -> None:
    rng = np.random.default_rng(0)
    quaternion, vector = rng.standard_normal(4), rng.standard_normal(3)
    assert to_world(quaternion, to_body(quaternion, vector)) == pytest.approx(vector, abs=1e-12)
    assert np.linalg.norm(to_body(quaternion, vector)) == pytest.approx(np.linalg.norm(vector))
