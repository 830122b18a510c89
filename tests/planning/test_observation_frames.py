"""A pose is planned on in the task's frame: as it comes, transformed, or not at all."""

from __future__ import annotations

import math

import pytest

from rcd_ros.planning.channels import ObservationChannel
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.transforms import Transform
from tests.planning.tiny import tiny_spec

TURNED = (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5))
"""A quarter turn to the left, (w, x, y, z)."""


def assembler() -> ObservationAssembler:
    block = ObservationChannel(
        name="block",
        kind="body_pose",
        topic="block",
        joints=("block",),
        units=("m",) * 3 + ("1",) * 4,
        columns=tuple(range(5, 12)),
        message="PoseStamped",
        frame="base",
    )
    return ObservationAssembler(tiny_spec().model_copy(update={"observations": (block,)}), history=1)


def see(of: ObservationAssembler, frame: str, stamp: int = 0) -> Observation | None:
    """The block, a metre ahead in `frame`."""
    return of.pose("block", stamp, (1.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0), frame)


@pytest.mark.parametrize("frame", ["base", "/base"])
def test_a_pose_in_the_tasks_frame_is_taken_as_it_is(frame: str) -> None:
    seen = see(assembler(), frame)
    assert seen is not None
    assert seen.history[0].tolist() == [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("frame", ["camera", "world", ""])
def test_a_pose_in_another_frame_is_not_planned_on_and_both_frames_are_named(frame: str) -> None:
    of = assembler()
    assert see(of, frame) is None
    said = of.lacks()["block"]
    assert f"'{frame}'" in said and "'base'" in said
    assert see(of, "base", stamp=10) is not None
    assert of.lacks() == {}


def test_where_a_transform_is_known_the_pose_is_brought_into_the_tasks_frame() -> None:
    of = assembler()
    of.transform("base", "camera", Transform(None, (0.0, 0.0, 0.5), TURNED))
    seen = see(of, "camera")
    assert seen is not None
    assert seen.history[0] == pytest.approx([0.0, 1.0, 0.5, *TURNED])
