"""A camera may give q or -q, in its own frame: the same message bytes to the same plan, through all of the planner."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from rcd_ros.nodes.bridge.scene_publisher import ScenePublisher
from rcd_ros.nodes.planner.observation_reader import reader_type
from rcd_ros.nodes.ros.raw import serialize
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.planner import Planner
from rcd_ros.planning.transforms import Transform
from rcd_ros.resources import find_resource
from rcd_ros.tasks.catalogue import get_task
from tests.planning.tiny import tiny_manifest, write_tiny

STAMP = 5_000_000_000
HALF = np.sqrt(0.5)


def planned(planner: Planner, sign: float, yaw: float, frame: str = "") -> Any:
    """The plan for a scene whose bodies are turned by `yaw`, with quaternions of this sign."""
    spec = planner.spec
    vector = np.array(planner.normalizer.observation_mean, np.float64)
    for channel, places in spec.placed():
        if channel.kind == "body_pose":
            vector[places.start + 3 : places.stop] = np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)
    columns = np.zeros(max(spec.observation_columns) + 1)
    columns[spec.observation_columns] = vector
    assembler = ObservationAssembler(spec, planner.history, centre=planner.normalizer.observation_mean)
    assembler.transform("base", "camera", Transform(None, (0.3, -0.2, 0.1), (HALF, 0.0, HALF, 0.0)))
    observation = None
    for topic, message in ScenePublisher(mock.Mock(), spec, 1).messages(STAMP, columns):
        if hasattr(message, "pose"):
            pose = getattr(message.pose, "pose", message.pose)
            for axis in "wxyz":
                setattr(pose.orientation, axis, sign * getattr(pose.orientation, axis))
            message.header.frame_id = frame or message.header.frame_id
        channel = next(channel for channel in spec.observations if channel.topic == topic)
        reader = reader_type(channel)(assembler, topic, lambda: STAMP)
        observation = reader.read(serialize(message))[1] or observation
    assert observation is not None and not assembler.dropped
    planner.reset(3)
    return planner.plan(observation.history).copy()


@pytest.fixture
def own(tmp_path: Path) -> Planner:
    """A planner of the pushing arm: the block's pose comes as a PoseStamped."""
    write_tiny(tmp_path / "push", tiny_manifest(get_task("push").spec, history=1), gain=0.5)
    return Planner.load(tmp_path / "push", "onnxruntime")


@pytest.mark.parametrize("yaw", [0.0, 1.0, np.pi - 1e-3, np.pi, -2.5])
@pytest.mark.parametrize("frame", ["base", "camera"])
def test_a_planner_of_an_own_robot_plans_the_same_for_both_signs(own: Planner, yaw: float, frame: str) -> None:
    plan = planned(own, 1.0, yaw, frame)
    np.testing.assert_allclose(planned(own, -1.0, yaw, frame), plan, atol=1e-6)


def test_another_orientation_is_another_plan(own: Planner) -> None:
    assert np.abs(planned(own, 1.0, 1.0) - planned(own, 1.0, 2.0)).max() > 1e-3
    assert np.abs(planned(own, 1.0, 1.0, "camera") - planned(own, 1.0, 1.0)).max() > 1e-3


@pytest.mark.parametrize("yaw", [0.2, -0.2])
def test_a_shipped_planner_plans_the_same_for_both_signs(yaw: float) -> None:
    planner = Planner.load(find_resource("models/kitchen-complete"), "onnxruntime")
    np.testing.assert_allclose(planned(planner, -1.0, yaw), planned(planner, 1.0, yaw), atol=1e-6)
