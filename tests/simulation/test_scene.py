"""What is shown of a scene: its URDF, its transforms, and the way of the end effector."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("rcd_ros.simulation.mujoco_library")

from rcd_ros.errors import RcdError
from rcd_ros.resources import find_resource
from rcd_ros.simulation.drawing.rendering import PassiveViewer
from rcd_ros.simulation.drawing.robot_description import robot_description
from rcd_ros.simulation.drawing.visuals import roll_pitch_yaw
from rcd_ros.simulation.kinematics import BodyFrames, BodyPoses, PlannedPath
from rcd_ros.simulation.mujoco_library import mujoco

ARM = str(find_resource("models/mjcf/small_arm.xml"))
AWKWARD = """
<mujoco model="awkward one">
  <compiler angle="radian"/>
  <worldbody>
    <body name="a" pos="0.1 0 1" euler="0.3 0 0.2">
      <joint name="turn" axis="0 1 1" pos="0.1 0.2 0" ref="0.7"/>
      <joint name="push" type="slide" axis="1 0 0" ref="-0.2"/>
      <geom type="capsule" size="0.05 0.2"/>
      <body pos="0 0 0.4">
        <joint name="last" axis="1 0 0" limited="true" range="-1 1"/>
        <geom type="ellipsoid" size="0.1 0.2 0.3"/><geom type="mesh" mesh="tetra" pos="0 0 0.2" euler="0 1 0"/>
        <geom size="0.1" group="3"/>
      </body>
    </body>
    <body name="free" pos="1 1 1"><freejoint/><geom type="box" size=".1 .2 .3"/></body>
  </worldbody>
  <asset><mesh name="tetra" file="tetra.obj" scale="1 2 1"/></asset>
</mujoco>
"""
TETRA = "v 1 0 0\nv 2 0 0\nv 1 1 0\nv 1 0 1\nf 1 3 2\nf 1 4 3\nf 1 2 4\nf 2 3 4\n"


@pytest.fixture
def awkward(tmp_path: Path) -> tuple[object, Path]:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "tetra.obj").write_text(TETRA)
    (tmp_path / "model" / "awkward.xml").write_text(AWKWARD)
    return mujoco.MjModel.from_xml_path(str(tmp_path / "model" / "awkward.xml")), tmp_path


def matrix(origin: ElementTree.Element) -> np.ndarray:
    """The transform of an `<origin>`: fixed-axis angles, as URDF defines them."""
    (roll, pitch, yaw) = map(float, origin.attrib["rpy"].split())
    result = turn([0, 0, 1], yaw) @ turn([0, 1, 0], pitch) @ turn([1, 0, 0], roll)
    result[:3, 3] = list(map(float, origin.attrib["xyz"].split()))
    return result


def turn(axis: list[float], angle: float) -> np.ndarray:
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    result = np.eye(4)
    result[:3, :3] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return result


def link_places(robot: ElementTree.Element, positions: dict[str, float]) -> dict[str, np.ndarray]:
    """Forward kinematics of a URDF, as robot_state_publisher does it."""
    places = {"world": np.eye(4)}
    for joint in robot.iter("joint"):
        motion = np.eye(4)
        axis = joint.find("axis")
        if axis is not None:
            direction = list(map(float, axis.attrib["xyz"].split()))
            value = positions[joint.attrib["name"]]
            if joint.attrib["type"] == "prismatic":
                motion[:3, 3] = value * np.array(direction)
            else:
                motion = turn(direction, value)
        parent, child = joint.find("parent").attrib["link"], joint.find("child").attrib["link"]
        places[child] = places[parent] @ matrix(joint.find("origin")) @ motion
    return places


@pytest.mark.parametrize("file", ["arm", "awkward"])
def test_the_urdfs_links_are_where_the_models_bodies_are(awkward: tuple[object, Path], file: str) -> None:
    model = awkward[0] if file == "awkward" else mujoco.MjModel.from_xml_path(ARM)
    robot = ElementTree.fromstring(robot_description(model))
    data, random = mujoco.MjData(model), np.random.default_rng(0)
    for _ in range(5):
        data.qpos[:] = random.normal(size=model.nq)
        free = np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE)
        for joint in free:  # a floating joint's place comes from tf
            address = model.jnt_qposadr[joint]
            data.qpos[address : address + 7] = [0, 0, 0, 1, 0, 0, 0]
        mujoco.mj_kinematics(model, data)
        joints = {
            model.joint(index).name: data.qpos[model.jnt_qposadr[index]]
            for index in range(model.njnt)
            if index not in free
        }
        places = link_places(robot, joints)
        for body in range(1, model.nbody):
            place = places[model.body(body).name or f"body_{body}"]
            assert place[:3, 3] == pytest.approx(data.xpos[body], abs=1e-6)
            assert place[:3, :3].ravel() == pytest.approx(data.xmat[body], abs=1e-6)


def test_a_mesh_is_named_by_its_file_and_stands_where_the_model_has_it(awkward: tuple[object, Path]) -> None:
    model, folder = awkward
    robot = ElementTree.fromstring(robot_description(model, [folder]))
    (visual,) = [visual for visual in robot.iter("visual") if visual.find("geometry/mesh") is not None]
    mesh = visual.find("geometry/mesh")
    assert mesh.attrib == {"filename": (folder / "model" / "tetra.obj").as_uri(), "scale": "1 2 1"}
    vertex = matrix(visual.find("origin")) @ np.array([1, 2, 0, 1])  # the file's third vertex, scaled
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    geom = int(np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_MESH)[0])
    drawn = data.geom_xpos[geom] + model.mesh_vert[:4] @ data.geom_xmat[geom].reshape(3, 3).T
    body = int(model.geom_bodyid[geom])
    in_world = data.xpos[body] + data.xmat[body].reshape(3, 3) @ vertex[:3]
    assert np.linalg.norm(drawn - in_world, axis=1).min() < 1e-6


def test_without_its_file_a_mesh_is_a_box_and_hidden_geoms_are_left_out(awkward: tuple[object, Path]) -> None:
    robot = ElementTree.fromstring(robot_description(awkward[0]))
    assert robot.attrib["name"] == "awkward_one"
    link = next(link for link in robot.iter("link") if link.attrib["name"] == "body_2")
    assert [next(iter(geometry)).tag for geometry in link.iter("geometry")] == ["sphere", "box"]
    limits = {joint.attrib["name"]: joint.attrib["type"] for joint in robot.iter("joint")}
    assert (limits["turn"], limits["push"], limits["last"]) == ("continuous", "prismatic", "revolute")


def test_orientations_survive_urdfs_angles() -> None:
    for angles in [(0.1, 0.2, 0.3), (3.0, -1.5, -3.0), (0.4, np.pi / 2, 0.0), (0.4, -np.pi / 2, 0.0)]:
        wanted = turn([0, 0, 1], angles[2]) @ turn([0, 1, 0], angles[1]) @ turn([1, 0, 0], angles[0])
        quaternion = np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, wanted[:3, :3].ravel())
        roll, pitch, yaw = roll_pitch_yaw(quaternion)
        again = turn([0, 0, 1], yaw) @ turn([0, 1, 0], pitch) @ turn([1, 0, 0], roll)
        assert again == pytest.approx(wanted, abs=1e-6)


def test_transforms_lead_from_the_world_to_every_body() -> None:
    model = mujoco.MjModel.from_xml_path(ARM)
    data, frames = mujoco.MjData(model), BodyFrames(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    mujoco.mj_kinematics(model, data)
    still, moving = frames.still(), frames.moving(data)
    assert still.bodies == ("base", "hand")
    assert set(still.bodies) | set(moving.bodies) == {model.body(index).name for index in range(1, model.nbody)}
    places = {"world": (np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))}
    waiting = [*rows(still), *rows(moving)]
    while waiting:
        parent, body, position, orientation = waiting.pop(0)
        if parent not in places:
            waiting.append((parent, body, position, orientation))
            continue
        place, turned = np.zeros(3), np.zeros(4)
        mujoco.mju_rotVecQuat(place, position, places[parent][1])
        mujoco.mju_mulQuat(turned, places[parent][1], orientation)
        places[body] = places[parent][0] + place, turned
    for index in range(1, model.nbody):
        position, orientation = places[model.body(index).name]
        assert position == pytest.approx(data.xpos[index], abs=1e-9)
        assert abs(orientation @ data.xquat[index]) == pytest.approx(1.0)


def rows(poses: BodyPoses) -> list[tuple[str, str, np.ndarray, np.ndarray]]:
    return list(zip(poses.parents, poses.bodies, poses.positions, poses.orientations, strict=True))


def test_a_planned_motion_leads_the_tip_where_the_simulator_would() -> None:
    model = mujoco.MjModel.from_xml_path(ARM)
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    mujoco.mj_kinematics(model, data)
    joints = ("elbow", "shoulder_pan", "finger")
    path = PlannedPath(model, joints)
    places = path.points(data, joints, np.array([[1.2, 0.0, 0.0], [1.2, np.pi / 2, 0.0]]))
    tip = data.site("tip").xpos
    assert places[0] == pytest.approx(tip)
    assert places[1] == pytest.approx([-tip[1], tip[0], tip[2]])
    assert data.qpos[0] == 0.0, "the simulation itself has not moved"
    assert PlannedPath(model, joints, "base").points(data, joints, np.zeros((1, 3)))[0].tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(RcdError, match=r"'hnd'.*'hand'"):
        PlannedPath(model, joints, "hnd")


def test_without_a_screen_there_is_no_window_and_one_sentence_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    model = mujoco.MjModel.from_xml_path(ARM)
    with pytest.raises(RcdError, match="DISPLAY"):
        PassiveViewer(model, mujoco.MjData(model))
