"""What others read in our recorder's bags: every message of every topic as it was sent, and not a byte more."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import PoseStamped
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from nav_msgs.msg import Odometry
from rosbags.rosbag2 import Reader
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray, MultiArrayDimension, String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from tests.data.bags.bag_files import STORE
from tests.nodes.conftest import Peer, Process

Start = Callable[..., Process]
COUNT = 40


def word(random: np.random.Generator) -> str:
    """Of any length, so that what follows in a message is aligned in every way; some beyond ASCII."""
    return "".join(random.choice(list("abcxyz_/é漢"), int(random.integers(0, 12))))


def stamped(message: Any, random: np.random.Generator) -> Any:
    message.header.stamp.sec, message.header.stamp.nanosec = int(random.integers(2**31)), int(random.integers(10**9))
    message.header.frame_id = word(random)
    return message


def floats(random: np.random.Generator, count: int) -> list[float]:
    return random.choice([0.0, -0.0, np.inf, np.nan, 1e-320, *random.normal(size=3)], count).tolist()


def joint_state(random: np.random.Generator) -> JointState:
    names = [word(random) for _ in range(random.integers(0, 5))]
    values = [floats(random, int(random.integers(0, 5))) for _ in range(3)]
    return stamped(JointState(name=names, position=values[0], velocity=values[1], effort=values[2]), random)


def trajectory(random: np.random.Generator) -> JointTrajectory:
    message = JointTrajectory(joint_names=[word(random) for _ in range(random.integers(0, 4))])
    for _ in range(random.integers(0, 4)):
        rows = [floats(random, int(random.integers(0, 3))) for _ in range(4)]
        point = JointTrajectoryPoint(positions=rows[0], velocities=rows[1], accelerations=rows[2], effort=rows[3])
        point.time_from_start.sec, point.time_from_start.nanosec = -1, int(random.integers(10**9))
        message.points.append(point)
    return stamped(message, random)


def pose(random: np.random.Generator) -> PoseStamped:
    message = stamped(PoseStamped(), random)
    message.pose.position.x, message.pose.orientation.w = floats(random, 2)
    return message


def odometry(random: np.random.Generator) -> Odometry:
    message = stamped(Odometry(child_frame_id=word(random)), random)
    message.pose.covariance = floats(random, 36)
    message.twist.twist.angular.z = float(random.normal())
    return message


def array(random: np.random.Generator) -> Float64MultiArray:
    message = Float64MultiArray(data=floats(random, int(random.integers(0, 6))))
    message.layout.dim = [MultiArrayDimension(label=word(random), size=3, stride=2**32 - 1)]
    return message


def diagnostics(random: np.random.Generator) -> DiagnosticArray:
    values = [KeyValue(key=word(random), value=word(random)) for _ in range(random.integers(0, 4))]
    status = DiagnosticStatus(level=b"\x02", name=word(random), message=word(random), values=values)
    return stamped(DiagnosticArray(status=[status] * int(random.integers(0, 3))), random)


def clock(random: np.random.Generator) -> Clock:
    message = Clock()
    message.clock.sec, message.clock.nanosec = -int(random.integers(2**31)), int(random.integers(10**9))
    return message


MAKERS: dict[str, tuple[Any, Callable[[np.random.Generator], Any]]] = {
    "states": (JointState, joint_state),
    "trajectories": (JointTrajectory, trajectory),
    "poses": (PoseStamped, pose),
    "odometry": (Odometry, odometry),
    "arrays": (Float64MultiArray, array),
    "reports": (DiagnosticArray, diagnostics),
    "words": (String, lambda random: String(data=word(random))),
    "flags": (Bool, lambda random: Bool(data=bool(random.integers(2)))),
    "clocks": (Clock, clock),
}


def plain(value: Any) -> Any:
    """A message of any library as numbers, words and lists; NaN as a word, since it is not like itself."""
    if isinstance(value, bytes):
        return value[0] if len(value) == 1 else list(value)
    if isinstance(value, bool | np.bool_ | str):
        return bool(value) if not isinstance(value, str) else value
    if isinstance(value, int | float | np.number):
        return "nan" if value != value else (str(value) if value == 0.0 and isinstance(value, float) else value)
    if hasattr(value, "get_fields_and_field_types"):
        return {name: plain(getattr(value, name)) for name in value.get_fields_and_field_types()}
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value) if each.name[0].islower()}
    if hasattr(value, "__slots__") and not isinstance(value, list | np.ndarray | tuple):
        names = [name.lstrip("_") for name in value.__slots__ if not name.startswith("__")]
        return {name: plain(getattr(value, name)) for name in names if hasattr(value, name) and name != "structure"}
    return [plain(item) for item in value]


@pytest.fixture
def bag(start: Start, peer: Peer, tmp_path: Path) -> tuple[Path, dict[str, list[Any]]]:
    """A recorded run, and what was sent in it."""
    folder = tmp_path / "run"
    recorder = start("bag_recorder_node", output=folder)
    random = np.random.default_rng(11)
    publishers = {name: peer.create_publisher(kind, name, 1000) for name, (kind, _) in MAKERS.items()}
    peer.until(lambda: all(p.get_subscription_count() for p in publishers.values()), "the recorder on every topic")
    sent: dict[str, list[Any]] = {f"/{name}": [] for name in MAKERS}
    for _ in range(COUNT):
        for name, (_, make) in MAKERS.items():
            message = make(random)
            publishers[name].publish(message)
            sent[f"/{name}"].append(message)
        time.sleep(0.005)
    time.sleep(0.5)
    assert recorder.interrupt() == 0
    return folder, sent


def test_every_message_is_read_by_others_as_it_was_sent(bag: tuple[Path, dict[str, list[Any]]]) -> None:
    folder, sent = bag
    expected = {topic: [plain(message) for message in messages] for topic, messages in sent.items()}

    found: dict[str, list[Any]] = {topic: [] for topic in sent}
    with Reader(folder) as reader:
        for connection, _, data in reader.messages():
            if connection.topic in sent:
                message = STORE.deserialize_cdr(data, connection.msgtype)
                found[connection.topic].append(plain(message))
                assert len(data) == len(STORE.serialize_cdr(message, connection.msgtype)), "stray bytes"
    assert found == expected

    others: dict[str, list[Any]] = {topic: [] for topic in sent}
    (file,) = folder.glob("*.mcap")
    with file.open("rb") as stream:
        for _, channel, _, message in make_reader(stream, decoder_factories=[DecoderFactory()]).iter_decoded_messages():
            if channel.topic in sent:
                others[channel.topic].append(plain(message))
    assert others == expected
