import json
from pathlib import Path

import numpy as np
import pytest

from rcd_ros.data.bags.bag import Bag
from rcd_ros.data.episodes import Dataset, Episode
from rcd_ros.data.imports.task_check import check_against_bag, check_against_dataset
from rcd_ros.data.imports.task_proposal import (
    propose_from_bag,
    propose_from_lerobot,
    propose_from_model,
    propose_from_urdf,
)
from rcd_ros.data.storage.dataset_task import check_same_task
from rcd_ros.data.storage.datasets import load_dataset, save_dataset
from rcd_ros.errors import RcdError
from rcd_ros.planning.spec import TaskSource, TaskSpec
from rcd_ros.resources import find_resource
from rcd_ros.tasks.file.reading import parse_task_file
from rcd_ros.tasks.file.spec import spec_of

TEXT = """
task: reach
rate: 10
observe:
  arm: {topic: joint_states, type: JointState, position: [pan, lift]}
  block: {topic: camera/block, type: PoseStamped, pose: block, frame: base, align: hold, max_age: 0.3}
command: {topic: joint_trajectory, joints: [pan, lift], limits: [-2, 2]}
"""


def _spec(text: str = TEXT) -> TaskSpec:
    return spec_of(parse_task_file(TaskSource(text=text, folder="/nowhere"), "reach.yaml"))


def _dataset(pan: float = 1.0) -> Dataset:
    random = np.random.default_rng(0)
    observations = random.uniform(-1, 1, (21, 9)).astype(np.float32)
    observations[:, 0] *= pan
    actions = random.uniform(-1, 1, (20, 2)).astype(np.float32)
    episode = Episode(observations, actions, np.zeros(20, np.float32), False, True)
    return Dataset("rcd/reach-v0", {"task": "reach"}, "", [episode])


def _bag(folder: Path, frame: str = "base", rate: float = 50.0, block_late: int = 35_000_000) -> Bag:
    from rosbags.rosbag2 import StoragePlugin, Writer

    from rcd_ros.data.bags.writer import typestore

    types = typestore()
    make = types.types
    path = folder / "bag"
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        states = writer.add_connection("/joint_states", "sensor_msgs/msg/JointState", typestore=types)
        poses = writer.add_connection("/camera/block", "geometry_msgs/msg/PoseStamped", typestore=types)

        def header(stamp: int, of: str):
            time = make["builtin_interfaces/msg/Time"](sec=stamp // 10**9, nanosec=stamp % 10**9)
            return make["std_msgs/msg/Header"](stamp=time, frame_id=of)

        for step in range(100):
            stamp = 10**9 + round(step / rate * 1e9)
            state = make["sensor_msgs/msg/JointState"](
                header=header(stamp, ""),
                name=["pan", "lift", "wrist"],
                position=np.array([0.5, 0.1 * step / 100, 0.0]),
                velocity=np.empty(0),
                effort=np.empty(0),
            )
            writer.write(states, stamp, types.serialize_cdr(state, states.msgtype))
            if step % 5 == 0:
                pose = make["geometry_msgs/msg/PoseStamped"](
                    header=header(stamp - block_late, frame),
                    pose=make["geometry_msgs/msg/Pose"](
                        position=make["geometry_msgs/msg/Point"](0.4, 0.0, 0.0),
                        orientation=make["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0),
                    ),
                )
                writer.write(poses, stamp, types.serialize_cdr(pose, poses.msgtype))
    return Bag(path)


def test_data_that_fit_give_no_problem():
    assert check_against_dataset(_spec(), _dataset()).problems == []


def test_angles_that_look_like_degrees_are_pointed_out():
    problems = check_against_dataset(_spec(), _dataset(pan=90.0)).problems
    assert len(problems) == 1
    assert "degrees" in problems[0] and "arm.pan" in problems[0]


def test_commands_beyond_their_limits_are_pointed_out():
    problems = check_against_dataset(_spec(TEXT.replace("[-2, 2]", "[-0.5, 0.5]")), _dataset()).problems
    assert ["command of 'pan'" in problems[0], "command of 'lift'" in problems[1]] == [True, True]


def test_a_bag_that_fits_gives_no_problem_and_names_what_is_unused(tmp_path):
    found = check_against_bag(_spec(), _bag(tmp_path))
    assert found.problems == []
    assert any("wrist" in note for note in found.notes)


@pytest.mark.parametrize(
    ("right", "wrong", "word"),
    [
        ("topic: camera/block", "topic: camera/blok", "camera/blok"),
        ("type: PoseStamped", "type: Odometry", "Odometry"),
        ("position: [pan, lift]", "position: [pan, lift, elbow]", "elbow"),
        ("frame: base", "frame: world", "'world'"),
        (", align: hold, max_age: 0.3", "", "ms apart"),
        ("max_age: 0.3", "max_age: 0.05", "max_age"),
        ("rate: 10", "rate: 80", "80 Hz"),
        ("position: [pan, lift]", "position: [pan, lift], velocity: [pan]", "velocities"),
    ],
)
def test_a_bag_shows_what_is_wrong_with_a_task(tmp_path, right, wrong, word):
    problems = check_against_bag(_spec(TEXT.replace(right, wrong)), _bag(tmp_path)).problems
    assert any(word in problem for problem in problems)


def test_proposals_are_task_files(tmp_path):
    (tmp_path / "meta").mkdir()
    feature = {"dtype": "float32", "shape": [2], "names": ["pan.pos", "lift.pos"]}
    features = {"observation.state": feature, "action": feature}
    info = {"codebase_version": "v3.0", "fps": 30, "total_episodes": 1, "features": features}
    (tmp_path / "meta" / "info.json").write_text(json.dumps(info))
    (tmp_path / "arm.urdf").write_text(
        '<robot name="a"><joint name="pan" type="continuous"/><joint name="lift" type="prismatic">'
        '<limit lower="0" upper="1" velocity="2"/></joint></robot>'
    )
    texts = {
        "lerobot": propose_from_lerobot(tmp_path),
        "urdf": propose_from_urdf(tmp_path / "arm.urdf"),
        "model": propose_from_model(find_resource("models/mjcf/small_arm.xml")),
        "bag": propose_from_bag(_bag(tmp_path)),
    }
    specs = {source: _spec(text) for source, text in texts.items()}
    assert specs["lerobot"].command.joints == ("pan", "lift")
    assert specs["lerobot"].control_period == pytest.approx(1 / 30)
    assert specs["urdf"].command.continuous == ("pan",)
    assert specs["urdf"].command.units == ("rad", "m")
    assert specs["model"].command.joints == ("shoulder_pan", "shoulder_lift", "elbow")
    assert [channel.name for channel in specs["bag"].observations] == ["arm", "camera_block"]
    assert specs["bag"].observations[1].frame == "base"


def test_what_nothing_can_be_proposed_from_is_refused(tmp_path):
    with pytest.raises(RcdError, match=r"info\.json"):
        propose_from_lerobot(tmp_path)
    (tmp_path / "meta").mkdir()
    for features in ([1], {"observation.state": 3, "action": 3}, {"observation.state": {"shape": [2]}}, 7):
        info = {"codebase_version": "v3.0", "fps": 30, "total_episodes": 1, "features": features}
        (tmp_path / "meta/info.json").write_text(json.dumps(info))
        with pytest.raises(RcdError) as error:
            propose_from_lerobot(tmp_path)
        assert "\n" not in str(error.value)
    with pytest.raises(RcdError, match="URDF"):
        propose_from_urdf(tmp_path / "none.urdf")


def test_data_of_another_task_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    save_dataset("rcd/reach-v0", _dataset().episodes, task=_spec(), origin={}, description="")
    stored = load_dataset("rcd/reach-v0")
    check_same_task(stored, _spec(TEXT.replace("topic: joint_states", "topic: other_states")))
    for right, wrong, word in (
        ("task: reach", "task: push", "'reach'"),
        ("rate: 10", "rate: 20", "20 Hz"),
        ("position: [pan, lift]", "position: [lift, pan]", "column 0"),
        ("joints: [pan, lift]", "joints: [pan, lift], unit: mm", "column 0"),
    ):
        assert right in TEXT
        with pytest.raises(RcdError) as caught:
            check_same_task(stored, _spec(TEXT.replace(right, wrong)))
        assert word in str(caught.value)
