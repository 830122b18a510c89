"""What robots and cameras publish: frames, units, arrays, rates of their own, joints without ends or velocities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rcd_ros.planning.channels import ObservationChannel
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.spec import TaskSpec
from rcd_ros.planning.transforms import Transform
from tests.planning.tiny import tiny_spec

MS = 1_000_000
QUARTER = (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5))
"""A quarter turn about z (w, x, y, z)."""
UPRIGHT = (0.0, 0.0, 0.0, 1.0)
"""No turn, in ROS's order."""


def arm(**fields: Any) -> ObservationChannel:
    return ObservationChannel(
        **{
            "name": "arm",
            "kind": "joint_position",
            "topic": "joint_states",
            "joints": ("elbow", "wrist"),
            "units": ("rad",) * 2,
            "columns": (0, 1),
            **fields,
        }
    )


def block(**fields: Any) -> ObservationChannel:
    return ObservationChannel(
        **{
            "name": "block",
            "kind": "body_pose",
            "topic": "block",
            "joints": ("block",),
            "units": ("m",) * 3 + ("1",) * 4,
            "columns": tuple(range(2, 9)),
            "message": "PoseStamped",
            "frame": "base",
            "align": "hold",
            **fields,
        }
    )


def assembler_of(*channels: ObservationChannel, **options: Any) -> ObservationAssembler:
    spec = tiny_spec().model_copy(update={"observations": channels, **options.pop("spec", {})})
    return ObservationAssembler(spec, **{"history": 1, **options})


def see_arm(assembler: ObservationAssembler, stamp: int, positions: Any = (0.0, 0.0)) -> Observation | None:
    return assembler.joint_state("joint_states", stamp, ("elbow", "wrist"), positions, ())


def values(observation: Observation | None) -> list[float]:
    assert observation is not None
    return observation.history[-1].tolist()


def test_a_pose_in_another_frame_is_transformed() -> None:
    assembler = assembler_of(arm(), block())
    assembler.transform("base", "camera", Transform(None, (1.0, 0.0, 0.5), QUARTER))
    assembler.pose("block", 0, (0.2, 0.0, 0.0), UPRIGHT, "camera")
    assert values(see_arm(assembler, 0))[2:] == pytest.approx([1.0, 0.2, 0.5, *QUARTER])
    assembler.pose("block", 1, (0.2, 0.0, 0.0), UPRIGHT, "/base")
    assert values(see_arm(assembler, 1))[2:5] == pytest.approx([0.2, 0.0, 0.0])


def test_a_moving_frame_is_taken_as_it_was_at_the_poses_stamp() -> None:
    assembler = assembler_of(arm(), block())
    for k in range(10):
        assembler.transform("base", "hand", Transform(k * 10 * MS, (0.1 * k, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0)))
    assembler.pose("block", 31 * MS, (0.0, 1.0, 0.0), UPRIGHT, "hand")
    assert values(see_arm(assembler, 90 * MS))[2:5] == pytest.approx([0.3, 1.0, 0.0])


def test_millimetres_are_metres_before_they_are_transformed() -> None:
    scale = (0.001,) * 3 + (1.0,) * 4
    assembler = assembler_of(arm(), block(topic_scale=scale))
    assembler.transform("base", "camera", Transform(None, (1.0, 0.0, 0.5), QUARTER))
    assembler.pose("block", 0, (200.0, 0.0, 30.0), UPRIGHT, "camera")
    assert values(see_arm(assembler, 0))[2:] == pytest.approx([1.0, 0.2, 0.53, *QUARTER])


@pytest.mark.parametrize("frame", ["camera", ""])
def test_a_pose_in_a_frame_that_nothing_connects_is_never_planned_on(frame: str) -> None:
    assembler = assembler_of(arm(), block())
    assembler.transform("world", "elsewhere", Transform(None, (1.0, 0.0, 0.0), QUARTER))
    assembler.pose("block", 0, (0.2, 0.0, 0.0), UPRIGHT, frame)
    assert see_arm(assembler, 0) is None
    assert assembler.dropped_on == {("block", "another frame"): 1}
    sentence = assembler.lacks()["block"]
    assert f"'{frame}'" in sentence and "'base'" in sentence and "transform" in sentence
    assembler.pose("block", 1, (0.2, 0.0, 0.0), UPRIGHT, "base")
    assert see_arm(assembler, 1) is not None and not assembler.lacks()


def test_a_goal_is_transformed_and_refused_likewise() -> None:
    goal = ObservationChannel(
        name="goal",
        kind="goal_position",
        topic="goal",
        joints=("x", "z"),
        units=("m",) * 2,
        columns=(2, 3),
        achieved=(0, 1),
        frame="base",
        topic_scale=(0.001,) * 2,
    )
    assembler = assembler_of(arm(), goal)
    see_arm(assembler, 0)
    assert assembler.goal_pose("goal", (100.0, 200.0, 300.0), "map") is None
    assert "transform" in assembler.lacks()["goal"]
    assembler.transform("base", "map", Transform(None, (1.0, 0.0, 0.5), QUARTER))
    assert values(assembler.goal_pose("goal", (100.0, 200.0, 300.0), "map"))[2:] == pytest.approx([0.8, 0.8])


def test_a_frame_of_tf_is_observed_as_its_transforms_say() -> None:
    assembler = assembler_of(arm(), block(message="tf", topic="", names=("tag_7",)))
    see_arm(assembler, 0)
    assert "tf:tag_7" in assembler.lacks()
    assembler.transform("base", "camera", Transform(None, (1.0, 0.0, 0.0), QUARTER))
    assembler.transform("camera", "tag_7", Transform(5 * MS, (0.2, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0)))
    assembler.frames_moved()
    assert values(see_arm(assembler, 10 * MS))[2:5] == pytest.approx([1.0, 0.2, 0.0])
    assembler.frames_moved()
    assert assembler.dropped == {}, "a transform that has not changed is none that is repeated"


def force(**fields: Any) -> ObservationChannel:
    return ObservationChannel(
        **{
            "name": "force",
            "kind": "values",
            "topic": "force",
            "joints": ("fz", "fx"),
            "units": ("N",) * 2,
            "columns": (2, 3),
            "layout": ("fx", "fy", "fz"),
            "align": "hold",
            **fields,
        }
    )


def test_numbers_of_an_array_are_found_by_its_layout() -> None:
    assembler = assembler_of(arm(), force(topic_scale=(0.1, 0.1), topic_offset=(1.0, 0.0)))
    assembler.array("force", 3, [10.0, 20.0, 30.0])
    assert values(see_arm(assembler, 4))[2:] == pytest.approx([4.0, 1.0])
    assert assembler.array("force", 5, [10.0, 20.0]) is None
    assert assembler.array("force", 6, [10.0, math.nan, 30.0]) is None
    assert assembler.array("force", 7, [math.nan, 20.0, 30.0]) is None
    assert assembler.dropped_on == {("force", "wrong sizes"): 1, ("force", "not finite"): 1}


def test_joints_of_an_array_are_in_their_unit() -> None:
    degree = math.pi / 180.0
    channel = arm(topic="arm/state", message="Float64MultiArray", layout=("wrist", "elbow"), topic_scale=(degree,) * 2)
    assembler = assembler_of(channel)
    assert values(assembler.array("arm/state", 1, [90.0, 180.0])) == pytest.approx([math.pi, math.pi / 2])


def test_hold_takes_the_newest_value_until_then_and_none_that_is_too_old() -> None:
    assembler = assembler_of(arm(), force(max_age=0.1))
    for stamp, number in ((0, 1.0), (30 * MS, 2.0), (60 * MS, 3.0)):
        assembler.array("force", stamp, [number] * 3)
    assert values(see_arm(assembler, 50 * MS))[2] == 2.0
    assert values(see_arm(assembler, 160 * MS))[2] == 3.0
    assert see_arm(assembler, 161 * MS) is None
    assert "max_age" in assembler.lacks()["force"]


def test_hold_waits_for_a_first_value() -> None:
    assembler = assembler_of(arm(), force())
    assert see_arm(assembler, 0) is None
    assert "nothing usable has come" in assembler.lacks()["force"]
    assembler.array("force", 10 * MS, [1.0] * 3)
    assert see_arm(assembler, 5 * MS) is None, "a value from later is none to hold"
    assert see_arm(assembler, 10 * MS) is not None


def test_nearest_takes_the_nearest_value_before_or_after() -> None:
    assembler = assembler_of(arm(), force(align="nearest", max_age=0.02))
    for stamp, number in ((0, 1.0), (30 * MS, 2.0), (60 * MS, 3.0)):
        assembler.array("force", stamp, [number] * 3)
    assert values(see_arm(assembler, 14 * MS))[2] == 1.0
    assert values(see_arm(assembler, 16 * MS))[2] == 2.0
    assert values(see_arm(assembler, 50 * MS))[2] == 3.0
    assert see_arm(assembler, 90 * MS) is None


def test_a_pose_of_a_slow_late_camera_is_held() -> None:
    """Joints at 100 Hz, a camera at 10 Hz whose poses come 35 ms after their stamps."""
    assembler = assembler_of(arm(), block(max_age=0.3))
    ages = []
    for tick in range(100):
        now = tick * 10 * MS
        if (now - 35 * MS) % (100 * MS) < 10 * MS:
            taken = (now - 35 * MS) // (100 * MS) * 100 * MS
            assembler.pose("block", taken, (taken * 1e-9, 0.0, 0.0), UPRIGHT, "base")
        observation = see_arm(assembler, now)
        if observation is not None:
            ages.append(now * 1e-9 - observation.history[-1, 2])
    assert len(ages) >= 90 and max(ages) < 0.15
    assert not assembler.dropped and not assembler.lacks()


def turning_arm(assembler: ObservationAssembler, angles: list[float], unit: float = 1.0) -> list[Observation]:
    """The wrist at these angles (rad), 20 ms apart, as its driver publishes it: within +-pi."""
    seen = []
    for k, angle in enumerate(angles):
        wrapped = math.remainder(angle, 2.0 * math.pi) / unit
        observation = see_arm(assembler, k * 20 * MS, (0.0, wrapped))
        seen += [] if observation is None else [observation]
    return seen


@pytest.mark.parametrize("unit", [1.0, math.pi / 180.0])
def test_the_speed_of_a_joint_that_turns_across_pi_is_no_jump(unit: float) -> None:
    scale = () if unit == 1.0 else (unit,) * 2
    speed = arm(name="speed", kind="joint_velocity", units=("rad/s",) * 2, columns=(2, 3), topic_scale=scale)
    assembler = assembler_of(arm(continuous=("wrist",), topic_scale=scale), speed)
    angles = [3.0 + 0.05 * k for k in range(8)]
    rates = [observation.history[-1, 3] for observation in turning_arm(assembler, angles, unit)]
    assert len(rates) == 7
    assert rates == pytest.approx([2.5] * 7)


def test_a_history_across_pi_is_in_one_turn() -> None:
    spec = {"control_period": 0.02}
    assembler = assembler_of(arm(continuous=("wrist",)), history=3, spec=spec)
    angles = [3.1, 3.13, 3.16, 3.19]
    newest = turning_arm(assembler, angles)[-1].history[:, 1]
    assert np.diff(newest) == pytest.approx([0.03, 0.03])
    centred = assembler_of(arm(continuous=("wrist",)), history=3, spec=spec, centre=[0.0, 2.5])
    assert turning_arm(centred, angles)[-1].history[:, 1] == pytest.approx(angles[1:])


def test_a_joint_with_ends_may_jump() -> None:
    assembler = assembler_of(arm(), history=2, spec={"control_period": 0.02})
    newest = turning_arm(assembler, [3.1, 3.2])[-1].history[:, 1]
    assert newest[1] - newest[0] == pytest.approx(0.1 - 2.0 * math.pi)


def test_a_driver_without_velocities_is_told_and_derived_from() -> None:
    assembler = ObservationAssembler(tiny_spec(), history=1)
    for k in range(3):
        stamp = k * 10 * MS
        see_arm(assembler, stamp, (0.1 * k, 0.0))
        observation = assembler.joint_state("object_states", stamp, ("door",), [0.0], [])
        assert (observation is None) == (k == 0), "the first message alone has no rate"
        if k == 0:
            assert "second message" in assembler.lacks()["joint_states"]
    assert values(observation)[2:4] == pytest.approx([10.0, 0.0])
    assert assembler.derived == {"joint_states"}


def test_velocities_are_not_derived_across_a_pause_nor_within_noise() -> None:
    assembler = ObservationAssembler(tiny_spec(), history=1)
    seen = []
    for stamp, angle in ((0, 0.0), (10 * MS, 0.1), (11 * MS, 0.2), (20 * MS, 0.2), (900 * MS, 5.0), (910 * MS, 5.0)):
        see_arm(assembler, stamp, (angle, 0.0))
        observation = assembler.joint_state("object_states", stamp, ("door",), [0.0], [0.0])
        if observation is not None:
            seen.append((observation.stamp // MS, observation.history[-1, 2]))
    assert seen == [(10, pytest.approx(10.0)), (20, pytest.approx(10.0)), (910, pytest.approx(0.0))]


def test_arm_and_gripper_drivers_with_stamps_of_their_own_are_gathered() -> None:
    gripper = arm(name="gripper", joints=("finger",), units=("m",), columns=(2,), align="hold")
    assembler = assembler_of(arm(), gripper)
    assembler.joint_state("joint_states", 3 * MS, ("finger",), [0.02], [])
    first = see_arm(assembler, 10 * MS, (0.1, 0.2))
    assembler.joint_state("joint_states", 13 * MS, ("finger",), [0.03], [])
    second = see_arm(assembler, 20 * MS, (0.3, 0.4))
    assert (values(first), values(second)) == ([0.1, 0.2, 0.02], [0.3, 0.4, 0.03])
    assert not assembler.dropped


def test_a_task_says_which_channel_is_the_clock() -> None:
    spec = TaskSpec.model_validate(
        tiny_spec().model_dump() | {"observations": [block(align="stamp"), arm(align="hold")], "clock": "block"}
    )
    assembler = ObservationAssembler(spec, history=1)
    for tick in range(30):
        observation = see_arm(assembler, tick * 10 * MS)
        assert observation is None
        if tick % 10 == 0:
            observation = assembler.pose("block", tick * 10 * MS, (0.0, 0.0, 0.0), UPRIGHT, "base")
            assert observation is not None and observation.stamp == tick * 10 * MS
