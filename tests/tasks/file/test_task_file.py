import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from rcd_ros.data.episodes import Episode
from rcd_ros.data.storage.dataset_task import task_of_dataset
from rcd_ros.data.storage.datasets import load_dataset, save_dataset
from rcd_ros.errors import RcdError
from rcd_ros.planning.manifest import Manifest
from rcd_ros.planning.spec import TaskSource, TaskSpec
from rcd_ros.resources import find_resource
from rcd_ros.simulation.joint_limits import urdf_joints
from rcd_ros.tasks.catalogue import get_task
from rcd_ros.tasks.file.reading import parse_task_file
from rcd_ros.tasks.file.spec import spec_of

TEXT = """
task: push
rate: 20
joints: &arm [pan, lift, wrist]
clock: arm
observe:
  arm:     {topic: /joint_states, type: JointState, position: *arm, velocity: *arm, prefix: left_, continuous: [wrist]}
  gripper: {topic: /gripper/state, type: JointState, position: [gripper], unit: mm, max_age: 0.2}
  block:   {topic: /camera/block, type: PoseStamped, pose: block, frame: base, align: hold, max_age: 0.3}
  force:   {topic: /force, type: Float64MultiArray, values: [fz], layout: [fx, fy, fz], unit: N}
command:
  - {topic: /arm/joint_trajectory, joints: *arm, limits: [-3.1, 3.1], prefix: left_, continuous: [wrist]}
  - topic: /gripper/commands
    type: Float64MultiArray
    joints: [gripper]
    limits: [0, 0.03]
    unit: percent
    scale: 0.03
limits: {acceleration: 10, jerk: {pan: 200}}
columns:
  lerobot:   {observe: {arm: {key: observation.state, columns: 7:14, unit: deg}}, command: action}
  robomimic: {observe: {arm: {key: joints, columns: [0, "2:4"]}, block: object}, command: actions}
  bag:       {command: /leader/joint_states}
success: {block.x: ">= 0.62", arm.lift: "< 1e-1"}
"""


def _file(text: str = TEXT, folder: str = "/nowhere"):
    return parse_task_file(TaskSource(text=text, folder=folder), "push.yaml")


@pytest.fixture
def spec() -> TaskSpec:
    return spec_of(_file())


def test_an_entry_becomes_channels_one_after_another(spec):
    assert [(channel.name, channel.kind) for channel in spec.observations] == [
        ("arm_position", "joint_position"),
        ("arm_velocity", "joint_velocity"),
        ("gripper", "joint_position"),
        ("block", "body_pose"),
        ("force", "values"),
    ]
    assert spec.observation_columns == list(range(3 + 3 + 1 + 7 + 1))
    assert spec.clock == "arm_position"
    assert spec.control_period == pytest.approx(0.05)


def test_names_units_and_types_of_topics_are_kept(spec):
    arm, _, gripper, block, force = spec.observations
    assert arm.topic_names == ("left_pan", "left_lift", "left_wrist")
    assert arm.continuous == ("wrist",)
    assert gripper.units == ("m",)
    assert gripper.topic_scale == (0.001,)
    assert (block.message_type, block.frame, block.align, block.max_age) == ("PoseStamped", "base", "hold", 0.3)
    assert (force.layout, force.units) == (("fx", "fy", "fz"), ("N",))


def test_a_command_is_split_over_its_controllers(spec):
    command = spec.command
    assert command.joints == ("pan", "lift", "wrist", "gripper")
    assert command.lower[:2] == (-3.1, -3.1)
    assert command.continuous == ("wrist",)
    assert command.units[3] == "m"
    arm, gripper = command.controllers
    assert arm.topic_names == ("left_pan", "left_lift", "left_wrist")
    assert gripper.topic_scale == pytest.approx((0.0003,))  # one percent of 30 mm
    assert spec.motion.jerk == (200.0, math.inf, math.inf, math.inf)


def test_success_is_a_goal_of_conditions_on_named_values(spec):
    assert spec.score.goals == ("success",)
    assert [(c.channel, c.value, c.comparison, c.threshold) for c in spec.success] == [
        ("block", "x", ">=", 0.62),
        ("arm_position", "lift", "<", 0.1),
    ]
    assert spec.success[0].holds(np.array([0.61, 0.62])).tolist() == [False, True]


def test_columns_are_slices_lists_and_whole_keys():
    columns = _file().content.columns
    assert columns.lerobot.observe["arm"].columns == tuple(range(7, 14))
    assert columns.robomimic.observe["arm"].columns == (0, 2, 3)
    assert columns.robomimic.observe["block"].columns == ()
    assert columns.bag.command[0].topic == "/leader/joint_states"


def test_a_stored_specification_is_read_back_the_same(spec):
    assert TaskSpec.model_validate(yaml.safe_load(yaml.safe_dump(spec.model_dump(mode="json")))) == spec
    assert TaskSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize("name", ["kitchen-complete", "maze-large"])
def test_manifests_of_before_are_read_and_written_as_they_were(name):
    text = (find_resource(f"models/{name}") / "manifest.yaml").read_text()
    old, new = (yaml.safe_load(each) for each in (text, Manifest.from_yaml(text, name).to_yaml()))
    for written in (old, new):
        del written["format_version"]
        written.pop("critic", None)  # format 2 states the critic in separate fields
    assert new == old


def test_a_selection_without_the_clock_has_its_first_channel_as_clock(spec):
    assert spec.select(["block"]).clock == ""
    assert spec.select(["arm_position", "block"]).clock == "arm_position"


@pytest.mark.parametrize(
    ("right", "wrong", "line", "said"),
    [
        ("position: *arm", "postion: *arm", 7, "'position'"),
        ("rate: 20", "rate: -1", 3, "rate"),
        ("task: push", "tusk: push", 2, "'task'"),
        ("type: PoseStamped", "type: PoseStampd", 9, "observe.block.type"),
        ("7:14", "14:7", 21, "14:7"),
        ("robomimic: {", "robmimic: {", 22, "'robomimic'"),
        ("{observe: {arm: {key: joints", "{obsrve: {arm: {key: joints", 22, "'observe'"),
        ('">= 0.62"', '"large"', 24, "success.block.x"),
        ("block.x", "blok.x", 24, "'block'"),
        ("block.x", "block.w", 24, "qw"),
        ("unit: mm", "unit: furlong", 8, "furlong"),
        ("unit: mm", "unit: deg/s", 8, "deg/s"),
        ("{pan: 200}", "{pen: 200}", 19, "'pan'"),
        ("clock: arm", "clock: am", 5, "'arm'"),
        ("    limits: [0, 0.03]\n", "", 13, "'gripper'"),
        ("rate: 20", "rate: 20\nrate: 30", 4, "twice"),
        ("rate: 20", "rate: [20", 4, "YAML"),
        ('"}\n', '"}\nsimulation: {model: a.xml, random: {block: {x: [2, 1]}}}\n', 25, "smaller"),
        ('"}\n', '"}\nsimulation: {model: a.xml, random: {joints: .inf}}\n', 25, "finite"),
    ],
)
def test_a_mistake_is_reported_with_its_line(right, wrong, line, said):
    with pytest.raises(RcdError) as caught:
        spec_of(_file(TEXT.replace(right, wrong, 1)))
    text = str(caught.value)
    assert f"line {line}" in text
    assert said in text
    assert "\n" not in text


def test_an_anchor_that_holds_itself_is_refused():
    with pytest.raises(RcdError, match="nested"):
        _file("task: &a [*a]")


def test_limits_come_from_a_urdf(tmp_path: Path):
    (tmp_path / "arm.urdf").write_text(
        """<robot name="arm"><link name="a"/><link name="b"/><link name="c"/>
        <joint name="pan" type="revolute"><parent link="a"/><child link="b"/><limit lower="-1" upper="2" velocity="3"/>
        </joint><joint name="lift" type="prismatic"><parent link="b"/><child link="c"/><limit lower="0" upper="0.4"
        velocity="0.1"/></joint></robot>"""
    )
    text = """
task: reach
rate: 10
observe: {arm: {topic: joint_states, position: [pan, lift]}}
command: {topic: joint_trajectory, joints: [pan, lift]}
limits: {urdf: arm.urdf, velocity: {pan: 1.5}}
"""
    spec = spec_of(_file(text, str(tmp_path)))
    assert spec.command.lower == (-1.0, 0.0)
    assert spec.command.upper == (2.0, 0.4)
    assert spec.command.outputs == ()
    assert spec.command.units == spec.observations[0].units == ("rad", "m")
    assert spec.motion.velocity == (1.5, 0.1)


def test_a_limit_of_a_urdf_that_is_no_number_is_named(tmp_path: Path):
    joint = '<joint name="pan" type="revolute"><limit lower="-1,0" upper="2"/></joint>'
    path = tmp_path / "arm.urdf"
    path.write_text(f'<robot name="arm">{joint}</robot>')
    with pytest.raises(RcdError, match=r"'pan'.*'-1,0'"):
        urdf_joints(path)


def test_a_task_file_stands_where_a_task_is_named_and_is_stored_with_data(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "data"))
    path = tmp_path / "push.yaml"
    path.write_text(TEXT)
    task = get_task(str(path), episode_steps=7)
    assert (task.spec.name, task.spec.episode_steps) == ("push", 7)
    episode = Episode(np.zeros((3, 15), np.float32), np.zeros((2, 4), np.float32), np.zeros(2, np.float32), False, True)
    save_dataset("rcd/push-v0", [episode], task=task.spec, origin={}, description="")
    path.unlink()
    stored = task_of_dataset(load_dataset("rcd/push-v0"))
    assert stored.spec == task.spec
    assert stored.file.content.columns.lerobot.command.key == "action"
