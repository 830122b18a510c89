"""What the planner node observes and what is imported from a bag of the same messages is the same, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from rosbags.rosbag2 import StoragePlugin, Writer
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from rcd_ros.data.bags.bag import Bag
from rcd_ros.data.bags.topics import RecordedObservations, TaskTopics
from rcd_ros.nodes.planner.observation_reader import reader_type
from rcd_ros.nodes.ros.messages import time_message
from rcd_ros.nodes.ros.raw import serialize
from rcd_ros.planning.observation.assembler import ObservationAssembler
from rcd_ros.planning.observation.history import Observation
from rcd_ros.planning.spec import TaskSource, TaskSpec
from rcd_ros.planning.transforms import Transform
from rcd_ros.tasks.file.reading import parse_task_file
from rcd_ros.tasks.file.spec import spec_of
from tests.data.bags.bag_files import STORE, make

TASK = """
task: everything
rate: 20
clock: arm
tolerance: 0.004
observe:
  arm:     {topic: joint_states, position: [a, b], velocity: [a, b], unit: deg, prefix: left_, continuous: [b]}
  gripper: {topic: joint_states, position: [finger], align: hold, max_age: 0.2}
  effort:  {topic: joint_states, effort: [a], prefix: left_}
  block:   {topic: camera/block, pose: block, frame: base, align: hold, max_age: 0.3}
  drone:   {topic: drone/odometry, pose: drone, twist: drone, align: nearest, max_age: 0.1}
  scale:   {topic: scale, values: [weight], layout: [battery, weight], align: hold, unit: percent, scale: 2}
  aim:     {topic: aim, goal: [x, y], achieved: [block.x, block.y]}
command: {topic: joint_trajectory, joints: [a, b], limits: [-3, 3]}
"""
MS = 1_000_000
BEGIN = 1_700_000_000 * 10**9
Sent = tuple[int, str, Any]
"""When (ns), on which topic, which message."""


def spec() -> TaskSpec:
    return spec_of(parse_task_file(TaskSource(text=TASK, folder="."), "everything.yaml"))


def state(stamp: int, names: list[str], position: Any, velocity: Any = (), effort: Any = ()) -> JointState:
    message = JointState(name=names, position=list(position), velocity=list(velocity), effort=list(effort))
    message.header.stamp = time_message(stamp)
    return message


def run(random: np.random.Generator) -> list[Sent]:
    """Two seconds of a robot: drivers of their own, late and lost and broken messages, an arm without velocities."""
    sent: list[Sent] = []
    for tick in range(200):
        now = BEGIN + 10 * MS * tick
        sent.append((now, "joint_states", state(now, ["wheel"], [9.0], [1.0])))
        arm = random.normal(0.0, 60.0, 2).tolist()
        if tick % 37 == 5:
            arm[0] = float("nan")
        late = -400 * MS if tick % 41 == 7 else 0
        names, efforts = ["left_b", "camera", "left_a"], [0.1, 0.0, float(tick)]
        sent.append((now + MS, "joint_states", state(now + late, names, [arm[1], 0.0, arm[0]], (), efforts)))
        if tick % 3 == 0:
            sent.append((now + 2 * MS, "joint_states", state(now - 3 * MS, ["finger"], random.normal(size=1), [0.0])))
        if tick % 10 == 0:
            pose = PoseStamped()
            pose.header.stamp = time_message(now - 35 * MS)
            pose.header.frame_id = "camera" if tick % 20 else "base"
            pose.pose.position.x, pose.pose.position.y = random.normal(size=2).tolist()
            turn = random.normal(size=4)
            turn /= np.linalg.norm(turn)
            q = pose.pose.orientation
            q.x, q.y, q.z, q.w = turn.tolist()
            sent.append((now + 3 * MS, "camera/block", pose))
        if tick % 4 == 0:
            odometry = Odometry()
            odometry.header.stamp = time_message(now + 4 * MS)
            odometry.pose.pose.orientation.w = -1.0
            odometry.twist.twist.linear.x = float(random.normal())
            odometry.pose.pose.position.z = float(tick)
            sent.append((now + 4 * MS, "drone/odometry", odometry))
        if tick % 25 == 0:
            sent.append((now + 5 * MS, "scale", Float64MultiArray(data=[0.5, float(tick)])))
        if tick == 30:
            goal = PoseStamped()
            goal.header.frame_id = "base"
            goal.pose.position.x = 0.25
            sent.append((now + 6 * MS, "aim", goal))
    return sent


def transform(time: int) -> Any:
    """The camera, a metre over the base."""
    place = make("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=1.0)
    turn = make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=np.sqrt(0.5), w=np.sqrt(0.5))
    inside = make("geometry_msgs/msg/Transform", translation=place, rotation=turn)
    stamp = make("builtin_interfaces/msg/Time", sec=time // 10**9, nanosec=0)
    header = make("std_msgs/msg/Header", stamp=stamp, frame_id="base")
    entry = make("geometry_msgs/msg/TransformStamped", header=header, child_frame_id="camera", transform=inside)
    return make("tf2_msgs/msg/TFMessage", transforms=[entry])


def live(sent: list[Sent], history: int) -> tuple[list[Observation], ObservationAssembler]:
    """By the node's readers, from what came over the wire."""
    task = spec()
    assembler = ObservationAssembler(task, history)
    clock = [0]
    readers = {c.topic: reader_type(c)(assembler, c.topic, lambda: clock[0]) for c in task.observations}
    root = float(np.sqrt(0.5))
    assembler.transform("base", "camera", Transform(None, (0.0, 0.0, 1.0), (root, 0.0, 0.0, root)))
    found = []
    for time, topic, message in sent:
        clock[0] = time
        _, observation = readers[topic].read(serialize(message))
        if observation is not None:
            found.append(Observation(observation.stamp, observation.history.copy()))
    return found, assembler


def recorded(
    folder: Path, sent: list[Sent], history: int, storage: StoragePlugin
) -> tuple[list[Observation], ObservationAssembler]:
    """From a bag of the same bytes."""
    task = spec()
    with Writer(folder, version=9, storage_plugin=storage) as writer:
        frames = writer.add_connection("/robot/tf_static", "tf2_msgs/msg/TFMessage", typestore=STORE)
        still = writer.add_connection("/tf_static", "tf2_msgs/msg/TFMessage", typestore=STORE)
        writer.write(still, BEGIN - 1, STORE.serialize_cdr(transform(BEGIN), "tf2_msgs/msg/TFMessage"))
        known: dict[str, Any] = {frames.topic: frames}
        kind = "trajectory_msgs/msg/JointTrajectory"
        known["/robot/joint_trajectory"] = writer.add_connection("/robot/joint_trajectory", kind, typestore=STORE)
        for time, topic, message in sent:
            package, name = type(message).__module__.split(".")[0], type(message).__name__
            full = f"/robot/{topic}"
            if full not in known:
                known[full] = writer.add_connection(full, f"{package}/msg/{name}", typestore=STORE)
            writer.write(known[full], time, serialize(message))
    bag = Bag(folder)
    observations = RecordedObservations(bag, task, TaskTopics(bag, task), history)
    taken = [observations.take(each) for each in bag.messages(observations.topics)]
    return [each for each in taken if each is not None], observations.assembler


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_the_node_and_the_import_observe_the_same(tmp_path: Path, storage: StoragePlugin) -> None:
    sent = run(np.random.default_rng(3))
    node, its = live(sent, history=3)
    bag, theirs = recorded(tmp_path / "bag", sent, 3, storage)
    assert len(node) > 100
    assert [each.stamp for each in bag] == [each.stamp for each in node]
    for one, other in zip(node, bag, strict=True):
        assert np.array_equal(one.history, other.history)
    assert its.dropped_on == theirs.dropped_on and {"not finite", "other joints", "out of order"} <= set(its.dropped)
    assert its.derived == theirs.derived == {"joint_states"}
